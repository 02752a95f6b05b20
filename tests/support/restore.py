"""Restores in virtual time: the real steps and adapters, on an archive that `Archive` filled.

restores = Restores(archive)
archive.image("ami-small", gib=10); archive.night(); restores.lose("ami-small")
summary = restores.run(image_ids=["ami-small"])
assert restores.new_image(summary).state == "available"
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

from ami_archiver import lifecycle
from ami_archiver.app import App
from ami_archiver.model import ArchiveRecord, Decision, Origin, RestoreFacts, Status, StoredObject
from ami_archiver.restore.model import RestoreRecord
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps.finish_restores import finish_restores
from ami_archiver.restore.steps.plan import plan_restore
from ami_archiver.restore.steps.report import report_restore
from ami_archiver.restore.steps.restore_images import restore_images
from ami_archiver.run_state import Next
from ami_archiver.verification import IMAGE_TAG
from local_cloud.engine.stored_object import content_of, encode
from local_cloud.model import Image
from tests.support.archive import BUCKET, Archive, CloudClock, client, full_id
from tests.support.reasons import named


class Restores:
    """RestoreWorkflow beside an archive, as the state machine runs it."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.cloud = archive.cloud
        self._names = itertools.count(1)
        self.app = self.worker()
        self.transitions = 0
        self.most_in_flight_gib = 0.0

    def worker(self) -> App:
        """A function instance of its own."""
        return App(self.archive.settings, self.archive.region, CloudClock(self.cloud), partial(client, self.cloud))

    # The world

    def archived(self, image_id: str, gib: float = 10, *, lost: bool = True, **fields: Any) -> str:
        """An image that is in the archive, and (unless told otherwise) nowhere else; its id."""
        image_id = self.archive.image(image_id, gib, **fields)
        self.archive.night()
        if lost:
            self.lose(image_id)
        return image_id

    def stored(self, image_id: str, gib: float = 10, *, record: bool = True, lost: bool = True, **fields: Any) -> str:
        """As `archived`, but without the night: the object and its record are written as a night leaves them.

        `lost`: the image is nowhere else.
        """
        image_id = self.archive.image(image_id, gib, **fields)
        region = self.archive.region
        image = self.cloud.catalog.images(region)[image_id]
        snapshots = [self.cloud.catalog.snapshots(region)[one] for one in image.snapshot_ids]
        now = self.cloud.clock.now()
        contents = (content_of(one, self.cloud.settings.engine.bytes_per_gib) for one in snapshots)
        body = b"".join(encode(image, snapshots, contents, now, region=region))
        key = f"nightly/{image_id}.bin"
        client(self.cloud, "s3").put_object(
            Bucket=BUCKET, Key=key, Body=body, Tagging=f"{IMAGE_TAG}={image_id}&ami-name={image.name}"
        )
        if record:
            found = self.app.bucket.head(key)
            assert found is not None
            self._record(image, gib, found, encrypted=any(one.encrypted for one in snapshots))
        if lost:
            self.lose(image_id)
        return image_id

    def _record(self, image: Image, gib: float, found: StoredObject, *, encrypted: bool) -> None:
        now = self.cloud.clock.now()
        record = ArchiveRecord(
            image_id=image.image_id,
            image_name=image.name,
            status=Status.SELECTED,
            decision=Decision.DEFERRED,
            reason="selected",
            policy="nightly",
            run_id="a-night",
            bucket=BUCKET,
            object_key=found.key,
            snapshot_gib=gib,
            attempts=0,
            selected_at=now,
            changed_at=now,
            facts=RestoreFacts(launch_permissions=(), ssm_parameters=(), encrypted=encrypted),
            origin=Origin(tags=dict(image.tags), created_at=image.creation_date),
        )
        record = lifecycle.select(record, None)
        record = lifecycle.move(record, Status.STORING, Decision.DEFERRED, "storing", at=now, run_id="a-night")
        record = lifecycle.verify(record, found, "complete", at=now, run_id="a-night", tasks=0)  # no task of EC2
        assert self.app.records.save(None, record)

    def lose(self, *image_ids: str) -> None:
        """Deregister images and delete their snapshots."""
        for image_id in map(full_id, image_ids):
            image = self.cloud.catalog.images(self.archive.region)[image_id]
            self.cloud.catalog.remove_image(self.archive.region, image_id)
            for snapshot_id in image.snapshot_ids:
                self.cloud.catalog.remove_snapshot(self.archive.region, snapshot_id)

    def encrypt_by_default(self, on: bool = True) -> None:
        ec2 = client(self.cloud, "ec2")
        (ec2.enable_ebs_encryption_by_default if on else ec2.disable_ebs_encryption_by_default)()

    # The workflow

    def begin(self, **given: Any) -> dict[str, Any]:
        """What the state machine hands to the first step; short image ids are made whole."""
        if "image_ids" in given:
            given["image_ids"] = [full_id(image_id) for image_id in given["image_ids"]]
        started = self.cloud.clock.now().isoformat()
        return {"input": given, "execution_name": f"restore-{next(self._names)}", "execution_started_at": started}

    def plan(self, event: dict[str, Any], app: App | None = None) -> RestoreState:
        return plan_restore(app or self.app, event, lambda: 900.0)

    def run(self, *, until: Callable[[], bool] | None = None, **given: Any) -> Any:
        """A whole run, in virtual time; its summary, whose failures each have a name and a next step.

        `until` stops it early (the summary is then None).
        """
        return self.go_on(self.plan(self.begin(**given)), until=until)

    def go_on(self, state: RestoreState, *, until: Callable[[], bool] | None = None) -> Any:
        """Run the state machine from a state on."""
        while until is None or not until():
            stepped = self.step(state)
            if isinstance(stepped, dict):
                for kind in ("failed", "refused"):
                    for line in stepped.get(kind, []):
                        named(line["reason"])
                return stepped
            state = stepped
        return None

    def step(self, state: RestoreState, app: App | None = None) -> RestoreState | dict[str, Any]:
        """One state of the workflow; the summary after the last one."""
        app = app or self.app
        self.transitions += 2  # the state, and the choice after it
        match state.next:
            case Next.PLAN_MORE:
                state = plan_restore(app, {"input": state.to_json()}, lambda: 900.0)
            case Next.RESTORE | Next.HAND_OVER:
                state, _ = restore_images(app, state)
                self.most_in_flight_gib = max(self.most_in_flight_gib, self.in_flight_gib())
            case Next.FINISH:
                state = finish_restores(app, state).then(Next.WAIT)
            case Next.WAIT:
                self.cloud.advance(state.wait_seconds)
                state = state.then(Next.RESTORE)
            case Next.REPORT:
                state, _, summary = report_restore(app, state)
                assert state.next is Next.END
                return summary
        return state

    # What is there afterwards

    def in_flight_gib(self) -> float:
        return self.cloud.service.in_flight_gib(self.archive.account_id, self.archive.region, "restore")

    def image(self, image_id: str) -> Image:
        return self.cloud.catalog.images(self.archive.region)[image_id]

    def new_image(self, summary: dict[str, Any]) -> Image:
        """The one image that a run restored."""
        (line,) = summary["restored"]
        return self.image(line["restored_image_id"])

    def records(self, summary: dict[str, Any]) -> list[RestoreRecord]:
        return self.of_run(summary["run_id"])

    def of_run(self, run_id: str) -> list[RestoreRecord]:
        """Those of a run's restores that can be read."""
        return [one for one in self.app.restores.of_run(run_id) if isinstance(one, RestoreRecord)]

    def starts(self) -> list[Any]:
        """Every CreateRestoreImageTask call that was made, as the cloud logged it."""
        return self.cloud.calls.filter(service="ec2", operation="CreateRestoreImageTask")

    def messages(self) -> int:
        return len(self.cloud.calls.filter(service="sns", operation="Publish"))
