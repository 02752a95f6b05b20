"""A table and a bucket in dicts, for restores by the thousand: DynamoDB and S3 over the wire would take minutes.

EC2 stays the local cloud's, and the steps stay the real ones. That the real table behaves like this one, the other
tests of restores show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ami_archiver.errors import LeaseLost
from ami_archiver.model import (
    ActiveRun,
    ArchiveRecord,
    Decision,
    Fetched,
    Lease,
    ListedObject,
    Origin,
    RestoreFacts,
    Status,
    StoredObject,
)
from ami_archiver.restore.model import FetchedRestores, RestoreEntry, RestoreRecord, ThawEntry, WaitingRun
from local_cloud.engine.objects import MemoryObjectStore
from local_cloud.engine.stored_object import encode
from local_cloud.model import GIB, BlockDevice, Image, Snapshot

BUCKET = "archive-in-memory"


class MemoryRestores:
    def __init__(self) -> None:
        self.records: dict[str, RestoreRecord] = {}
        self.waiting: dict[str, RestoreEntry] = {}
        self._requests: dict[str, tuple[dict[str, Any], list[str]]] = {}
        self._runs: dict[str, WaitingRun] = {}

    def request(self, run_id: str) -> tuple[dict[str, Any], list[str]] | None:
        return self._requests.get(run_id)

    def put_request(self, run_id: str, request: Mapping[str, Any], candidates: Sequence[str]) -> None:
        self._requests[run_id] = dict(request), list(candidates)

    def archived(self, statuses: Collection[Status]) -> Iterator[ArchiveRecord]:
        raise NotImplementedError("nothing here searches")

    def plan(
        self,
        records: Sequence[RestoreRecord],
        entries: Mapping[str, RestoreEntry | ThawEntry],
        *,
        draft: bool = False,
    ) -> None:
        assert not draft, "nothing here is a dry run"
        for record in records:
            self.records[record.restore_id] = record
            entry = entries.get(record.restore_id)
            assert entry is None or isinstance(entry, RestoreEntry), "nothing here is frozen"
            if entry is not None:
                self.waiting[record.restore_id] = entry

    def get(self, restore_ids: Collection[str]) -> FetchedRestores:
        return FetchedRestores({one: self.records[one] for one in restore_ids if one in self.records})

    def of_run(self, run_id: str, *, draft: bool = False) -> Iterator[RestoreRecord]:
        return (record for record in list(self.records.values()) if record.run_id == run_id)

    def save(
        self,
        before: RestoreRecord,
        after: RestoreRecord,
        *,
        leaving: RestoreEntry | ThawEntry | None = None,
        joining: RestoreEntry | ThawEntry | None = None,
    ) -> bool:
        if self.records[before.restore_id] != before:
            return False
        self.records[after.restore_id] = after
        if leaving is not None:
            del self.waiting[before.restore_id]
        return True

    def drop(self, restore_id: str, entry: RestoreEntry | ThawEntry) -> None:
        self.waiting.pop(restore_id, None)

    def queue(self, run_id: str) -> MemoryRestores:
        return self

    def nights(self) -> Iterator[str]:
        yield ""

    def largest(self, night: str, below_gib: float | None, policies: Collection[str]) -> Iterator[RestoreEntry]:
        fitting = [e for e in self.waiting.values() if below_gib is None or e.snapshot_gib < below_gib]
        return iter(sorted(fitting, key=lambda entry: (entry.snapshot_gib, entry.entry_id), reverse=True))

    def thaws(self, run_id: str, until: datetime | None) -> Iterator[ThawEntry]:
        return iter(())

    def waiting_runs(self) -> list[WaitingRun]:
        return list(self._runs.values())

    def wait(self, run: WaitingRun) -> None:
        self._runs[run.run_id] = run

    def wait_no_more(self, run_id: str) -> None:
        self._runs.pop(run_id, None)


class MemoryRecords:
    def __init__(self) -> None:
        self.records: dict[str, ArchiveRecord] = {}

    def get(self, image_ids: Collection[str]) -> Fetched:
        return Fetched({one: self.records[one] for one in image_ids if one in self.records}, {})

    def save(self, before: ArchiveRecord | None, after: ArchiveRecord, **_: Any) -> bool:
        self.records[after.image_id] = after
        return True


class MemoryLeases:
    def __init__(self) -> None:
        self._lease = Lease(None, None)

    def read(self) -> Lease:
        return self._lease

    def take(self, run: ActiveRun, now: datetime, until: datetime) -> Lease | None:
        if self._lease.holder not in (None, run.run_id):
            return None
        self._lease = replace(self._lease, holder=run.run_id, expires_at=until, runs={run.run_id: run})
        return self._lease

    def renew(self, run_id: str, until: datetime, *, add: Collection[str] = (), remove: Collection[str] = ()) -> Lease:
        if self._lease.holder != run_id:
            raise LeaseLost(run_id)
        self._lease = replace(self._lease, in_flight=(self._lease.in_flight | set(add)) - set(remove))
        return self._lease

    def release(self, run_id: str, runs: int) -> bool:
        self._lease = replace(self._lease, holder=None, expires_at=None, runs={})
        return True


class MemoryBucket:
    """The objects, as S3 would show them and as EC2 reads them."""

    def __init__(self, region: str) -> None:
        self.objects = MemoryObjectStore()
        self.objects.create_bucket(BUCKET, region)

    def listing(self) -> Iterator[ListedObject]:
        return iter(())

    def look(self, key: str) -> StoredObject | None:
        return self.glance(key)

    def head(self, key: str) -> StoredObject | None:
        head = self.objects.heads.get((BUCKET, key))
        return StoredObject(key, "v1", head.size_bytes, "e1") if head else None

    def thaw(self, key: str, days: int | None, tier: str) -> str | None:
        raise NotImplementedError("nothing here is frozen")


def archive_one(
    records: MemoryRecords, bucket: MemoryBucket, number: int, gib: float, account_id: str, region: str, now: datetime
) -> str:
    """The stored object and the record of an image that is nowhere else; its id."""
    image_id, snapshot_id = f"ami-{number:017x}", f"snap-{number:017x}"
    snapshot = Snapshot(snapshot_id, account_id, max(1, round(gib)), now, full_snapshot_size_bytes=round(gib * GIB))
    image = Image(image_id, f"image-{number}", account_id, now, (BlockDevice("/dev/xvda", snapshot_id, 1),))
    key = f"nightly/{image_id}.bin"
    parts = encode(image, [snapshot], [b"content"], now, region=region)
    bucket.objects.write(account_id, BUCKET, key, parts, metadata={}, tags={})
    records.records[image_id] = ArchiveRecord(
        image_id=image_id,
        image_name=image.name,
        status=Status.VERIFIED,
        decision=Decision.STORED,
        reason="stored",
        policy="nightly",
        run_id="a-night",
        bucket=BUCKET,
        object_key=key,
        snapshot_gib=gib,
        attempts=1,
        selected_at=now,
        changed_at=now,
        object_version_id="v1",
        object_bytes=len(bucket.objects.contents[BUCKET, key]),
        object_etag="e1",
        verified_at=now,
        facts=RestoreFacts(launch_permissions=(), ssm_parameters=(), encrypted=False),
        origin=Origin(created_at=now),
    )
    return image_id
