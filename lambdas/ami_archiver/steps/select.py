"""SelectImages: a decision for every image that the policy's tags match, and those to be stored into the queue."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ami_archiver import lifecycle
from ami_archiver.app import App
from ami_archiver.errors import AccessDenied
from ami_archiver.failures import hidden
from ami_archiver.inventory import Inventory
from ami_archiver.model import (
    ARCHIVED,
    ArchiveRecord,
    Decision,
    DecisionLine,
    Fetched,
    Image,
    QueueEntry,
    Snapshot,
    Status,
    Verdict,
)
from ami_archiver.policy import Policy
from ami_archiver.run_state import Next, Outcome, RunState, begin
from ami_archiver.selection import Cap, leave_out, newest_images, select
from ami_archiver.steps import adopt, lease
from ami_archiver.steps.pages import log_decision
from ami_archiver.verification import why_altered

logger = logging.getLogger(__name__)

PAGE_SECONDS = 300
"""What one page of 1,000 images may take; with less time left, the next invocation goes on."""

QUEUED = "waits for its turn in the in-flight budget; what the store window leaves goes first next night"


def select_images(app: App, event: Mapping[str, Any], seconds_left: Callable[[], float]) -> RunState:
    """Select page by page until done or until `seconds_left()` gets short. Raises BadInput, LeaseLost."""
    raw = event.get("input") if isinstance(event, Mapping) else None
    going_on = isinstance(raw, dict) and raw.get("next") == Next.SELECT_MORE
    state = RunState.from_json(raw) if going_on else begin(event, app.settings)
    if state.dry_run:
        return _select(app, state, seconds_left, working=False, then=Next.RETIRE)
    outcome, holder = lease.enter(app, state)
    if outcome is Outcome.MET:
        return state.then(Next.REPORT, outcome=outcome, working_run=holder)
    state = _select(app, state, seconds_left, working=holder is None, then=Next.STORE)
    if state.next is Next.SELECT_MORE or holder is None:
        return state
    outcome, holder = lease.settle(app, state)
    return state.then(Next.STORE if holder is None else Next.REPORT, outcome=outcome, working_run=holder)


def _select(app: App, state: RunState, seconds_left: Callable[[], float], *, working: bool, then: Next) -> RunState:
    """Page by page. Of a policy that was taken out of the configuration since the last page, nothing more is selected:
    what is in the queue is worked off, and the run ends with its report."""
    policy = app.settings.policy(state.policy)
    if policy is None:
        logger.warning("policy is not configured any more", extra={"policy": state.policy})
        return state.then(then, next_token=None)
    return _Selection(app, policy, state, working=working).pages(seconds_left, then=then)


@dataclass(frozen=True)
class _Chosen:
    """An image to be stored, its FAILED record if it has one, its size, and its snapshots."""

    image: Image
    before: ArchiveRecord | None
    gib: float
    snapshots: list[Snapshot]


@dataclass
class _Page:
    """What is decided about one page of images."""

    lines: list[DecisionLine] = field(default_factory=list)
    chosen: list[_Chosen] = field(default_factory=list)
    under_way: list[str] = field(default_factory=list)
    """Stores that an earlier run left: the working run takes them up, a joining one leaves them to it."""


class _Selection:
    def __init__(self, app: App, policy: Policy, state: RunState, *, working: bool) -> None:
        self._app = app
        self._working = working
        self._policy = policy
        self._state = state
        self._now = app.clock.now()
        self._inventory = Inventory(app.bucket.listing())
        self._newest = newest_images(policy, policy.keep_newest, app.images.pages(policy))
        self._cap = Cap(state.selected_images, state.selected_gib)

    def pages(self, seconds_left: Callable[[], float], *, then: Next) -> RunState:
        counts = Counter(self._state.counts)
        number = self._state.page
        for page in self._app.images.pages(self._policy, self._state.next_token):
            number += 1
            decided = self._decide(page.images)
            if self._state.dry_run:
                counts.update(line.decision.value for line in decided.lines)
                counts["would_store"] += len(decided.chosen)
            else:
                decided.lines += self._enqueue(decided)
                self._app.runs.put_page(self._state.run_id, f"SELECT#{number:05}", decided.lines)
                if self._working and (decided.under_way or page.next_token):
                    lease.renew(self._app, self._state, add=decided.under_way)
            for line in decided.lines:
                log_decision(logger, line)
            self._state = self._state.then(
                Next.SELECT_MORE,
                page=number,
                next_token=page.next_token,
                selected_images=self._cap.images,
                selected_gib=self._cap.gib,
                counts=dict(counts) if self._state.dry_run else {},
            )
            if page.next_token and seconds_left() < PAGE_SECONDS:
                return self._state
        return self._state.then(then, next_token=None)

    def _decide(self, images: Sequence[Image]) -> _Page:
        page = _Page()
        rest: list[Image] = []
        for image in images:
            verdict = leave_out(image, self._policy, self._app.settings.policies, self._newest, self._now)
            if verdict:
                page.lines.append(self._line(image.image_id, verdict))
            else:
                rest.append(image)
        fetched = self._app.records.get([image.image_id for image in rest])
        fresh: list[tuple[Image, ArchiveRecord | None]] = []
        for image in rest:
            record = fetched.records.get(image.image_id)
            if image.image_id in fetched.unreadable:
                page.lines.append(self._unreadable(image.image_id, fetched))
            elif record is None or record.status is Status.FAILED:
                fresh.append((image, record))
            else:
                page.lines.append(self._line(image.image_id, self._known(record), record.snapshot_gib))
                if record.status in (Status.STORING, Status.STORED):
                    page.under_way.append(image.image_id)
        page.lines += self._adopt([(i, r) for i, r in fresh if self._inventory.has_image(i.image_id)])
        new = [(i, r) for i, r in fresh if not self._inventory.has_image(i.image_id)]
        snapshots = self._app.images.snapshots([s for image, _ in new for s in image.snapshot_ids])
        for image, record in new:
            self._choose(page, image, record, snapshots)
        return page

    def _known(self, record: ArchiveRecord) -> Verdict:
        """The decision about an image whose record says that it is archived, or on its way."""
        if record.status in ARCHIVED:
            if not self._inventory.has_recorded(record):
                try:
                    changed = why_altered(record, self._app.bucket.head(record.object_key))
                except AccessDenied as error:
                    changed = hidden(record.object_key, error, "the next run looks again")
                if changed:
                    return Verdict(Decision.FAILED, changed)
            return Verdict(Decision.ALREADY_ARCHIVED, f"object {record.object_key}, version {record.object_version_id}")
        if record.status is Status.SELECTED:
            self._cap = self._cap.plus(record.snapshot_gib)
            return Verdict(Decision.DEFERRED, f"queued by run {record.run_id}; {QUEUED}")
        return Verdict(Decision.DEFERRED, f"store under way since {record.changed_at:%Y-%m-%d %H:%M} UTC")

    def _choose(
        self, page: _Page, image: Image, record: ArchiveRecord | None, snapshots: Mapping[str, Snapshot]
    ) -> None:
        result = select(image, snapshots, self._policy, self._cap, self._app.settings.account_id)
        if isinstance(result, Verdict):
            page.lines.append(self._line(image.image_id, result))
            return
        self._cap = self._cap.plus(result.gib)
        page.chosen.append(_Chosen(image, record, result.gib, [snapshots[s] for s in image.snapshot_ids]))

    def _adopt(self, images: Sequence[tuple[Image, ArchiveRecord | None]]) -> list[DecisionLine]:
        """Objects that are in the bucket without a record that says so: verified and recorded, not stored again."""
        if not images:
            return []
        if self._state.dry_run:
            verdict = Verdict(Decision.ALREADY_ARCHIVED, "an object of this image is in the bucket; would be verified")
            return [self._line(image.image_id, verdict) for image, _ in images]
        snapshots = self._app.images.snapshots([s for image, _ in images for s in image.snapshot_ids])
        lines, lost = adopt.objects_without_record(self._app, self._policy, self._state, images, snapshots)
        gone = {image.image_id for image, _ in images} - lost - {line.image_id for line in lines}
        verdict = Verdict(Decision.DEFERRED, "its object was deleted just now; the next run stores the image")
        return lines + [self._line(image_id, verdict) for image_id in sorted(gone)] + self._changed_by_others(lost)

    def _enqueue(self, page: _Page) -> list[DecisionLine]:
        parameters = adopt.parameters(self._app, [chosen.image for chosen in page.chosen])
        night = f"{self._state.started_at:%Y%m%d}"
        changes, entries = [], []
        for chosen in page.chosen:
            image, gib = chosen.image, chosen.gib
            facts = adopt.facts_of(image, chosen.snapshots, parameters)
            reason = f"{gib:g} GiB; {QUEUED}"
            fresh = adopt.fresh_record(self._app, self._policy, self._state, image, gib, reason, facts)
            changes.append((chosen.before, lifecycle.select(fresh, chosen.before)))
            entries.append(QueueEntry(night, image.image_id, self._policy.name, gib))
        lost = self._app.records.enqueue(changes, entries)
        queued = [
            self._line(after.image_id, Verdict(after.decision, after.reason), after.snapshot_gib)
            for _, after in changes
            if after.image_id not in lost
        ]
        return queued + self._changed_by_others(lost)

    def _changed_by_others(self, image_ids: Collection[str]) -> list[DecisionLine]:
        """Decisions about images whose record somebody else wrote just now, by what it says."""
        fetched = self._app.records.get(image_ids)
        known = [self._line(r.image_id, self._known(r), r.snapshot_gib) for r in fetched.records.values()]
        return known + [self._unreadable(image_id, fetched) for image_id in fetched.unreadable]

    def _unreadable(self, image_id: str, fetched: Fetched) -> DecisionLine:
        return self._line(image_id, Verdict(Decision.FAILED, fetched.unreadable[image_id]))

    def _line(self, image_id: str, verdict: Verdict, gib: float = 0.0) -> DecisionLine:
        return DecisionLine(image_id, self._policy.name, verdict.decision, verdict.reason, gib)
