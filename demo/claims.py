"""What the demonstration claims, checked against what AWS's calls and the cloud's own log say. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from ami_archiver.model import Decision, Status
from demo.archive import Line
from demo.aws import OWNER, PAST
from demo.evidence import Claim, Evidence
from demo.plan_claims import dry_run_changed_nothing, plan_is_true
from demo.scene import BUDGET_GIB
from demo.side_by_side import Verdict, rows

STARTER = "StartStoreTasks"
"""The only function that starts store tasks; the log knows it by the name that it sends along."""
DESTRUCTIVE = frozenset(
    {"DeregisterImage", "DeleteSnapshot", "DisableImage", "ModifyImageAttribute", "ResetImageAttribute", "DeleteTags"}
)
_IN_ARCHIVE = (Decision.STORED, Decision.ALREADY_ARCHIVED)
_STATUS_OF = {
    Decision.STORED: frozenset({Status.VERIFIED}),
    Decision.ALREADY_ARCHIVED: frozenset({Status.VERIFIED}),
    Decision.FAILED: frozenset({Status.FAILED}),
    Decision.DEFERRED: frozenset({Status.SELECTED, Status.STORING, Status.STORED}),
}
"""Where the record of an image stands after each decision; the other decisions leave no record."""


def check(evidence: Evidence) -> list[Claim]:
    """Every claim about this night."""
    claims = [claim(evidence) for claim in CLAIMS]
    return [claim for claim in claims if claim is not None]


def objects_are_the_archive(evidence: Evidence) -> Claim:
    """As many objects as images stored and archived before, each named by its image, of the recorded size."""
    stored = evidence.decided(Decision.STORED)
    archived = evidence.decided(Decision.ALREADY_ARCHIVED)

    def wrong() -> Iterator[str]:
        expected = {line.image_id for line in (*stored, *archived)}
        found = Counter(_image_of(key) for key in evidence.objects)
        yield from (f"{image_id} has no object" for image_id in sorted(expected - found.keys()))
        yield from (f"an object of {image_id}, which is not archived" for image_id in sorted(found.keys() - expected))
        yield from (f"{count} objects of {image_id}" for image_id, count in found.items() if count > 1)
        yield from (f"{key} is empty" for key, size in evidence.objects.items() if size <= 0)
        for image_id in sorted(expected):
            record = evidence.records.get(image_id, {})
            size = evidence.objects.get(record.get("object_key", ""))
            if size is not None and size != record.get("object_bytes"):
                yield f"{image_id}: {record.get('object_bytes')} bytes recorded, {size} found"
            if image_id in found and size is None:
                yield f"{image_id}: the record's key {record.get('object_key')!r} is not in the bucket"

    sentence = (
        f"{len(evidence.objects)} objects, each named by its image: {len(stored)} stored now, {len(archived)} before; "
        "none empty"
    )
    return Claim(sentence, tuple(wrong()))


def budget_was_kept(evidence: Evidence) -> Claim:
    """By the cloud's log: nothing was accepted at or above the limit, nor did the archiver knowingly ask for it.

    It could not know of a task that somebody else started after its last look at all tasks.
    """
    starts = [call for call in _ec2(evidence, "CreateStoreImageTask") if call["caller"] == STARTER]
    refused = sum(call["status"] != 200 for call in starts)

    def wrong() -> Iterator[str]:
        others_since_look = 0
        for call in _ec2(evidence, "CreateStoreImageTask", "DescribeStoreImageTasks"):
            ours = call["caller"] == STARTER
            if call["operation"] == "DescribeStoreImageTasks":
                if ours and not any(name.startswith("ImageId") for name in call["parameters"]):
                    others_since_look = 0
                continue
            accepted = call["status"] == 200
            said = f"{call['parameters'].get('ImageId')} with {call['in_flight_gib']:g} GiB in flight at {call['at']}"
            if call["in_flight_gib"] >= BUDGET_GIB and accepted:
                yield f"accepted: {said}"
            if call["in_flight_gib"] >= BUDGET_GIB and ours and not others_since_look:
                yield f"asked for: {said}"
            others_since_look += accepted and not ours
        if not starts and evidence.decided(Decision.STORED):
            yield "the log has no start of the archiver's"

    sentence = f"{len(starts)} stores asked for, each with less than {BUDGET_GIB:g} GiB in flight; {refused} refused"
    return Claim(sentence, tuple(wrong()))


def starts_are_recorded(evidence: Evidence) -> Claim:
    """No image was stored more often than its record counts attempts."""
    accepted = Counter(
        call["parameters"].get("ImageId")
        for call in _ec2(evidence, "CreateStoreImageTask")
        if call["status"] == 200 and call["caller"] == STARTER
    )

    def wrong() -> Iterator[str]:
        for image_id, count in accepted.items():
            attempts = evidence.records.get(str(image_id), {}).get("attempts", 0)
            if count > attempts:
                yield f"{image_id}: {count} stores were started, the record counts {attempts}"

    return Claim(f"{accepted.total()} stores started, each counted in the record of its image", tuple(wrong()))


def records_are_complete(evidence: Evidence) -> Claim:
    """Every selected image has a record with status, decision, reason and a history that leads to where it stands."""
    selected = sorted({line.image_id for line in evidence.decided(*_STATUS_OF)})

    def wrong() -> Iterator[str]:
        for image_id in selected:
            record = evidence.records.get(image_id)
            if record is None:
                yield f"{image_id} has no record"
                continue
            yield from (f"{image_id}: no {name}" for name in ("status", "decision", "reason") if not record.get(name))
            moves = record.get("history") or []
            if not moves:
                yield f"{image_id}: no history"
                continue
            if moves[0]["from"] is not None or moves[-1]["to"] != record.get("status"):
                yield f"{image_id}: the history does not lead from nothing to {record.get('status')}"
            if any(one["to"] != two["from"] for one, two in pairwise(moves)):
                yield f"{image_id}: the history has a gap"
            if record.get("status") == Status.VERIFIED and not record.get("object_version_id"):
                yield f"{image_id}: verified without a version of the object"

    return Claim(f"{len(selected)} images selected, each with a complete record", tuple(wrong()))


def summaries_count_right(evidence: Evidence) -> Claim:
    """The summaries' counts are those of the decisions, and the decisions are those of the records."""

    def wrong() -> Iterator[str]:
        for summary in evidence.summaries:
            policy = summary["policy"]
            counted = Counter(line.decision.value for line in evidence.lines.values() if line.policy == policy)
            said = {decision: count for decision, count in summary["decisions"].items() if count}
            if said != counted:
                yield f"policy {policy}: the summary says {said}, the decisions are {dict(counted)}"
        for line in evidence.decided(*_STATUS_OF):
            status = evidence.records.get(line.image_id, {}).get("status")
            if status not in _STATUS_OF[line.decision]:
                yield f"{line.image_id}: decided {line.decision.value}, but the record says {status}"
        worked = [output for output in evidence.outputs if output.get("outcome") == "worked"]
        by_run = {summary["run_id"]: summary for summary in evidence.summaries}
        yield from (
            f"the output of run {output['run_id']} differs from its summary in the table"
            for output in worked
            if by_run.get(output["run_id"]) != output
        )
        if not worked:
            yield "no execution has put out the summary of a run that worked"

    policies = " and ".join(sorted(summary["policy"] for summary in evidence.summaries))
    return Claim(f"the summaries of {policies} count what the records say", tuple(wrong()))


