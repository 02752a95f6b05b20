"""One look at originals that are due, with everything that could be a reason to keep them: cheap questions first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ami_archiver.errors import AccessDenied
from ami_archiver.model import Action, ArchiveRecord, Image, Refusal, Snapshot
from ami_archiver.policy import Policy
from ami_archiver.retire import reasons
from ami_archiver.retire.app import RetireApp
from ami_archiver.retire.model import UsageReport
from ami_archiver.selection import NewestOfGroups, newest_images


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record whose original is due, and what is to be done to it."""

    record: ArchiveRecord
    policy: Policy
    action: Action


@dataclass
class Finding:
    """What was seen of a candidate just now; no reason: it may go."""

    candidate: Candidate
    image: Image | None
    reason: str | None = None
    permissions: tuple[str, ...] = ()
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    pending_report: bool = False
    """There is no usage report to read yet: the only thing that may still keep it."""


class Inspector:
    """Looks at originals. The newest images of groups are listed once, and looked at again for each image."""

    def __init__(self, app: RetireApp) -> None:
        self._app = app
        self._newest: dict[str, NewestOfGroups] = {}

    def inspect(self, candidates: Sequence[Candidate]) -> list[Finding]:
        """What is seen of each now. A candidate with a reason is not looked at any further."""
        images = self._app.originals.by_id([candidate.record.image_id for candidate in candidates])
        findings = [Finding(candidate, images.get(candidate.record.image_id)) for candidate in candidates]
        for finding in findings:
            finding.reason = next((why for why in self._own_reasons(finding) if why), None)
        self._look_at_uses([finding for finding in findings if not finding.reason])
        for finding in findings:
            if not finding.reason:
                self._look_at_usage(finding)
        return findings

    def _own_reasons(self, finding: Finding) -> Iterator[str | None]:
        """One after the other: what comes behind the first reason is not asked for."""
        app, account_id, now = self._app, self._app.settings.account_id, self._app.clock.now()
        record, policy, action = finding.candidate.record, finding.candidate.policy, finding.candidate.action
        image = finding.image
        if image is None:
            yield reasons.original_gone()
            return
        yield reasons.by_image(image, policy, action, now, account_id)
        yield reasons.by_record(record, policy, action, now)
        yield reasons.by_group(image, self._newer_than(image, policy), policy)
        yield by_object(app, record)
        finding.snapshots = app.originals.snapshots(image.snapshot_ids)
        yield reasons.by_locks(app.originals.locks(image.snapshot_ids))
        permissions = app.originals.launch_permissions(image.image_id)
        finding.permissions = permissions or ()
        yield reasons.by_sharing(image, permissions, policy, account_id)

    def _newer_than(self, image: Image, policy: Policy) -> list[str]:
        """Those of the newest of its group that are newer than it, and available still: somebody may have deleted one
        since they were listed."""
        if policy.name not in self._newest:
            pages = self._app.originals.pages(policy)
            self._newest[policy.name] = newest_images(policy, policy.retire.keep_newest, pages)
        own = (image.creation_date, image.image_id)
        newer = [newest[1] for newest in self._newest[policy.name].of(policy.group_of(image)) if newest > own]
        there = self._app.originals.by_id(newer)
        return [one for one in newer if one in there and there[one].state == "available"]

    def _look_at_uses(self, findings: Sequence[Finding]) -> None:
        if not findings:
            return
        depth = max(finding.candidate.policy.retire.template_versions for finding in findings)
        uses = self._app.uses.of([finding.candidate.record.image_id for finding in findings], depth)
        for finding in findings:
            references = uses.references.get(finding.candidate.record.image_id, ())
            finding.reason = reasons.by_uses(references, uses.not_asked, finding.candidate.policy)

    def _look_at_usage(self, finding: Finding) -> None:
        report = recent_report(self._app, finding.candidate.record.image_id)
        if isinstance(report, Refusal):
            finding.reason = reasons.usage_unknown(report)
        elif report is None or not report.available:
            finding.pending_report = True
        else:
            finding.reason = reasons.by_usage(self._app.usage_reports.accounts(report.report_id))


def recent_report(app: RetireApp, image_id: str) -> UsageReport | Refusal | None:
    """EC2's newest report on who else uses the image, unless it is too old."""
    report = app.usage_reports.newest(image_id)
    if isinstance(report, UsageReport) and not reasons.is_recent(report, app.clock.now()):
        return None
    return report


def ask_for_report(app: RetireApp, image_id: str) -> UsageReport | Refusal | None:
    """As `recent_report`; where there is none, EC2 is asked for one."""
    return recent_report(app, image_id) or app.usage_reports.ask(image_id)


def by_object(app: RetireApp, record: ArchiveRecord) -> str | None:
    """Why the record's object, as it is now, is not enough to let the original go."""
    try:
        found = app.bucket.head(record.object_key)
    except AccessDenied as error:
        return reasons.object_hidden(record, error.what)
    unreadable = None
    if found is not None and found.readable:
        unreadable = app.bucket.unreadable(record.object_key, found.version_id)
    return reasons.by_object(record, found, unreadable, app.settings.bucket_key_arn)
