"""The invariants of the design, 1 to 8, as functions of what can be seen. Each yields a sentence for every breach.

They hold at every moment between two steps, except those of `AT_REST`, which hold once nothing is left to do. Images
whose record or object people have laid hands on (`touched`), or that cannot be stored (`may_fail`), are judged by the
rules that still apply to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby

from tests.chaos import restore_invariants, retirement_invariants
from tests.chaos.evidence import Evidence

Invariant = Callable[[Evidence], Iterator[str]]

MOVES = {
    None: {"SELECTED"},
    "SELECTED": {"STORING", "FAILED"},
    "STORING": {"STORED", "FAILED", "STORING"},
    "STORED": {"VERIFIED", "FAILED"},
    "VERIFIED": {"DISABLED", "VERIFIED"},
    "DISABLED": {"RETIRED", "DISABLED"},
    "RETIRED": {"RETIRED"},
    "FAILED": {"SELECTED"},
}
"""The diagram, written a second time; STORING → STORING notes an attempt that failed, or where the object was found,
and what is archived is noted to be kept, announced, intended, enabled or restored."""

MEANINGS = {
    "SELECTED": {"deferred"},
    "STORING": {"deferred"},
    "STORED": {"stored"},
    "VERIFIED": {"stored"},
    "DISABLED": {"disabled"},
    "RETIRED": {"retired"},
    "FAILED": {"failed"},
}
ARCHIVED = ("VERIFIED", "DISABLED", "RETIRED")


def nothing_is_stored_twice(seen: Evidence) -> Iterator[str]:
    """2. One task that EC2 did not fail, one version of one object; and no image FAILED whose object is whole."""
    for image_id, tasks in seen.tasks.items():
        whole = [task for task in tasks if task.state != "Failed"]
        if len(whole) > 1 and image_id not in seen.touched:
            yield f"{image_id} stored twice: {len(whole)} tasks"
    for image_id, versions in seen.objects.items():
        if len(versions) > 1 and image_id not in seen.touched:
            yield f"{image_id} stored twice: {len(versions)} object versions"
    for image_id, record in seen.records.items():
        whole_object = any(o["current"] and o["bytes"] for o in seen.objects.get(image_id, []))
        if record.get("status") == "FAILED" and whole_object and image_id not in seen.touched:
            yield f"{image_id} is FAILED ({record['reason']}), and its object is whole"


def nothing_is_lost(seen: Evidence) -> Iterator[str]:
    """2. What is VERIFIED is there, as it was recorded, and stays so whatever becomes of its original."""
    for image_id, record in seen.records.items():
        if record.get("status") not in ARCHIVED or image_id in seen.touched:
            continue
        recorded = (record["object_key"], record["object_version_id"], record["object_bytes"], record["object_etag"])
        there = [
            (o["key"], o["version"], o["bytes"], o["etag"]) for o in seen.objects.get(image_id, []) if o["current"]
        ]
        if there != [recorded]:
            yield f"{image_id} lost: recorded {recorded}, in the bucket {there}"


def the_budget_is_the_account_s(seen: Evidence) -> Iterator[str]:
    """3. No start at or above the budget, and a rejection is no failed attempt."""
    for call in seen.stores:
        if call.in_flight_gib >= seen.budget_gib:
            yield f"a store was started with {call.in_flight_gib:g} of {seen.budget_gib:g} GiB in flight"
    for image_id, record in seen.records.items():
        if image_id in seen.touched | seen.may_fail:
            continue
        if record["attempts"] > len(seen.tasks.get(image_id, [])):
            yield f"{image_id} counts {record['attempts']} attempts, EC2 took {len(seen.tasks.get(image_id, []))}"


def everything_selected_has_a_decision(seen: Evidence) -> Iterator[str]:
    """4. In the record, in the run's pages, and in the summary's count."""
    for image_id, record in seen.records.items():
        if image_id in seen.touched:
            continue
        if record.get("decision") not in MEANINGS[record["status"]] or not record.get("reason"):
            yield f"{image_id} is {record['status']}, decided {record.get('decision')!r}: {record.get('reason')!r}"
    for run in seen.runs:
        last = run.execution.last
        if last.status == "SUCCEEDED":
            yield from _reported(seen, last.output, run.images & seen.images)


def _reported(seen: Evidence, output: dict[str, object], images: set[str]) -> Iterator[str]:
    run_id = str(output["run_id"])
    summary = seen.summaries.get(run_id)
    if summary is None:
        yield f"run {run_id} has no summary"
        return
    if summary["outcome"] not in ("worked", "joined"):
        return
    for image_id in sorted(images - seen.selected[run_id].keys()):
        yield f"run {run_id} decided nothing about {image_id}"
    for line in [*seen.selected[run_id].values(), *seen.ended[run_id].values()]:
        if not line["r"]:
            yield f"run {run_id} gives no reason for {line['i']}"
    if summary["outcome"] == "joined":
        return
    worker = str(summary.get("working_run") or run_id)
    decided = {i for i, line in seen.ended[worker].items() if line["p"] == summary["policy"]} | seen.selected[
        run_id
    ].keys()
    counted = sum(summary["decisions"].values())
    if counted != len(decided):
        yield f"the summary of run {run_id} counts {counted} decisions, its pages have {len(decided)}"
    stored = {i for i, r in seen.records.items() if any(_is_end(m, run_id) for m in r["history"])}
    said = {i for i, line in seen.ended[run_id].items() if line["d"] == "stored"}
    said |= {i for lines in seen.selected.values() for i, line in lines.items() if line["d"] == "already_archived"}
    for image_id in sorted(stored - said - seen.touched):
        yield f"run {run_id} verified {image_id} and did not report it"


def _is_end(move: dict[str, object], run_id: str) -> bool:
    """What is VERIFIED already is noted to be kept, announced or intended; that is retirement's to report."""
    return move["to"] == "VERIFIED" != move["from"] and move["run_id"] == run_id


