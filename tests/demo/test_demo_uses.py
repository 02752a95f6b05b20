"""What the demo's fleet is used by, as EC2 shows it: so the archiver has to find it out."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ami_archiver.adapters.ec2_usage_reports import Ec2UsageReports
from ami_archiver.retire.model import UsageReport
from demo.aws import Aws
from demo.fleet import built_in
from demo.others import use_images
from demo.scene import ACCOUNT_ID, Scene
from local_cloud.in_process import VirtualCloud
from tests.support.account import Account
from tests.support.archive import Archive


@pytest.fixture
def scene(virtual_cloud: VirtualCloud) -> Scene:
    """The demo's own, in the cloud, a minute after everything was used."""
    made = built_in(virtual_cloud.clock.now() - timedelta(days=1))
    virtual_cloud.add_fleet(made.fleet)
    use_images(cast(Aws, SimpleNamespace(ec2=virtual_cloud.client("ec2"))), made)
    virtual_cloud.advance(60)
    return made


def test_the_reasons_that_the_demo_expects_are_what_the_archiver_finds(
    scene: Scene, virtual_cloud: VirtualCloud
) -> None:
    account = Account(cast(Archive, SimpleNamespace(cloud=virtual_cloud)))
    uses = account.uses.of(scene.kept, 10)
    assert not uses.not_asked
    found = {image_id: f"InUse: used by {references[0]}" for image_id, references in uses.references.items()}
    expected = {image_id: reason for image_id, reason in scene.kept.items() if reason.startswith("InUse")}
    assert len(expected) == 3
    assert found.keys() == expected.keys()
    assert all(found[image_id].startswith(reason) for image_id, reason in expected.items())
    assert scene.in_template is not None
    assert found[scene.in_template].endswith(" version 7")


def test_the_image_that_another_account_uses_is_shared_with_nobody_any_more(
    scene: Scene, virtual_cloud: VirtualCloud
) -> None:
    assert scene.used_elsewhere is not None
    ec2: Any = virtual_cloud.client("ec2")
    shared = ec2.describe_image_attribute(ImageId=scene.used_elsewhere, Attribute="launchPermission")
    assert shared["LaunchPermissions"] == []
    reports = Ec2UsageReports(ec2, ACCOUNT_ID)
    report = reports.newest(scene.used_elsewhere)
    assert isinstance(report, UsageReport)
    assert report.available
    (account,) = reports.accounts(report.report_id)
    assert f"UsedByAccount: used by {account}".startswith(scene.kept[scene.used_elsewhere])
