"""What the demonstration claims, checked against what AWS's calls and the cloud's own log say. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from ami_archiver.model import Decision, Status
from ami_archiver.policy import RetireRules
from demo.aws import DEMO, OWNER, PAST, TEAM_B
from demo.evidence import Claim, Evidence
from demo.plan import POLICY
from demo.scene import BUDGET_GIB
from demo.side_by_side import Verdict, rows

OTHERS = frozenset({DEMO, TEAM_B, OWNER, PAST})
"""Who is not the archiver: whatever else stores images is one of its functions."""
DESTRUCTIVE = frozenset(
    {"DeregisterImage", "DeleteSnapshot", "DisableImage", "ModifyImageAttribute", "ResetImageAttribute", "DeleteTags"}
)
_STATUS_OF = {
    Decision.STORED: frozenset({Status.VERIFIED}),
    Decision.ALREADY_ARCHIVED: frozenset({Status.VERIFIED}),
    Decision.FAILED: frozenset({Status.FAILED}),
    Decision.DEFERRED: frozenset({Status.SELECTED, Status.STORING, Status.STORED}),
}
"""Where the record of an image stands after each decision; the other decisions leave no record."""
ONCE_REASON = "InternalError: an internal error has occurred"
ALWAYS_REASON = "the KMS key of the snapshot is disabled"
"""What EC2 is made to say of the two stores that fail."""


def check(evidence: Evidence) -> list[Claim]:
    """Every claim about this night."""
    claims = [claim(evidence) for claim in CLAIMS]
    return [claim for claim in claims if claim is not None]


def objects_are_the_archive(evidence: Evidence) -> Claim:
    """As many objects as images stored and archived before, each named by its image, of the recorded size."""
    stored = evidence.decided(Decision.STORED)
    archived = evidence.decided(Decision.ALREADY_ARCHIVED)
    expected = {line.image_id for line in (*stored, *archived)}
    found = Counter(key.rpartition("/")[2].removesuffix(".bin") for key in evidence.objects)
    wrong = [f"{image_id} has no object" for image_id in sorted(expected - found.keys())]
    wrong += [f"an object of {image_id}, which is not archived" for image_id in sorted(found.keys() - expected)]
    wrong += [f"{count} objects of {image_id}" for image_id, count in found.items() if count > 1]
    wrong += [f"{key} is empty" for key, size in evidence.objects.items() if size <= 0]
    for image_id in sorted(expected):
        record = evidence.records.get(image_id, {})
        size = evidence.objects.get(record.get("object_key", ""))
        if size is not None and size != record.get("object_bytes"):
            wrong.append(f"{image_id}: {record.get('object_bytes')} bytes recorded, {size} found")
        if image_id in found and size is None:
            wrong.append(f"{image_id}: the record's key {record.get('object_key')!r} is not in the bucket")
    counts = f"{len(stored)} stored now, {len(archived)} before"
    return Claim(f"{len(evidence.objects)} objects, each named by its image: {counts}; none empty", wrong)


def budget_was_kept(evidence: Evidence) -> Claim:
    """By the cloud's log: nothing was accepted at or above the limit, nor did the archiver knowingly ask for it.

    It could not know of a task that somebody else started after its last look at all tasks.
    """
    wrong = []
    asked = refused = others_since_look = 0
    for call in evidence.ec2_calls("CreateStoreImageTask", "DescribeStoreImageTasks"):
        ours, accepted = call["caller"] not in OTHERS, call["status"] == 200
        if call["operation"] == "DescribeStoreImageTasks":
            if ours and not any(name.startswith("ImageId") for name in call["parameters"]):
                others_since_look = 0
            continue
        said = f"{call['parameters'].get('ImageId')} with {call['in_flight_gib']:g} GiB in flight at {call['at']}"
        if call["in_flight_gib"] >= BUDGET_GIB and accepted:
            wrong.append(f"accepted: {said}")
        if call["in_flight_gib"] >= BUDGET_GIB and ours and not others_since_look:
            wrong.append(f"asked for: {said}")
        asked += ours
        refused += ours and not accepted
        others_since_look += accepted and not ours
    if not asked and evidence.decided(Decision.STORED):
        wrong.append("the log has no start of the archiver's")
    sentence = f"{asked} stores asked for, each with less than {BUDGET_GIB:g} GiB in flight; {refused} refused"
    return Claim(sentence, wrong)


def starts_are_recorded(evidence: Evidence) -> Claim:
    """No image was stored more often than its record counts attempts."""
    accepted = Counter(
        str(call["parameters"].get("ImageId"))
        for call in evidence.ec2_calls("CreateStoreImageTask")
        if call["status"] == 200 and call["caller"] not in OTHERS
    )
    wrong = []
    for image_id, count in accepted.items():
        attempts = evidence.records.get(image_id, {}).get("attempts", 0)
        if count > attempts:
            wrong.append(f"{image_id}: {count} stores were started, the record counts {attempts}")
    return Claim(f"{accepted.total()} stores started, each counted in the record of its image", wrong)


def records_are_complete(evidence: Evidence) -> Claim:
    """Every selected image has a record with status, decision, reason and a history that leads to where it stands."""
    selected = sorted({line.image_id for line in evidence.decided(*_STATUS_OF)})
    wrong = [f"{each}: {flaw}" for each in selected for flaw in _why_not_complete(evidence.records.get(each))]
    return Claim(f"{len(selected)} images selected, each with a complete record", wrong)


def _why_not_complete(record: Mapping[str, Any] | None) -> list[str]:
    if record is None:
        return ["no record"]
    wrong = [f"no {name}" for name in ("status", "decision", "reason", "history") if not record.get(name)]
    moves = record.get("history") or [{"from": None, "to": record.get("status")}]
    if moves[0]["from"] is not None or moves[-1]["to"] != record.get("status"):
        wrong.append(f"the history does not lead from nothing to {record.get('status')}")
    if any(one["to"] != two["from"] for one, two in pairwise(moves)):
        wrong.append("the history has a gap")
    if record.get("status") == Status.VERIFIED and not record.get("object_version_id"):
        wrong.append("verified without a version of the object")
    return wrong


def summaries_count_right(evidence: Evidence) -> Claim:
    """The summaries' counts are those of the decisions, and the decisions are those of the records."""
    wrong = []
    for summary in evidence.summaries:
        policy = summary["policy"]
        counted = Counter(line.decision.value for line in evidence.lines.values() if line.policy == policy)
        said = {decision: count for decision, count in summary["decisions"].items() if count}
        if said != counted:
            wrong.append(f"policy {policy}: the summary says {said}, the decisions are {dict(counted)}")
    for line in evidence.decided(*_STATUS_OF):
        status = evidence.records.get(line.image_id, {}).get("status")
        if status not in _STATUS_OF[line.decision]:
            wrong.append(f"{line.image_id}: decided {line.decision.value}, but the record says {status}")
    worked = [output for output in evidence.outputs if output.get("outcome") == "worked"]
    by_run = {summary["run_id"]: summary for summary in evidence.summaries}
    for output in worked:
        if by_run.get(output["run_id"]) != output:
            wrong.append(f"the output of run {output['run_id']} differs from its summary in the table")
    if not worked:
        wrong.append("no execution has put out the summary of a run that worked")
    policies = " and ".join(sorted(summary["policy"] for summary in evidence.summaries))
    return Claim(f"the summaries of {policies} count what the records say", wrong)