def every_decision_has_its_reason(evidence: Evidence) -> Claim:
    """Nothing is decided without a reason, and what is planned for is decided as planned."""

    def wrong() -> Iterator[str]:
        yield from (f"{line.image_id}: {line.decision.value} for no reason" for line in _unreasoned(evidence))
        decided: dict[str, set[Decision]] = {}
        for line in evidence.lines.values():
            decided.setdefault(line.image_id, set()).add(line.decision)
        for image_id, expected in evidence.scene.expected.items():
            found = decided.get(image_id, set())
            if expected not in found:
                names = ", ".join(sorted(d.value for d in found)) or "nothing"
                yield f"{image_id}: {names} was decided, should be {expected.value}"

    planned = " as planned" if evidence.scene.expected else ""
    ineligible = len(evidence.decided(Decision.INELIGIBLE))
    sentence = f"{len(evidence.lines)} decisions{planned}, each with its reason; {ineligible} images ineligible"
    return Claim(sentence, tuple(wrong()))


def failures_were_met(evidence: Evidence) -> Claim | None:
    """The store that fails once is tried again; the one that always fails is given up, with EC2's reason."""
    once, always = evidence.scene.fails_once, evidence.scene.always_fails
    if once is None or always is None:
        return None

    def wrong() -> Iterator[str]:
        first, second = evidence.records.get(once, {}), evidence.records.get(always, {})
        if first.get("status") != Status.VERIFIED or first.get("attempts") != 2:
            yield f"{once}: {first.get('status')} after {first.get('attempts')} attempts, should be VERIFIED after 2"
        if second.get("status") != Status.FAILED or ALWAYS_REASON not in str(second.get("reason")):
            yield f"{always}: {second.get('status')}, {second.get('reason')!r}; should be FAILED, {ALWAYS_REASON!r}"

    return Claim("one store failed once and is whole now; one always fails, and says why", tuple(wrong()))


