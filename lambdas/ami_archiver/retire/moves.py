"""How a record goes on while its original is on its way out. `lifecycle` knows the moves; here is what they carry."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ami_archiver import lifecycle
from ami_archiver.model import Action, ArchiveRecord, Decision, Retirement, Status
from ami_archiver.retire.model import Freed, SnapshotEnd
from ami_archiver.retire.reasons import is_passing


def kept(record: ArchiveRecord, why: str, *, at: datetime, run_id: str) -> ArchiveRecord:
    """The original stays. What was announced is taken back, and announced anew before it goes, unless nobody objected.
    The same reason twice changes nothing, and the record is the same object."""
    before = record.retirement
    after = Retirement(kept_because=why, disabled_at=before.disabled_at)
    if is_passing(why):
        after = replace(after, announced=before.announced, retire_on=before.retire_on)
    if after == before:
        return record
    return lifecycle.noted(record, f"kept: {why}", at=at, run_id=run_id, retirement=after)


def announced(record: ArchiveRecord, action: Action, on: datetime, *, at: datetime, run_id: str) -> ArchiveRecord:
    """The original goes on that day, unless somebody objects."""
    after = replace(record.retirement, kept_because=None, announced=action, retire_on=on, intention=None)
    return lifecycle.noted(record, f"'{action}' is announced for {on:%Y-%m-%d}", at=at, run_id=run_id, retirement=after)


def intended(
    record: ArchiveRecord,
    action: Action,
    snapshots: Collection[str],
    snapshot_gib: float,
    freed: Freed,
    *,
    at: datetime,
    run_id: str,
) -> ArchiveRecord:
    """What is about to be asked of EC2; with the snapshots that go along when it is deregistered."""
    intention = replace(
        record.retirement,
        kept_because=None,
        intention=action,
        snapshots=dict.fromkeys(sorted(snapshots), SnapshotEnd.LEFT.value),
        snapshot_gib=snapshot_gib,
        freed_at_least_gib=freed.at_least_gib,
        freed_at_most_gib=freed.at_most_gib,
    )
    return lifecycle.noted(record, f"'{action}' is about to be asked for", at=at, run_id=run_id, retirement=intention)


def shared_with(record: ArchiveRecord, permissions: Sequence[str], *, at: datetime, run_id: str) -> ArchiveRecord:
    """The launch permissions as they are now: DisableImage drops them for good. The same ones change nothing."""
    facts = replace(record.facts, launch_permissions=tuple(permissions))
    if facts == record.facts:
        return record
    why = f"launch permissions before the image is disabled: {', '.join(permissions) or 'none'}"
    return lifecycle.noted(record, why, at=at, run_id=run_id, facts=facts)


def disabled(record: ArchiveRecord, why: str, *, at: datetime, run_id: str) -> ArchiveRecord:
    """VERIFIED → DISABLED; a record that is DISABLED already begins its grace period anew."""
    after = Retirement(disabled_at=at)
    if record.status is Status.DISABLED:
        return lifecycle.noted(record, why, at=at, run_id=run_id, retirement=after)
    return lifecycle.move(record, Status.DISABLED, Decision.DISABLED, why, at=at, run_id=run_id, retirement=after)


def enabled_again(record: ArchiveRecord, why: str, *, at: datetime, run_id: str) -> ArchiveRecord:
    """The original is available again, by us (undo) or somebody else; the grace period is over for now."""
    after = Retirement(kept_because=why)
    if after == record.retirement:
        return record
    return lifecycle.noted(record, why, at=at, run_id=run_id, retirement=after)


def retired(
    record: ArchiveRecord, why: str, ends: Mapping[str, tuple[SnapshotEnd, str]], *, at: datetime, run_id: str
) -> ArchiveRecord:
    """DISABLED → RETIRED, with what became of each snapshot."""
    snapshots = record.retirement.snapshots | {one: in_words(*end) for one, end in ends.items()}
    after = replace(record.retirement, kept_because=None, intention=None, snapshots=snapshots)
    return lifecycle.move(record, Status.RETIRED, Decision.RETIRED, why, at=at, run_id=run_id, retirement=after)


def snapshot_ended(
    record: ArchiveRecord, snapshot_id: str, end: SnapshotEnd, why: str, *, at: datetime, run_id: str
) -> ArchiveRecord:
    """What became of a snapshot that was left; the same news twice changes nothing."""
    text = in_words(end, why)
    if record.retirement.snapshots.get(snapshot_id) == text:
        return record
    after = replace(record.retirement, snapshots=record.retirement.snapshots | {snapshot_id: text})
    return lifecycle.noted(record, f"snapshot {snapshot_id}: {text}", at=at, run_id=run_id, retirement=after)


def in_words(end: SnapshotEnd, why: str) -> str:
    """As the record says it: 'deleted', 'not deleted yet: internal-error'."""
    return f"{end}: {why}" if why else str(end)