def every_decision_has_its_reason(evidence: Evidence) -> Claim:
    """Nothing is decided without a reason, and what is planned for is decided as planned."""
    lines = evidence.lines.values()
    wrong = [f"{line.image_id}: {line.decision.value} for no reason" for line in lines if not line.reason.strip()]
    for image_id, expected in evidence.scene.expected.items():
        found = {line.decision for line in lines if line.image_id == image_id}
        if expected not in found:
            names = ", ".join(sorted(decision.value for decision in found)) or "nothing"
            wrong.append(f"{image_id}: {names} was decided, should be {expected.value}")
    planned = " as planned" if evidence.scene.expected else ""
    ineligible = len(evidence.decided(Decision.INELIGIBLE))
    return Claim(f"{len(lines)} decisions{planned}, each with its reason; {ineligible} images ineligible", wrong)


def failures_were_met(evidence: Evidence) -> Claim | None:
    """The store that fails once is tried again; the one that always fails is given up, with EC2's reason."""
    once, always = evidence.scene.fails_once, evidence.scene.always_fails
    if once is None or always is None:
        return None
    wrong = []
    first, second = evidence.records.get(once, {}), evidence.records.get(always, {})
    if first.get("status") != Status.VERIFIED or first.get("attempts") != 2:
        found = f"{first.get('status')} after {first.get('attempts')} attempts"
        wrong.append(f"{once}: {found}, should be VERIFIED after 2")
    if second.get("status") != Status.FAILED or ALWAYS_REASON not in str(second.get("reason")):
        found = f"{second.get('status')}, {second.get('reason')!r}"
        wrong.append(f"{always}: {found}; should be FAILED, {ALWAYS_REASON!r}")
    return Claim("one store failed once and is whole now; one always fails, and says why", wrong)