def originals_are_untouched(evidence: Evidence) -> Claim:
    """Every image and snapshot is there as before, and nobody asked for anything else.

    Of the image that its owner deleted for the restore, what counts is how it was right before that.
    """
    deleted = evidence.back.deleted if evidence.back else {}

    def wrong() -> Iterator[str]:
        for name, state in evidence.before.items():
            now = deleted.get(name) or evidence.after.get(name)
            if now != state:
                yield f"{name} was {state}, is {now or 'gone'}"
        for call in _ec2(evidence, *DESTRUCTIVE):
            if call["caller"] == PAST:
                continue
            its = call["parameters"].get("ImageId") or call["parameters"].get("SnapshotId")
            if call["caller"] != OWNER or its not in deleted:
                yield f"{call['caller']} called {call['operation']}"

    images = sum(name.startswith("ami-") for name in evidence.before)
    sentence = f"{images} images and {len(evidence.before) - images} snapshots are unchanged"
    return Claim(sentence + (", until one was deleted" if deleted else ""), tuple(wrong()))


def restored_is_equal(evidence: Evidence) -> Claim | None:
    """The deleted image came back from nothing but its object, with all that must be equal, and no other image did."""
    back = evidence.back
    if back is None:
        return None

    def wrong() -> Iterator[str]:
        yield from (f"{name} was still there when the restore began" for name in sorted(back.left))
        if back.restored is None:
            yield f"nothing was restored: {back.problem}"
            return
        for row in rows(back.original, back.restored, may_lose_encryption=back.may_lose_encryption):
            if row.verdict is Verdict.FALSE:
                yield f"{row.name}: {row.original!r} before, {row.restored!r} now"
        new = {back.restored.image["ImageId"], *(each["SnapshotId"] for each in back.restored.snapshots)}
        for name in sorted((evidence.after.keys() - evidence.before.keys()) ^ new):
            yield f"{name} is {'not part of the restored image' if name in evidence.after else 'gone'}"

    return Claim("the deleted image is restored from its object; all that must be equal is equal", tuple(wrong()))


def archive_is_watched(evidence: Evidence) -> Claim | None:
    """Every record that says archived was compared with the bucket, also that of an image that is gone."""
    watched = evidence.watched
    if watched is None:
        return None
    archived = sum(record.get("status") == Status.VERIFIED for record in evidence.records.values())

    def wrong() -> Iterator[str]:
        if watched["compared"] != archived:
            yield f"{archived} records say archived, {watched['compared']} were compared"
        yield from (f"{each['image_id']}: {each['reason']}" for each in watched["differences"])

    sentence = f"{watched['compared']} archived records compared with the bucket, all that there are; none differs"
    return Claim(sentence, tuple(wrong()))


CLAIMS: tuple[Callable[[Evidence], Claim | None], ...] = (
    objects_are_the_archive,
    budget_was_kept,
    starts_are_recorded,
    records_are_complete,
    summaries_count_right,
    every_decision_has_its_reason,
    failures_were_met,
    plan_is_true,
    dry_run_changed_nothing,
    originals_are_untouched,
    restored_is_equal,
    archive_is_watched,
)
ONCE_REASON = "InternalError: an internal error has occurred"
ALWAYS_REASON = "the KMS key of the snapshot is disabled"
"""What EC2 is made to say of the two stores that fail."""


def _ec2(evidence: Evidence, *operations: str) -> Iterator[Mapping[str, Any]]:
    for call in sorted(evidence.calls, key=lambda each: int(each["number"])):
        if call["service"] == "ec2" and call["operation"] in operations:
            yield call


def _unreasoned(evidence: Evidence) -> Iterable[Line]:
    return (line for line in evidence.lines.values() if not line.reason.strip())


def _image_of(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".bin")
