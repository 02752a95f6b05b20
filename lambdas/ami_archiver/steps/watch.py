"""WatchArchive: every record that says archived, compared with the bucket, whatever became of its image or its policy.

It needs no lease: it writes nothing but its own pages and its summary.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.app import App
from ami_archiver.batches import batches
from ami_archiver.errors import AccessDenied, AwsRefused, BadInput
from ami_archiver.failures import Failure, reason
from ami_archiver.inventory import Inventory
from ami_archiver.model import Decision, DecisionLine, IndexedRecord, Status
from ami_archiver.run_state import Metrics, Next, State, identify
from ami_archiver.summary import LISTED
from ami_archiver.verification import why_altered

logger = logging.getLogger(__name__)

STATUSES = (Status.VERIFIED, Status.DISABLED, Status.RETIRED)
"""In the order in which a record goes through them: one that moves on meanwhile is met again, and never missed."""
RECORDS_PER_PAGE = 100
PAGE_SECONDS = 60
"""What a page may take, at two calls for each record that differs; with less time left, the next invocation goes on."""


@dataclass(frozen=True, slots=True)
class WatchState(State):
    """The state between two invocations."""

    next: Next = Next.WATCH_MORE
    compared: int = 0
    oldest_verified_at: str = ""
    after: str = ""
    """Status and cursor of the last record that was compared."""

    @classmethod
    def from_event(cls, event: object) -> Self:
        """Of {"input": the execution's input or the last state, "execution_name": …, "execution_started_at": …}.

        Raises BadInput.
        """
        raw = event.get("input") if isinstance(event, Mapping) else None
        if isinstance(event, Mapping) and raw == {}:
            run_id, started = identify(event, "watch")
            return cls(run_id, started)
        if not isinstance(raw, dict) or raw.get("next") != Next.WATCH_MORE:
            raise BadInput(f"a watch takes an empty object, {{}}, not {raw!r}")
        state = cls.from_json(raw)
        if state.after and state.after.partition("|")[0] not in STATUSES:
            raise BadInput(f"'after' of a watch is {state.after!r}, must begin with one of {', '.join(STATUSES)}")
        return state


def watch_archive(
    app: App, event: Mapping[str, Any], seconds_left: Callable[[], float]
) -> tuple[dict[str, Any], Metrics]:
    """Compare page by page, at least one, until done or until `seconds_left()` gets short. Raises BadInput."""
    state = WatchState.from_event(event)
    inventory = Inventory(app.bucket.listing())
    for after, page in _pages(app, state.after):
        app.runs.put_page(state.run_id, f"WATCH#{after}", list(_differences(app, inventory, page)))
        verified = [r.record.verified_at.isoformat() for r in page if r.record and r.record.verified_at]
        oldest = min([*verified, state.oldest_verified_at or "~"])
        state = replace(state, compared=state.compared + len(page), oldest_verified_at=oldest, after=after)
        if seconds_left() < PAGE_SECONDS:
            return state.to_json(), {}
    summary = _summary(app, state)
    app.runs.put_summary(SummaryKind.WATCHES, state.run_id, summary)
    if summary["differing"]:
        app.notifier.publish(*_mail(summary))
    return replace(state, next=Next.END).to_json() | {"summary": summary}, {"ArchivesDiffering": summary["differing"]}


def _pages(app: App, after: str) -> Iterator[tuple[str, list[IndexedRecord]]]:
    """Each page with where to go on behind it."""
    begun, _, cursor = after.partition("|")
    for status in STATUSES[STATUSES.index(Status(begun)) if begun else 0 :]:
        for page in batches(app.records.in_status(status, cursor or None), RECORDS_PER_PAGE):
            yield f"{status}|{page[-1].cursor}", page
        cursor = ""


def _differences(app: App, inventory: Inventory, page: list[IndexedRecord]) -> Iterator[DecisionLine]:
    for indexed in page:
        if why := _difference(app, inventory, indexed):
            logger.warning("archive differs", extra={"image_id": indexed.image_id, "reason": why})
            policy = indexed.record.policy if indexed.record else ""
            yield DecisionLine(indexed.image_id, policy, Decision.FAILED, why)


def _difference(app: App, inventory: Inventory, indexed: IndexedRecord) -> str | None:
    """Why a record is not true of the bucket, or cannot be compared with it, or None.

    The listing is some minutes old: what differs from it is looked at once more.
    """
    record, bucket = indexed.record, app.settings.bucket_name
    if record is None:
        return indexed.unreadable
    if record.bucket != bucket:
        return reason(
            Failure.IN_ANOTHER_BUCKET,
            f"its object {record.object_key} is in bucket {record.bucket}, and this stack watches {bucket}",
            "nothing watches it there; copy the object into this stack's bucket and let its record name it",
        )
    if inventory.has_recorded(record):
        return None
    try:
        return why_altered(record, app.bucket.head(record.object_key))
    except (AccessDenied, AwsRefused) as error:  # of one object: the others are compared all the same
        return f"{type(error).__name__}: {error}"


def _summary(app: App, state: WatchState) -> dict[str, Any]:
    """By image: a step that was repeated, or a record that moved meanwhile, may be on two pages."""
    ended = app.clock.now()
    image_ids: set[str] = set()
    listed: list[dict[str, str]] = []
    for lines in app.runs.pages(state.run_id, "WATCH#"):
        for line in lines:
            if line.image_id not in image_ids and len(listed) < LISTED:
                listed.append({"image_id": line.image_id, "reason": line.reason})
            image_ids.add(line.image_id)
    return {
        "run_id": state.run_id,
        "started_at": state.started_at.isoformat(),
        "ended_at": ended.isoformat(),
        "seconds": round((ended - state.started_at).total_seconds()),
        "compared": state.compared,
        "differing": len(image_ids),
        "differences": listed,
        "oldest_verified_at": state.oldest_verified_at or None,
    }


def _mail(summary: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and text; SNS takes a subject of at most 100 characters."""
    count, listed = summary["differing"], summary["differences"]
    what = f"{count} of {summary['compared']} archived images differ from what was recorded"
    lines = [
        f"Watch {summary['run_id']}, from {summary['started_at']} to {summary['ended_at']}:",
        f"{what}, or cannot be compared.",
        "",
        *(f"  {one['image_id']}: {one['reason']}" for one in listed),
    ]
    if count > len(listed):
        lines.append(
            f"  … and {count - len(listed)} more, in the pages of the table's partition RUN#{summary['run_id']}"
        )
    lines += ["", "You get this message every day until it is repaired. What each name means: docs/errors.md"]
    return f"ami-archiver: {what}", "\n".join(lines) + "\n"
