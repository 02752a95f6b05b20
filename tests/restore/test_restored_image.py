"""What comes back is what was archived, from the stored object alone."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.errors import BadInput
from local_cloud.engine.stored_object import content_of
from local_cloud.in_process import VirtualCloud
from local_cloud.model import GIB, BlockDevice, Image, Snapshot
from tests.support.archive import Archive, client, full_id
from tests.support.restore import Restores

MUST_DIFFER = {
    "image_id",
    "creation_date",
    "image_location",
    "source_image_id",
    "source_image_region",
    "block_devices",  # compared one by one: only their snapshot ids differ
    "tags",  # compared without ours
}
OWN_TAGS = {
    "archiver:restore-id",
    "archiver:source-image-id",
    "archiver:object-key",
    "archiver:object-version",
    "archiver:run-id",
    "archiver:restored-at",
}


def a_rich_image(archive: Archive) -> Image:
    """Two volumes, tags, and every attribute that a restore has to bring back."""
    archive.image(
        "ami-rich",
        10,
        name="web-42",
        description="The web tier as of March",
        tags={"Archive": "true", "Application": "web", "Owner": "platform@example.com"},
        architecture="arm64",
        boot_mode="uefi",
        tpm_support="v2.0",
        imds_support="v2.0",
        sriov_net_support="simple",
        root_device_name="/dev/sda1",
        snapshot={"tags": {"Volume": "root"}, "description": "root of web-42"},
        block_devices=(
            BlockDevice(
                "/dev/sda1", full_id("ami-rich").replace("ami-", "snap-"), 10, "gp3", iops=4000, throughput=250
            ),
            BlockDevice("/dev/sdb", "snap-0bbbbbbbbbbbbbbbb", 20, "io2", delete_on_termination=False, iops=8000),
            BlockDevice("/dev/sdc", virtual_name="ephemeral0"),
        ),
    )
    second = Snapshot(
        "snap-0bbbbbbbbbbbbbbbb",
        archive.account_id,
        20,
        archive.cloud.clock.now(),
        full_snapshot_size_bytes=7 * GIB,
        tags={"Volume": "data"},
        description="data of web-42",
    )
    archive.cloud.catalog.add_snapshot(archive.region, second)
    return archive.cloud.catalog.images(archive.region)[full_id("ami-rich")]


def snapshots_of(archive: Archive, image: Image) -> list[Snapshot]:
    return [replace(archive.cloud.catalog.snapshots(archive.region)[one]) for one in image.snapshot_ids]


def test_image_equals_the_original_though_nothing_but_its_object_is_left(archive: Archive, restores: Restores) -> None:
    original = a_rich_image(archive)
    snapshots = snapshots_of(archive, original)
    archive.night()
    restores.lose("ami-rich")
    restored = restores.new_image(restores.run(image_ids=["ami-rich"]))
    assert restored.state == "available"
    for field in fields(Image):
        if field.name not in MUST_DIFFER:
            assert getattr(restored, field.name) == getattr(original, field.name), field.name
    assert (restored.source_image_id, restored.source_image_region) == (original.image_id, archive.region)
    assert {key: value for key, value in restored.tags.items() if key not in OWN_TAGS} == original.tags
    assert [replace(device, snapshot_id=None) for device in restored.block_devices] == [
        replace(device, snapshot_id=None) for device in original.block_devices
    ]
    bytes_per_gib = archive.cloud.settings.engine.bytes_per_gib
    for before, after in zip(snapshots, snapshots_of(archive, restored), strict=True):
        assert after.snapshot_id != before.snapshot_id
        assert after.state == "completed"
        assert content_of(after, bytes_per_gib) == content_of(before, bytes_per_gib)
        assert (after.volume_size_gib, after.full_snapshot_size_bytes, after.description, after.encrypted) == (
            before.volume_size_gib,
            before.full_snapshot_size_bytes,
            before.description,
            before.encrypted,
        )
        assert {key: value for key, value in after.tags.items() if key not in OWN_TAGS} == before.tags


def test_image_and_snapshots_say_where_they_come_from(archive: Archive, restores: Restores) -> None:
    image_id = restores.archived("ami-a")
    summary = restores.run(image_ids=["ami-a"], tags={"Reason": "audit"})
    restored = restores.new_image(summary)
    record = archive.record("ami-a")
    (snapshot,) = snapshots_of(archive, restored)
    for tags in (restored.tags, snapshot.tags):
        assert tags["Reason"] == "audit"
        assert tags["archiver:source-image-id"] == image_id
        assert tags["archiver:object-key"] == record.object_key
        assert tags["archiver:object-version"] == record.object_version_id
        assert tags["archiver:run-id"] == summary["run_id"]
        assert tags["archiver:restored-at"] == summary["started_at"]
        assert tags.keys() >= OWN_TAGS


def test_restore_is_in_the_originals_history_and_changes_nothing_else_of_it(
    archive: Archive, restores: Restores
) -> None:
    restores.archived("ami-a")
    before = archive.record("ami-a")
    summary = restores.run(image_ids=["ami-a"])
    after = archive.record("ami-a")
    assert replace(after, history=before.history, revision=before.revision) == before
    (entry,) = after.history[len(before.history) :]
    restored = restores.new_image(summary).image_id
    assert entry.why == f"restored as {restored} by {restores.records(summary)[0].restore_id}"
    assert (entry.run_id, entry.from_status, entry.to_status) == (summary["run_id"], "VERIFIED", "VERIFIED")


def test_each_restore_has_a_record_with_its_moves(restores: Restores) -> None:
    restores.archived("ami-a")
    summary = restores.run(image_ids=["ami-a"])
    (record,) = restores.records(summary)
    assert [move.to_status for move in record.history] == ["PLANNED", "RESTORING", "RESTORING", "RESTORED"]
    assert record.restored_image_id == restores.new_image(summary).image_id


def test_summary_is_kept_told_and_newest_first_without_a_scan(restores: Restores) -> None:
    restores.archived("ami-a")
    told = restores.messages()
    summary = restores.run(image_ids=["ami-a"])
    assert restores.messages() == told + 1
    restores.cloud.advance(3600)
    later = restores.run(image_ids=["ami-a"], name="{name}")
    newest = client(restores.cloud, "dynamodb").query(
        TableName=restores.archive.settings.table_name,
        KeyConditionExpression="pk = :restores",
        ExpressionAttributeValues={":restores": {"S": "RESTORES"}},
        ScanIndexForward=False,
    )["Items"]
    assert [item["sk"]["S"] for item in newest] == [later["run_id"], summary["run_id"]]
    assert restores.app.runs.summary(SummaryKind.RESTORES, summary["run_id"]) == summary


def test_points_parameters_back_only_when_asked_and_only_those_that_still_point_at_the_original(
    cloud: VirtualCloud,
) -> None:
    archive = Archive(cloud, parameter_prefixes=("/golden/", "moved", "deleted"))
    restores = Restores(archive)
    ssm = client(archive.cloud, "ssm")
    image_id = archive.image("ami-a")
    for name in ("/golden/web", "moved-on", "deleted", "/golden-too"):
        ssm.put_parameter(Name=name, Value=image_id, Type="String", DataType="aws:ec2:image")
    archive.night()
    restores.lose("ami-a")
    ssm.put_parameter(Name="moved-on", Value="ami-0eeeeeeeeeeeeeeee", Overwrite=True, DataType="aws:ec2:image")
    ssm.delete_parameter(Name="deleted")

    silent = restores.run(image_ids=["ami-a"])
    assert ssm.get_parameter(Name="/golden/web")["Parameter"]["Value"] == image_id
    assert "parameter/golden/web" in "".join(silent["restored"][0]["differences"])
    summary = restores.run(image_ids=["ami-a"], name="again", point_ssm_parameters=True)
    new = restores.new_image(summary).image_id
    assert ssm.get_parameter(Name="/golden/web")["Parameter"]["Value"] == new
    assert ssm.get_parameter(Name="moved-on")["Parameter"]["Value"] == "ami-0eeeeeeeeeeeeeeee"
    reason = summary["restored"][0]["reason"]
    assert "parameter/golden/web points at it" in reason
    assert "parameter/moved-on left as it is: points at ami-0eeeeeeeeeeeeeeee now" in reason
    assert "parameter/deleted left as it is: ParameterNotFound" in reason
    assert ssm.get_parameter(Name="/golden-too")["Parameter"]["Value"] == image_id
    assert "parameter/golden-too left as it is: account.parameter_prefixes does not allow it" in reason
    (difference,) = [d for d in summary["restored"][0]["differences"] if "SSM" in d]
    assert difference.startswith("SSM parameters that pointed at the original do not point at it: arn:")
    assert difference.endswith(":parameter/golden-too")


def test_pointing_parameters_is_refused_where_the_configuration_allows_none(restores: Restores) -> None:
    restores.stored("ami-a")
    with pytest.raises(BadInput, match=r"set account.parameter_prefixes in archiver.toml to what their names begin"):
        restores.run(image_ids=["ami-a"], point_ssm_parameters=True)
    assert not [item for item in restores.archive.items() if item["pk"]["S"].startswith("RESTORE")]


def test_says_what_licence_and_product_codes_mean_for_a_restore(restores: Restores) -> None:
    restores.archived(
        "ami-w",
        platform="windows",
        platform_details="Windows",
        usage_operation="RunInstances:0002",
        product_codes=(("abcdefghijklmnopqrstuvwxy", "marketplace"),),
    )
    differences = restores.run(image_ids=["ami-w"])["restored"][0]["differences"]
    assert any(d.startswith("licence Windows (RunInstances:0002): AWS does not say") for d in differences)
    assert any(d.startswith("product codes abcdefghijklmnopqrstuvwxy: AWS does not say") for d in differences)


def test_restored_image_is_not_archived_anew_though_it_has_its_originals_tags(
    archive: Archive, restores: Restores
) -> None:
    restores.archived("ami-a")
    summary = restores.run(image_ids=["ami-a"])
    archive.cloud.advance(5 * 86400)
    night = archive.night()
    assert night["decisions"]["excluded"] == 1
    restored = restores.new_image(summary).image_id
    assert archive.decisions(night["run_id"])[restored] == (
        "excluded",
        f"restored from the archive by {restores.records(summary)[0].restore_id}; the archive still has it",
    )
