"""EC2's images and snapshots, in the archiver's words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ami_archiver.model import Image, Volume
from ami_archiver.policy import Policy
from local_cloud.model import GIB, BlockDevice
from tests.support.answers import answering, counting, refusing
from tests.support.archive import NIGHTLY, Archive, client
from tests.support.domain import policy


@pytest.fixture
def ec2(archive: Archive) -> Any:
    return client(archive.cloud, "ec2")


def seen(archive: Archive, of: Policy = NIGHTLY) -> dict[str, Image]:
    return {image.image_id: image for page in archive.app.images.pages(of) for image in page.images}


def test_image_is_seen_with_what_decisions_need(archive: Archive) -> None:
    image_id = archive.image("one", gib=10, name="web-1", tags={"Archive": "true", "Team": "web"})
    image = seen(archive)[image_id]
    assert (image.name, image.owner_id, image.state) == ("web-1", archive.account_id, "available")
    assert (image.root_device_type, image.virtualization_type, image.public) == ("ebs", "hvm", False)
    assert image.volumes == (Volume(image_id.replace("ami-", "snap-"), 10),)
    assert image.tags == {"Archive": "true", "Team": "web"}
    assert (archive.cloud.clock.now() - image.creation_date).days == 100


def test_disabled_image_is_seen(archive: Archive) -> None:
    image_id = archive.image("one", state="disabled")
    assert seen(archive)[image_id].state == "disabled"
    assert image_id in archive.app.images.by_id([image_id])


def test_image_of_another_owner_is_not_in_the_fleet(archive: Archive) -> None:
    archive.image("one", owner_id="999999999999", launch_permissions=[{"UserId": archive.account_id}])
    assert seen(archive) == {}


def test_instance_store_volumes_are_no_volumes(archive: Archive) -> None:
    devices = (
        BlockDevice("/dev/xvda", "snap-00000000000000001", 8),
        BlockDevice("/dev/sdb", virtual_name="ephemeral0"),
    )
    image_id = archive.image("one", block_devices=devices)
    assert [volume.snapshot_id for volume in seen(archive)[image_id].volumes] == ["snap-00000000000000001"]


@pytest.mark.parametrize("value", ["a*b", "a?b", "*", "a\\b", "a\\*b"])
def test_tag_values_match_to_the_letter_also_where_ec2_sees_wildcards(archive: Archive, value: str) -> None:
    wanted = archive.image("wanted", tags={"Archive": value})
    for number, other in enumerate(["aXb", "a**b", "true", "", "ab"]):
        archive.image(f"n{number}", tags={"Archive": other})
    if value == "*":
        assert wanted in seen(archive, policy(tags={"Archive": (value,)}))  # any value, by the policy's own words
    else:
        assert set(seen(archive, policy(tags={"Archive": (value,)}))) == {wanted}


@pytest.mark.parametrize("key", ["a*", "a?", "*"])
def test_tag_keys_match_to_the_letter_too(archive: Archive, key: str) -> None:
    wanted = archive.image("wanted", tags={key: "x"})
    archive.image("other", tags={"aX": "x"})
    assert set(seen(archive, policy(tags={key: ("*",)}))) == {wanted}
    assert set(seen(archive, policy(tags={key: ("x",)}))) == {wanted}


def test_all_tags_must_match_and_one_of_each_ones_values(archive: Archive) -> None:
    both = archive.image("both", tags={"Archive": "yes", "Team": "web"})
    archive.image("one", tags={"Archive": "yes"})
    assert set(seen(archive, policy(tags={"Archive": ("true", "yes"), "Team": ("*",)}))) == {both}


def test_pages_go_on_from_a_token(archive: Archive, ec2: Any) -> None:
    def raw(image_id: str) -> dict[str, Any]:
        return {"ImageId": image_id, "CreationDate": "2026-01-01T00:00:00.000Z"}

    first = {"Images": [raw("ami-1")], "NextToken": "t"}
    second = {"Images": [raw("ami-2")]}
    with answering(ec2, "DescribeImages", first, second) as calls:
        pages = list(archive.app.images.pages(NIGHTLY, "start"))
    assert [page.next_token for page in pages] == ["t", None]
    assert [call["NextToken"] for call in calls] == ["start", "t"]
    assert {call["MaxResults"] for call in calls} == {1000}


def test_image_that_says_almost_nothing_of_itself_is_read_and_can_be_judged(archive: Archive, ec2: Any) -> None:
    with answering(ec2, "DescribeImages", {"Images": [{"ImageId": "ami-1"}]}):
        (page,) = archive.app.images.pages(NIGHTLY)
    (image,) = page.images
    assert (image.name, image.owner_id, image.state, image.volumes, image.tags) == ("", "", "unknown", (), {})


def test_images_that_are_gone_are_left_out(archive: Archive) -> None:
    image_id = archive.image("one")
    assert set(archive.app.images.by_id([image_id, "ami-00000000000000009"])) == {image_id}
    assert archive.app.images.by_id([]) == {}


def test_images_are_asked_by_two_hundred(archive: Archive, ec2: Any) -> None:
    with counting(ec2, "DescribeImages") as calls:
        archive.app.images.by_id([f"ami-{number:017}" for number in range(201)])
    assert len(calls) == 2


def test_snapshots_that_are_gone_are_left_out(archive: Archive) -> None:
    image_id = archive.image("one", gib=2.5, snapshot={"encrypted": True, "kms_key_id": "arn:key"})
    snapshot_id = image_id.replace("ami-", "snap-")
    found = archive.app.images.snapshots([snapshot_id, "snap-00000000000000009", snapshot_id])
    assert set(found) == {snapshot_id}
    snapshot = found[snapshot_id]
    assert (snapshot.state, snapshot.volume_gib, snapshot.written_bytes) == ("completed", 2, round(2.5 * GIB))
    assert (snapshot.encrypted, snapshot.kms_key_id) == (True, "arn:key")


@pytest.mark.parametrize(("volume_id", "known"), [("vol-00000000000000001", True), ("vol-ffffffff", False)])
def test_snapshot_tells_when_and_of_which_volume_it_was_taken_unless_it_was_copied(
    archive: Archive, volume_id: str, known: bool
) -> None:
    image_id = archive.image("one", snapshot={"volume_id": volume_id, "storage_tier": "archive"})
    (snapshot,) = archive.app.images.snapshots([image_id.replace("ami-", "snap-")]).values()
    assert snapshot.volume_id == (volume_id if known else None)
    assert snapshot.started_at == archive.cloud.clock.now() - timedelta(days=100)
    assert snapshot.tier == "archive"


def test_snapshots_are_asked_by_two_hundred(archive: Archive, ec2: Any) -> None:
    with counting(ec2, "DescribeSnapshots") as calls:
        archive.app.images.snapshots([f"snap-{number:017}" for number in range(401)])
    assert len(calls) == 3


@pytest.mark.parametrize("size", [None, 0])
def test_snapshot_that_does_not_tell_its_written_blocks_has_none(archive: Archive, ec2: Any, size: int | None) -> None:
    raw = {"SnapshotId": "snap-1", "VolumeSize": 8, "State": "completed", "FullSnapshotSizeInBytes": size}
    with answering(ec2, "DescribeSnapshots", {"Snapshots": [raw]}):
        assert archive.app.images.snapshots(["snap-1"])["snap-1"].written_bytes is None


def test_launch_permissions_are_named_by_kind(archive: Archive) -> None:
    image_id = archive.image(
        "one",
        launch_permissions=[
            {"UserId": "999999999999"},
            {"Group": "all"},
            {"OrganizationArn": "arn:aws:organizations::1:organization/o-1"},
            {"OrganizationalUnitArn": "arn:aws:organizations::1:ou/o-1/ou-1"},
        ],
    )
    assert archive.app.images.launch_permissions(image_id) == (
        "group:all",
        "organization:arn:aws:organizations::1:organization/o-1",
        "unit:arn:aws:organizations::1:ou/o-1/ou-1",
        "user:999999999999",
    )


def test_image_that_is_not_shared_has_no_launch_permissions(archive: Archive) -> None:
    assert archive.app.images.launch_permissions(archive.image("one")) == ()


def test_launch_permissions_of_an_image_that_is_gone_are_unknown(archive: Archive) -> None:
    assert archive.app.images.launch_permissions("ami-00000000000000009") is None


def test_parameters_that_point_at_images_are_found_beyond_ten_images(archive: Archive) -> None:
    image_ids = [archive.image(f"i{number}") for number in range(12)]
    ssm = archive.cloud.client("ssm")
    for name, image_id in (("/b", image_ids[0]), ("/a", image_ids[0]), ("/c", image_ids[11])):
        ssm.put_parameter(Name=name, Value=image_id, Type="String", DataType="aws:ec2:image")
    ssm.put_parameter(Name="/text", Value=image_ids[1], Type="String")
    found = archive.app.images.ssm_parameters(image_ids)
    assert found is not None
    assert {image_id: [arn.rpartition(":parameter")[2] for arn in arns] for image_id, arns in found.items()} == {
        image_ids[0]: ["/a", "/b"],
        image_ids[11]: ["/c"],
    }


@pytest.mark.parametrize(("code", "status"), [("UnauthorizedOperation", 403), ("InvalidAction", 400)])
def test_references_that_cannot_be_asked_for_are_unknown(archive: Archive, ec2: Any, code: str, status: int) -> None:
    with refusing(ec2, "DescribeImageReferences", code, status):
        assert archive.app.images.ssm_parameters(["ami-00000000000000001"]) is None
