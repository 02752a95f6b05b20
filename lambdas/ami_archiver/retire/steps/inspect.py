"""One look at originals that are due, with everything that could be a reason to keep them: cheap questions first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ami_archiver.errors import AccessDenied
from ami_archiver.model import Action, ArchiveRecord, Image, Refusal, Snapshot
from ami_archiver.policy import Policy
from ami_archiver.retire import reasons
from ami_archiver.retire.app import RetireApp
from ami_archiver.selection import NewestOfGroups

LOOKED_AT_TOGETHER = 10
"""DescribeImageReferences takes at most 10 images."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record whose original is due, and what is to be done to it."""

    record: ArchiveRecord
    policy: Policy
    action: Action


@dataclass
class Finding:
    """What was seen of a candidate just now; no reasons: it may go."""

    candidate: Candidate
    image: Image | None
    reasons: list[str] = field(default_factory=list)
    permissions: tuple[str, ...] = ()
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    pending_report: bool = False
    """There is no usage report to read yet: the only thing that may still keep it."""


class Newest:
    """The newest images of the groups of each policy, listed once per invocation and looked at again for each image."""

    def __init__(self, app: RetireApp) -> None:
        self._app = app
        self._by_policy: dict[str, NewestOfGroups] = {}

    def newer_than(self, image: Image, policy: Policy) -> list[str]:
        """Ids of the newest images of its group that are newer than it."""
        if policy.retire.keep_newest == 0:
            return []
        if policy.name not in self._by_policy:
            newest = NewestOfGroups(policy, policy.retire.keep_newest)
            for page in self._app.originals.pages(policy):
                for each in page.images:
                    newest.add(each)
            self._by_policy[policy.name] = newest
        return self._by_policy[policy.name].newer_than(image)


def inspect(app: RetireApp, candidates: Sequence[Candidate], newest: Newest) -> list[Finding]:
    """What is seen of each now. A candidate with a cheap reason is not looked at any further."""
    images = app.originals.by_id([candidate.record.image_id for candidate in candidates])
    findings = [Finding(candidate, images.get(candidate.record.image_id)) for candidate in candidates]
    for finding in findings:
        finding.reasons += _by_what_ec2_lists(app, finding)
    _look_at_groups(app, [finding for finding in findings if not finding.reasons], newest)
    for finding in _open(findings):
        finding.reasons += by_object(app, finding.candidate.record)
    _look_at_snapshots(app, _open(findings))
    for finding in _open(findings):
        _look_at_sharing(app, finding)
    _look_at_uses(app, _open(findings))
    _look_at_usage(app, _open(findings))
    return findings


def _open(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.reasons]


def _by_what_ec2_lists(app: RetireApp, finding: Finding) -> list[str]:
    record, policy, action = finding.candidate.record, finding.candidate.policy, finding.candidate.action
    now = app.clock.now()
    found = [*reasons.by_image(finding.image, policy, action, now, app.settings.account_id)]
    found += reasons.by_record(record, policy, action, now)
    return found


def _look_at_groups(app: RetireApp, findings: Sequence[Finding], newest: Newest) -> None:
    """Those newer ones that were listed must be there still: somebody may have deleted them since."""
    newer = {
        finding.image.image_id: newest.newer_than(finding.image, finding.candidate.policy)
        for finding in findings
        if finding.image is not None
    }
    there = app.originals.by_id({one for ids in newer.values() for one in ids})
    for finding in findings:
        if finding.image is not None:
            seen = [i for i in newer[finding.image.image_id] if i in there and there[i].state == "available"]
            finding.reasons += reasons.by_group(finding.image, seen, finding.candidate.policy)


def by_object(app: RetireApp, record: ArchiveRecord) -> list[str]:
    """Why the record's object, as it is now, is not enough to let the original go."""
    try:
        found = app.bucket.head(record.object_key)
    except AccessDenied as error:
        return [reasons.object_hidden(record, error.what)]
    unreadable = None
    if found is not None and found.readable:
        unreadable = app.bucket.unreadable(record.object_key, found.version_id)
    return [*reasons.by_object(record, found, unreadable, app.settings.bucket_key_arn)]


def _look_at_snapshots(app: RetireApp, findings: Sequence[Finding]) -> None:
    ids = {one for finding in findings if finding.image for one in finding.image.snapshot_ids}
    if not ids:
        return
    snapshots, locks = app.originals.snapshots(ids), app.originals.locks(ids)
    for finding in findings:
        own = finding.image.snapshot_ids if finding.image else ()
        finding.snapshots = {one: snapshots[one] for one in own if one in snapshots}
        held = None if locks is None else {one: locks[one] for one in own if one in locks}
        finding.reasons += reasons.by_locks(held)


def _look_at_sharing(app: RetireApp, finding: Finding) -> None:
    if finding.image is None:
        return
    permissions = app.originals.launch_permissions(finding.image.image_id)
    finding.permissions = permissions or ()
    finding.reasons += reasons.by_sharing(finding.image, permissions, finding.candidate.policy, app.settings.account_id)


def _look_at_uses(app: RetireApp, findings: Sequence[Finding]) -> None:
    if not findings:
        return
    depth = max(finding.candidate.policy.retire.template_versions for finding in findings)
    uses = app.uses.of([finding.candidate.record.image_id for finding in findings], depth)
    for finding in findings:
        references = uses.references.get(finding.candidate.record.image_id, ())
        finding.reasons += reasons.by_uses(references, uses.not_asked, finding.candidate.policy)


def _look_at_usage(app: RetireApp, findings: Sequence[Finding]) -> None:
    if not findings:
        return
    now = app.clock.now()
    reports = app.usage_reports.newest([finding.candidate.record.image_id for finding in findings])
    for finding in findings:
        if reports is None:
            finding.reasons.append(reasons.usage_unknown("its usage reports cannot be listed"))
            continue
        report = reports.get(finding.candidate.record.image_id)
        if report is None or not reasons.is_recent(report, now) or not report.available:
            finding.pending_report = True
        else:
            finding.reasons += reasons.by_usage(report, app.usage_reports.accounts(report.report_id), now)


def ask_for_report(app: RetireApp, image_id: str) -> bool | str:
    """Whether EC2's report on who else uses the image can be read now; it is asked for. A text: why it cannot be."""
    reports = app.usage_reports.newest([image_id])
    if reports is None:
        return reasons.usage_unknown("its usage reports cannot be listed")
    report = reports.get(image_id)
    if report is not None and reasons.is_recent(report, app.clock.now()):
        return report.available
    asked = app.usage_reports.ask(image_id)
    return reasons.usage_unknown(str(asked)) if isinstance(asked, Refusal) else False
