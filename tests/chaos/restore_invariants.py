"""The invariants of restores, as functions of what can be seen. Each yields a sentence for every breach.

A run *died* if its execution ended with an error (only AccessDenied may do that) or is stopped: a person then starts
another one, which finishes what EC2 has taken from the first. What EC2 was not asked for stays PLANNED or THAWING.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.restore_evidence import RESTORE_ID

MOVES = {
    None: {"PLANNED", "REFUSED"},
    "PLANNED": {"PLANNED", "THAWING", "RESTORING", "FAILED"},
    "THAWING": {"THAWING", "RESTORING", "FAILED"},
    "RESTORING": {"RESTORING", "RESTORED", "FAILED"},
    "RESTORED": set(),
    "FAILED": set(),
    "REFUSED": set(),
}
"""The diagram, written a second time; from a status to itself is what was learned meanwhile."""
ENDED = {"RESTORED": "restored", "FAILED": "failed", "REFUSED": "refused"}
WAITING = {"PLANNED", "THAWING"}
HOW_FAST = ("storage_tier_speed", "thaw_days")
"""RestoreOptions that do not make another image."""


def no_restore_is_started_twice(seen: Evidence) -> Iterator[str]:
    """2. EC2 makes one image of a restore, whatever is repeated. An image that a person deregistered before anybody
    of ours had seen it cannot be told from one that was never asked for: such a restore is asked for once more."""
    started = Counter(s.restore_id for s in seen.restore.starts if s.image_id not in seen.deletable)
    for restore_id, times in started.items():
        if times > 1:
            yield f"{restore_id} restored twice: {times} images"


def an_equal_request_makes_no_second_image(seen: Evidence) -> Iterator[str]:
    """2. Of an image that no run had reported: a run that was stopped is sent again, or two are sent at once."""
    made: dict[str, list[str]] = {}
    for start in seen.restore.starts:
        record = seen.restore.records[start.restore_id]
        image = seen.restore.images.get(start.image_id)
        if image is None or image.state != "available" or record["source_image_id"] in seen.touched:
            continue
        wishes = {name: wish for name, wish in record["wishes"].items() if name not in HOW_FAST}
        equal = made.setdefault(repr((record["object_key"], record["object_version_id"], sorted(wishes.items()))), [])
        for before in equal:
            earlier = seen.restore.records[before]
            summaries = [seen.restore.summaries.get(one) for one in (earlier["run_id"], earlier.get("reported_by"))]
            if not any(one and one["ended_at"] <= record["planned_at"] for one in summaries):
                yield f"{start.restore_id} made {start.image_id}, though nobody had reported the image of {before}"
        equal.append(start.restore_id)


def no_failure_is_reported_of_an_image_that_is_there(seen: Evidence) -> Iterator[str]:
    """2. Neither FAILED nor REFUSED while the image that EC2 made of it is available."""
    for restore_id, record in seen.restore.records.items():
        if record["restore_status"] in ("FAILED", "REFUSED"):
            for image in seen.restore.images_of(restore_id):
                if image.state == "available":
                    yield f"{restore_id} is {record['restore_status']}, and {image.image_id} is available"


def what_is_restored_is_there(seen: Evidence) -> Iterator[str]:
    """2. RESTORED says that the image is available, and image and snapshots say what they come from."""
    for restore_id, record in seen.restore.records.items():
        image_id = record.get("restored_image_id")
        if record["restore_status"] != "RESTORED" or image_id in seen.deletable:
            continue
        image = seen.restore.images.get(str(image_id))
        if image is None or image.state != "available":
            yield f"{restore_id} lost: RESTORED, and its image {image_id} is {image.state if image else 'not there'}"
            continue
        snapshots = [seen.restore.snapshots.get(one) for one in image.snapshot_ids]
        if any(one is None or one.state != "completed" for one in snapshots):
            yield f"{restore_id} lost: RESTORED, and a snapshot of {image_id} is not completed"
        made_for = record.get("takes_over") or restore_id
        expected = {
            RESTORE_ID: made_for,
            "archiver:source-image-id": record["source_image_id"] or "unknown",
            "archiver:object-key": record["object_key"],
            "archiver:object-version": record["object_version_id"],
            "archiver:run-id": made_for.rpartition(".")[0],
        }
        for tags in (image.tags, *(one.tags for one in snapshots if one)):
            if not expected.items() <= tags.items() or not tags.get("archiver:restored-at"):
                yield f"{restore_id}: {image_id} or a snapshot of it has the tags {tags}, not {expected}"
        if image.name != record["name"]:
            yield f"{restore_id}: {image_id} is named {image.name}, its record says {record['name']}"


def the_restore_budget_is_the_account_s(seen: Evidence) -> Iterator[str]:
    """3. No start at or above the budget, whoever fills it."""
    for start in seen.restore.starts:
        if start.in_flight_gib >= seen.restore.budget_gib:
            yield f"{start.restore_id} was started with {start.in_flight_gib:g} of {seen.restore.budget_gib:g} GiB"


def every_call_has_its_intention(seen: Evidence) -> Iterator[str]:
    """5. EC2 takes nothing that is not written down first, and on the lease as long as it is under way."""
    for start in seen.restore.starts:
        if start.status != "RESTORING":
            yield f"{start.restore_id} was started while its record was {start.status}"
    in_flight = seen.restore.lease.get("in_flight") or set()
    for restore_id, record in seen.restore.records.items():
        if record["restore_status"] == "RESTORING" and restore_id not in in_flight:
            yield f"{restore_id} is RESTORING, and no check will look at it"


def every_restore_has_a_decision(seen: Evidence) -> Iterator[str]:
    """4. Of every object of the request of a run that has ended: in its record and counted in the summary."""
    for restore_id, record in seen.restore.records.items():
        if not record.get("reason"):
            yield f"{restore_id} is {record['restore_status']} for no reason"
    for run in seen.restore.runs:
        if run.execution.last.status != "SUCCEEDED":
            continue
        summary = seen.restore.summaries.get(run.run_id)
        if summary is None:
            yield f"run {run.run_id} has no summary"
            continue
        dry = bool(run.given.get("dry_run"))
        found = seen.restore.drafts if dry else seen.restore.records
        own = [one for one in found.values() if one["run_id"] == run.run_id]
        if len(own) != len(seen.restore.requested[run.run_id]):
            yield f"run {run.run_id} was asked for {seen.restore.requested[run.run_id]}, and has {len(own)} records"
        decided = Counter(ENDED.get(one["restore_status"], one["restore_status"]) for one in own)
        if dry:
            decided["would_restore"] = decided.pop("PLANNED", 0)
        told = Counter({name: int(count) for name, count in summary["restores"].items()})
        if +told != +decided:
            yield f"the summary of run {run.run_id} counts {dict(told)}, its records are {dict(decided)}"


def a_dry_run_changes_nothing(seen: Evidence) -> Iterator[str]:
    for restore_id in seen.restore.drafts:
        if restore_id in seen.restore.records or any(s.restore_id == restore_id for s in seen.restore.starts):
            yield f"{restore_id} was only asked about, and is recorded or restored"


def restores_only_move_forward(seen: Evidence) -> Iterator[str]:
    """8. Every history is one path through the diagram."""
    for restore_id, record in seen.restore.records.items():
        status = None
        for move in record["history"]:
            if move["from"] != status or move["to"] not in MOVES[status]:
                yield f"{restore_id} moved {move['from']} → {move['to']} from {status}"
            if not (move["at"] and move["why"]):
                yield f"{restore_id} has a move that says not when or why: {move}"
            status = move["to"]
        if status != record["restore_status"]:
            yield f"{restore_id} is {record['restore_status']}, its history ends with {status}"


def what_waits_is_in_one_queue(seen: Evidence) -> Iterator[str]:
    """5. An entry for each restore that EC2 was not yet asked for, none for any other."""
    entries = Counter(seen.restore.waiting)
    waiting = {one for one, record in seen.restore.records.items() if record["restore_status"] in WAITING}
    for restore_id in sorted(waiting ^ entries.keys()):
        status = seen.restore.records.get(restore_id, {}).get("restore_status")
        yield f"{restore_id} is {status}, and {entries[restore_id]} times in a queue"
    for restore_id, times in entries.items():
        if times > 1:
            yield f"{restore_id} is {times} times in the queues"


def the_original_tells_each_restore_once(seen: Evidence) -> Iterator[str]:
    """8. An entry in the history of the archive record, of which nothing else changes."""
    for restore_id, record in seen.restore.records.items():
        original = seen.records.get(record["source_image_id"])
        if original is None or original.get("object_key") != record["object_key"]:
            continue
        if record["source_image_id"] in seen.touched:
            continue
        told = [move["why"] for move in original["history"] if move["why"].endswith(f" by {restore_id}")]
        wanted = f"restored as {record.get('restored_image_id')} by {restore_id}"
        if record["restore_status"] == "RESTORED" and told != [wanted]:
            yield f"the history of {record['source_image_id']} says of {restore_id}: {told}"
        elif record["restore_status"] in ("FAILED", "REFUSED", *WAITING) and told:
            yield f"{restore_id} is {record['restore_status']}, and its original's history says {told}"


def nothing_is_shared_or_pointed_unasked(seen: Evidence) -> Iterator[str]:
    """9. With those of the record, and only where the run's input says so."""
    wishes = {one: record["wishes"] for one, record in seen.restore.records.items()}
    for image_id in seen.restore.pointed:
        image = seen.restore.images.get(image_id)
        if image_id in seen.deletable:
            continue
        if image is None or not wishes[image.tags[RESTORE_ID]]["point_ssm_parameters"]:
            yield f"a parameter was pointed at {image_id}, and nobody had asked for it"
        elif image.state != "available":
            yield f"a parameter was pointed at {image_id}, which is {image.state}"
    for image in seen.restore.images.values():
        restore_id = image.tags[RESTORE_ID]
        shared = {f"user:{one['UserId']}" for one in image.launch_permissions}
        original = seen.records.get(seen.restore.records[restore_id]["source_image_id"], {})
        allowed = set((original.get("facts") or {}).get("launch_permissions") or ())
        if not shared <= allowed & {f"user:{one}" for one in wishes[restore_id]["share_with"]}:
            yield f"{image.image_id} is shared with {shared}"