def plan_is_true(evidence: Evidence) -> Claim | None:
    """The dry run has looked at every original that is archived, and whoever still needs one is named."""
    plan = evidence.plan
    if plan is None:
        return None
    archived = {
        image_id
        for image_id, record in evidence.records.items()
        if record.get("status") == Status.VERIFIED and record.get("policy") == POLICY
    }
    said = {line.image_id: line for line in plan.lines}
    wrong = [f"{image_id} is not archived" for image_id in sorted(said.keys() - archived)]
    wrong += [f"{line.image_id}: for no reason" for line in plan.lines if not line.reason.strip()]
    if plan.counted < min(len(archived), RetireRules().max_images_per_run):
        wrong.append(f"{len(archived)} originals are archived, the plan is about {plan.counted}")
    for image_id, reason in evidence.scene.kept.items():
        line = said.get(image_id)
        if line is None or line.decision is not Decision.KEPT or not line.reason.startswith(reason):
            found = f"{line.decision.value}: {line.reason}" if line else "nothing"
            wrong.append(f"{image_id}: should be kept, {reason} …; the plan says {found}")
    kept = len(plan.would(Decision.KEPT))
    needed = f"; {len(evidence.scene.kept)} of these are in use, on hold or protected" * bool(evidence.scene.kept)
    sentence = f"{plan.counted - kept} of {plan.counted} archived originals would go, {kept} would stay{needed}"
    return Claim(sentence, wrong)


def dry_run_changed_nothing(evidence: Evidence) -> Claim | None:
    """By the cloud's log: while it ran, nobody but the demo itself did more than read and keep its own report."""
    plan = evidence.plan
    if plan is None:
        return None
    made = [call for call in evidence.calls if plan.has_made(call)]
    changing = [call for call in made if not plan.may_make(call)]
    wrong = [f"{call['caller']} called {call['service']} {call['operation']}" for call in changing]
    sentence = f"the dry run changed nothing: {len(made)} calls, all read-only except for its own report"
    return Claim(sentence, wrong if made else ["the log has no call of it"])


def originals_are_untouched(evidence: Evidence) -> Claim:
    """Every image and snapshot is there as before, and nobody asked for anything else.

    Of the image that its owner deleted for the restore, what counts is how it was right before that.
    """
    deleted = evidence.back.deleted if evidence.back else {}
    wrong = []
    for name, state in evidence.before.items():
        now = deleted.get(name) or evidence.after.get(name)
        if now != state:
            wrong.append(f"{name} was {state}, is {now or 'gone'}")
    for call in evidence.ec2_calls(*DESTRUCTIVE):
        its = call["parameters"].get("ImageId") or call["parameters"].get("SnapshotId")
        if call["caller"] != PAST and not (call["caller"] == OWNER and its in deleted):
            wrong.append(f"{call['caller']} called {call['operation']}")
    images = sum(name.startswith("ami-") for name in evidence.before)
    sentence = f"{images} images and {len(evidence.before) - images} snapshots are unchanged"
    return Claim(sentence + (", until one was deleted" if deleted else ""), wrong)


def restored_is_equal(evidence: Evidence) -> Claim | None:
    """The deleted image came back from nothing but its object, with all that must be equal, and no other image did."""
    back = evidence.back
    if back is None:
        return None
    wrong = [f"{name} was still there when the restore began" for name in sorted(back.left)]
    if back.restored is None:
        wrong.append(f"nothing was restored: {back.problem}")
    else:
        for row in rows(back.original, back.restored, may_lose_encryption=back.may_lose_encryption):
            if row.verdict is Verdict.FALSE:
                wrong.append(f"{row.name}: {row.original!r} before, {row.restored!r} now")
        new = {back.restored.image["ImageId"], *(each["SnapshotId"] for each in back.restored.snapshots)}
        for name in sorted((evidence.after.keys() - evidence.before.keys()) ^ new):
            wrong.append(f"{name} is {'not part of the restored image' if name in evidence.after else 'gone'}")
    return Claim("the deleted image is restored from its object; all that must be equal is equal", wrong)


def archive_is_watched(evidence: Evidence) -> Claim | None:
    """Every record that says archived was compared with the bucket, also that of an image that is gone."""
    watched = evidence.watched
    if watched is None:
        return None
    archived = sum(record.get("status") == Status.VERIFIED for record in evidence.records.values())
    wrong = [f"{each['image_id']}: {each['reason']}" for each in watched["differences"]]
    if watched["compared"] != archived:
        wrong.append(f"{archived} records say archived, {watched['compared']} were compared")
    sentence = f"{watched['compared']} archived records compared with the bucket, all that there are; none differs"
    return Claim(sentence, wrong)


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
