"""Archived images whose originals are due, each with nothing that keeps it, until a test gives one a reason to stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ami_archiver.policy import Policy, RetireRules
from ami_archiver.retire import moves
from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive, client, full_id
from tests.support.restore import Restores

POWER = frozenset({"DisableImage", "DeregisterImage", "DeleteSnapshot"})
"""What takes an original away."""
RULES = RetireRules(
    after_verified_days=30,
    after_disabled_days=10,
    keep_newest=0,
    not_launched_days=30,
    approval="none",
)
NIGHTLY = Policy("nightly", {"Archive": ("true",)}, original="retire", retire=RULES)


class Retiring:
    """An archive whose policy retires, past the first run, which only says what it would do."""

    def __init__(self, cloud: VirtualCloud, policy: Policy = NIGHTLY, **settings: Any) -> None:
        settings.setdefault("retire_stop_percent", 100)
        self.cloud = cloud
        self.archive = Archive(cloud, policy, **settings)
        self.ec2 = client(cloud, "ec2")
        self.archive.night()

    def rules(self, **changes: Any) -> None:
        """Deploy with other rules."""
        (policy,) = self.archive.settings.policies
        self.archive.configure(policies=(replace(policy, retire=replace(policy.retire, **changes)),))

    def archived(self, name: str, gib: float = 10, **fields: Any) -> str:
        """An image that is stored and verified tonight; its id."""
        image_id = self.archive.image(name, gib, **fields)
        self.archive.night()
        assert self.archive.status(image_id) == "VERIFIED"
        return image_id

    def due(self, *names: str, **fields: Any) -> list[str]:
        """Images that are archived, and past the grace period before they are disabled."""
        image_ids = [self.archive.image(name, **fields) for name in names]
        self.archive.night()
        self.days(RULES.after_verified_days)
        return image_ids

    def many_due(self, names: Sequence[str], *, disabled: bool = False) -> list[str]:
        """As `due` or `disabled`, but written as a run leaves it: hundreds of images, without their nights."""
        restores, region = Restores(self.archive), self.archive.region
        image_ids = [restores.stored(name, 1, lost=False) for name in names]
        for image_id in image_ids if disabled else ():
            record, at = self.archive.record(image_id), self.archive.app.clock.now()
            after = moves.disabled(record, "disabled", at=at, run_id="a-night")
            assert self.archive.app.records.save(record, after)
            self.cloud.catalog.images(region)[image_id].state = "disabled"
        self.days(RULES.after_disabled_days if disabled else RULES.after_verified_days)
        return image_ids

    def disabled(self, *names: str, **fields: Any) -> list[str]:
        """Images that a run has disabled, and that are past the grace period before they are deregistered."""
        image_ids = self.due(*names, **fields)
        self.archive.night()
        assert {self.status(image_id) for image_id in image_ids} == {"DISABLED"}
        self.days(RULES.after_disabled_days)
        return image_ids

    def days(self, days: float) -> None:
        self.cloud.advance(timedelta(days=days).total_seconds() + 1)

    def night(self, **how: Any) -> dict[str, Any]:
        """What a run says about originals."""
        summary = self.archive.night(**how)
        originals: dict[str, Any] = summary["retirement"]
        return originals

    def status(self, image_id: str) -> str:
        return self.archive.status(image_id)

    def kept_because(self, image_id: str) -> str | None:
        return self.archive.record(image_id).retirement.kept_because

    def state(self, image_id: str) -> str | None:
        """The original's, as EC2 shows it; None: it is gone."""
        found = self.ec2.describe_images(
            IncludeDisabled=True, Filters=[{"Name": "image-id", "Values": [full_id(image_id)]}]
        )["Images"]
        return found[0]["State"] if found else None

    def snapshots(self, image_id: str) -> list[str]:
        """Those of the image's snapshots that are there."""
        wanted = full_id(image_id).replace("ami-", "snap-")
        found = self.ec2.describe_snapshots(Filters=[{"Name": "snapshot-id", "Values": [wanted]}])["Snapshots"]
        return [each["SnapshotId"] for each in found]

    def power(self) -> list[tuple[str, str]]:
        """(operation, image or snapshot id) of every call so far that takes an original away, whatever EC2 said."""
        return [
            (call.operation, call.parameters.get("ImageId") or call.parameters["SnapshotId"])
            for call in self.cloud.calls.filter(service="ec2")
            if call.operation in POWER
        ]

    @contextmanager
    def no_power_used(self) -> Iterator[None]:
        """No call that takes an original away leaves the process meanwhile."""
        before = self.power()
        yield
        assert self.power() == before
