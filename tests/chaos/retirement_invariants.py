"""The invariants of retirement, as functions of what can be seen. Each yields a sentence for every breach."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.chaos.evidence import Evidence

DESTROYING = {"DeleteObject", "DeleteObjects", "DeleteObjectVersion", "DeleteBucket"}
GONE = {"disabled": ("DISABLED", "RETIRED"), "retired": ("RETIRED",)}


def nothing_is_retired_on_faith(seen: Evidence) -> Iterator[str]:
    """1. EC2 was asked for nothing that was not provably safe at that moment; what nobody asked for did not happen."""
    yield from seen.testimony
    for call in seen.calls:
        if call.operation in DESTROYING:
            yield f"{call} was called"
    for run in seen.runs:
        for image_id in run.images - seen.images - seen.deletable - seen.taken.keys():
            yield f"{image_id} is gone"


def what_was_deregistered_is_retired_or_about_to_be(seen: Evidence) -> Iterator[str]:
    """5. Whoever comes next sees by the record what EC2 was asked for."""
    for image_id in seen.taken.keys() - seen.touched:
        record = seen.records[image_id]
        intention = (record.get("retirement") or {}).get("intention")
        if (record["status"], intention) not in (("RETIRED", None), ("DISABLED", "deregister")):
            yield f"{image_id} is deregistered, its record is {record['status']}, its intention {intention}"
    for image_id, record in seen.records.items():
        if record.get("status") == "RETIRED" and image_id in seen.images and image_id not in seen.touched:
            yield f"{image_id} is RETIRED, and still there"


def no_snapshot_is_forgotten(seen: Evidence) -> Iterator[str]:
    """A snapshot of a deregistered image is gone, another image uses it, or a later run finds it on the list."""
    for image_id, snapshots in seen.taken.items():
        for snapshot_id in snapshots:
            others = seen.snapshots.get(snapshot_id)
            if others is None or others or (image_id, snapshot_id) in seen.left_snapshots:
                continue
            yield f"{snapshot_id} of {image_id} is there, and nobody will delete it"


def every_retired_image_is_counted_once(seen: Evidence) -> Iterator[str]:
    """The total is the sum of the records."""
    retired = [record for record in seen.records.values() if record.get("status") == "RETIRED"]
    for name, counted in (
        ("images", len(retired)),
        ("snapshot_gib", sum(float(record["retirement"]["snapshot_gib"]) for record in retired)),
    ):
        told = float(seen.saved.get(name, 0))
        if abs(told - counted) > 0.001:
            yield f"the total has {name} {told:g}, the records have {counted:g}"


def everything_planned_has_a_decision(seen: Evidence) -> Iterator[str]:
    """4. Each original of the plan of a run that has ended; and the record says what the page says."""
    for run in seen.runs:
        last = run.execution.last
        if last.status != "SUCCEEDED":
            continue
        run_id = str(last.output["run_id"])
        for image_id in seen.planned[run_id] - seen.acted[run_id].keys():
            yield f"run {run_id} planned {image_id} and says not what became of it"
        for image_id, line in seen.acted[run_id].items():
            if not line["r"]:
                yield f"run {run_id} gives no reason for {image_id}"
            status = seen.records[image_id]["status"]
            if line["d"] in GONE and status not in GONE[line["d"]] and image_id not in seen.touched:
                yield f"run {run_id} says that {image_id} is {line['d']}, its record is {status}"


def no_intention_is_left(seen: Evidence) -> Iterator[str]:
    """5, at rest: what was about to be asked for was asked for, or given up; what was deregistered is RETIRED."""
    for image_id, record in seen.records.items():
        intention = (record.get("retirement") or {}).get("intention")
        if intention is not None and image_id not in seen.touched:
            yield f"{image_id} is {record['status']} at rest, and about to be asked for: {intention}"


ALWAYS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    nothing_is_retired_on_faith,
    what_was_deregistered_is_retired_or_about_to_be,
    no_snapshot_is_forgotten,
    every_retired_image_is_counted_once,
    everything_planned_has_a_decision,
)
AT_REST: tuple[Callable[[Evidence], Iterator[str]], ...] = (no_intention_is_left,)