def what_is_under_way_is_on_the_lease(seen: Evidence) -> Iterator[str]:
    """5. Whoever comes next finds it: every intention is in the set that the next check reads."""
    in_flight = seen.lease.get("in_flight") or set()
    for image_id, record in seen.records.items():
        if record.get("status") in ("STORING", "STORED") and image_id not in in_flight | seen.touched:
            yield f"{image_id} is {record['status']}, and no check will look at it"


def one_run_works_at_a_time(seen: Evidence) -> Iterator[str]:
    """6. No run checks or starts again after another one has taken over."""
    turns = [run_id for run_id, _ in groupby(seen.turns)]
    for run_id, times in Counter(turns).items():
        if times > 1:
            yield f"run {run_id} worked again after another run had: {turns}"


def the_queue_and_the_records_agree(seen: Evidence) -> Iterator[str]:
    """6. What waits is in the queue, once; what is in the queue waits: no selection is left lying."""
    queued = Counter(entry["image_id"] for entry in seen.queue)
    waiting = {image_id for image_id, record in seen.records.items() if record.get("status") == "SELECTED"}
    for image_id in sorted((waiting ^ queued.keys()) - seen.touched):
        yield f"{image_id} is {seen.records.get(image_id, {}).get('status')}, and {queued[image_id]} times in the queue"
    for image_id, times in queued.items():
        if times > 1 and image_id not in seen.touched:
            yield f"{image_id} is {times} times in the queue"


def records_only_grow(seen: Evidence) -> Iterator[str]:
    """8. Only what waits in a list is ever deleted; every history is one path through the diagram."""
    for partition in seen.deletions:
        if partition.partition("#")[0] not in ("QUEUE", "SNAPSHOTS", "RESTORE-QUEUE"):
            yield f"an item of {partition} was deleted"
    for image_id, record in seen.records.items():
        if image_id in seen.touched:
            continue
        status = None
        for move in record["history"]:
            if move["from"] != status or move["to"] not in MOVES[status]:
                yield f"{image_id} moved {move['from']} → {move['to']} from {status}"
            if not (move["at"] and move["run_id"] and move["why"]):
                yield f"{image_id} has a move that says not when, who or why: {move}"
            status = move["to"]
        if status != record["status"]:
            yield f"{image_id} is {record['status']}, its history ends with {status}"


def nothing_is_forgotten(before: Evidence, seen: Evidence) -> Iterator[str]:
    """8. Of two moments: no record is gone, no move is rewritten."""
    for image_id, record in before.records.items():
        if image_id not in seen.records:
            yield f"the record of {image_id} is gone"
        elif image_id not in seen.touched:
            history = seen.records[image_id]["history"]
            if history[: len(record["history"])] != record["history"]:
                yield f"the history of {image_id} was rewritten"


def the_run_converges(seen: Evidence) -> Iterator[str]:
    """5, at rest: nothing is half done, and the lease is given back, with nothing on it."""
    for image_id, record in seen.records.items():
        if record.get("status") not in (*ARCHIVED, "FAILED") and image_id not in seen.touched:
            yield f"{image_id} is {record.get('status')} at rest: {record.get('reason')}"
    if "holder" in seen.lease or seen.lease.get("runs"):
        yield f"the lease is not given back: {seen.lease}"
    for image_id in (seen.lease.get("in_flight") or set()) - seen.touched:
        yield f"{image_id} is still on the lease"


def one_bad_image_never_stops_another(seen: Evidence) -> Iterator[str]:
    """7, at rest: whatever became of the others, an image that nothing happened to is archived."""
    for image_id, record in seen.records.items():
        if record.get("status") == "FAILED" and image_id not in seen.touched | seen.may_fail:
            yield f"{image_id} is FAILED without a fault of its own: {record['reason']}"


ALWAYS: tuple[Invariant, ...] = (
    *retirement_invariants.ALWAYS,
    *restore_invariants.ALWAYS,
    nothing_is_stored_twice,
    nothing_is_lost,
    the_budget_is_the_account_s,
    everything_selected_has_a_decision,
    what_is_under_way_is_on_the_lease,
    one_run_works_at_a_time,
    the_queue_and_the_records_agree,
    records_only_grow,
)
AT_REST: tuple[Invariant, ...] = (
    the_run_converges,
    one_bad_image_never_stops_another,
    *retirement_invariants.AT_REST,
    *restore_invariants.AT_REST,
)


def breaches(seen: Evidence, *, at_rest: bool = False, before: Evidence | None = None) -> list[str]:
    """Everything that does not hold, each with the name of its invariant."""
    found = [f"{check.__name__}: {text}" for check in (*ALWAYS, *(AT_REST if at_rest else ())) for text in check(seen)]
    if before is not None:
        found += [f"nothing_is_forgotten: {text}" for text in nothing_is_forgotten(before, seen)]
        forgotten = restore_invariants.no_restore_is_forgotten(before, seen)
        found += [f"no_restore_is_forgotten: {text}" for text in forgotten]
    return found