def the_restores_converge(seen: Evidence) -> Iterator[str]:
    """5, at rest: no restore is half done, nothing is on the lease, nobody waits in turn."""
    for restore_id, record in seen.restore.records.items():
        status = record["restore_status"]
        if status not in ENDED and not (seen.restore.died(record["run_id"]) and status in WAITING):
            yield f"{restore_id} is {status} at rest: {record['reason']}"
    if "holder" in seen.restore.lease:
        yield f"the restores' lease is not given back: {seen.restore.lease}"
    for restore_id in seen.restore.lease.get("in_flight") or ():
        yield f"{restore_id} is still on the restores' lease"
    for run_id in seen.restore.waiting_runs:
        if not seen.restore.died(run_id):
            yield f"run {run_id} still waits for its turn"


def one_bad_restore_never_stops_another(seen: Evidence) -> Iterator[str]:
    """7, at rest: what nothing happened to is restored. What a dead run had asked EC2 for in vain is given up."""
    for restore_id, record in seen.restore.records.items():
        excused = {record["source_image_id"], record["object_key"]} & (seen.touched | seen.may_fail)
        if record["reason"].startswith("AccessDenied: "):
            continue  # a person grants it and starts the run again
        if record["restore_status"] == "FAILED" and not excused and not seen.restore.died(record["run_id"]):
            yield f"{restore_id} is FAILED without a fault of its own: {record['reason']}"


def no_restore_is_forgotten(before: Evidence, seen: Evidence) -> Iterator[str]:
    """8. Of two moments: no record is gone, no move is rewritten, no restored image changes hands."""
    for restore_id, record in before.restore.records.items():
        now = seen.restore.records.get(restore_id)
        if now is None:
            yield f"the record of {restore_id} is gone"
        elif now["history"][: len(record["history"])] != record["history"]:
            yield f"the history of {restore_id} was rewritten"
        elif record.get("restored_image_id") not in (None, now.get("restored_image_id")):
            yield f"{restore_id} was {record['restored_image_id']}, now it is {now.get('restored_image_id')}"


ALWAYS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    no_restore_is_started_twice,
    an_equal_request_makes_no_second_image,
    no_failure_is_reported_of_an_image_that_is_there,
    what_is_restored_is_there,
    the_restore_budget_is_the_account_s,
    every_call_has_its_intention,
    every_restore_has_a_decision,
    a_dry_run_changes_nothing,
    restores_only_move_forward,
    what_waits_is_in_one_queue,
    the_original_tells_each_restore_once,
    nothing_is_shared_or_pointed_unasked,
)
AT_REST: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    the_restores_converge,
    one_bad_restore_never_stops_another,
)
