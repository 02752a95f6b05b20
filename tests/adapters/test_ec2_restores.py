"""EC2's restores, as the image and its snapshots show them."""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.adapters import ec2_restores
from ami_archiver.adapters.ec2_restores import Ec2Restores
from tests.support.answers import counting, refusing
from tests.support.archive import Archive, client, full_id


@pytest.fixture
def ec2(archive: Archive) -> Any:
    return client(archive.cloud, "ec2")


def test_name_of_a_disabled_image_is_taken(archive: Archive, ec2: Any) -> None:
    image_id = archive.image("ami-a", name="web")
    ec2.disable_image(ImageId=image_id)
    assert Ec2Restores(ec2).named(["web", "free"])["web"].image_id == image_id


def test_pending_images_are_seen_beyond_the_first_page(
    archive: Archive, ec2: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ec2_restores, "PAGE_SIZE", 5)
    for number in range(12):
        archive.image(f"ami-{number:02}", 1, state="pending")
    assert len(Ec2Restores(ec2).pending()) == 12


def test_size_and_progress_of_a_restore_are_those_of_its_snapshots(archive: Archive, ec2: Any) -> None:
    archive.image("ami-a", 10, state="pending", snapshot={"state": "pending", "progress_percentage": 40})
    (pending,) = Ec2Restores(ec2).pending()
    assert (pending.image_id, pending.gib, pending.progress_percentage) == (full_id("ami-a"), 10, 40)


def test_permissions_of_every_kind_are_given(archive: Archive, ec2: Any) -> None:
    image_id = archive.image("ami-a")
    organization, unit = "arn:aws:organizations::1:organization/o-1", "arn:aws:organizations::1:ou/o-1/ou-1"
    wanted = ["user:210987654321", "group:all", f"organization:{organization}", f"unit:{unit}"]
    with counting(ec2, "ModifyImageAttribute") as calls:
        assert Ec2Restores(ec2).share(image_id, wanted) is None
    (call,) = calls
    assert {key.rpartition(".")[2]: value for key, value in call.items() if "LaunchPermission" in key} == {
        "UserId": "210987654321",
        "Group": "all",
        "OrganizationArn": organization,
        "OrganizationalUnitArn": unit,
    }


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InvalidAMIAttributeItemValue"])
def test_sharing_that_is_denied_says_why(archive: Archive, ec2: Any, code: str) -> None:
    with refusing(ec2, "ModifyImageAttribute", code, 403):
        why = Ec2Restores(ec2).share(archive.image("ami-a"), ["group:all"])
    assert why is not None
    assert code in why
