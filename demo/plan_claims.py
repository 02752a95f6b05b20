"""What the demonstration claims of its dry run about the originals. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator

from ami_archiver.model import Decision, Status
from ami_archiver.policy import RetireRules
from demo.aws import DEMO
from demo.evidence import Claim, Evidence
from demo.plan import POLICY, changing


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

    def wrong() -> Iterator[str]:
        said = {line.image_id: line for line in plan.lines}
        if plan.counted < min(len(archived), RetireRules().max_images_per_run):
            yield f"{len(archived)} originals are archived, the plan is about {plan.counted}"
        yield from (f"{image_id} is not archived" for image_id in sorted(said.keys() - archived))
        yield from (f"{line.image_id}: for no reason" for line in plan.lines if not line.reason.strip())
        for image_id, reason in evidence.scene.kept.items():
            line = said.get(image_id)
            if line is None or line.decision is not Decision.KEPT or not line.reason.startswith(reason):
                found = f"{line.decision.value}: {line.reason}" if line else "nothing"
                yield f"{image_id}: should be kept, {reason} …; the plan says {found}"

    kept = len(plan.would(Decision.KEPT))
    needed = f"; {len(evidence.scene.kept)} of these are in use, on hold or protected" * bool(evidence.scene.kept)
    sentence = f"{plan.counted - kept} of {plan.counted} archived originals would go, {kept} would stay{needed}"
    return Claim(sentence, tuple(wrong()))


def dry_run_changed_nothing(evidence: Evidence) -> Claim | None:
    """By the cloud's log: while it ran, nobody but the demo itself did more than read and keep its own report."""
    if evidence.plan is None:
        return None
    first, last = evidence.plan.calls
    count = sum(first < call["number"] <= last and call["caller"] != DEMO for call in evidence.calls)
    none = () if count else ("the log has no call of it",)
    sentence = f"the dry run changed nothing: {count} calls, all read-only except for its own report"
    return Claim(sentence, (*none, *changing(evidence.calls, evidence.plan)))
