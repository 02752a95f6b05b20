"""A fleet written and read again is the same fleet."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_cloud.fleet.export import load_fleet
from local_cloud.fleet.fleet import Fleet, Use
from local_cloud.fleet.generator import generate_fleet
from local_cloud.fleet.write import write_fleet
from local_cloud.model import BlockDevice, Image, Snapshot

NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
ACCOUNT = "123456789012"


def written_and_read(fleet: Fleet, path: Path) -> Fleet:
    write_fleet(fleet, path)
    return load_fleet(path, owner_id=ACCOUNT)


@pytest.mark.parametrize("images", [0, 1, 40, 400])
def test_generated_fleet_comes_back_as_it_was(images: int, tmp_path: Path) -> None:
    fleet = generate_fleet(images, 3, now=NOW, owner_id=ACCOUNT, region="us-east-1")
    assert written_and_read(fleet, tmp_path / "fleet.json") == fleet


def test_every_field_comes_back_as_it_was(tmp_path: Path) -> None:
    image = Image(
        image_id="ami-12345678",
        name='quotes " and 🗄',
        owner_id=ACCOUNT,
        creation_date=NOW.replace(microsecond=123000),
        block_devices=(
            BlockDevice("/dev/sda1", "snap-12345678", 8, "io1", False, True, 100, 200, "key"),
            BlockDevice("/dev/sdb", virtual_name="ephemeral0"),
        ),
        description="two\nlines",
        owner_alias="self",
        image_location=f"{ACCOUNT}/quotes",
        state="failed",
        state_reason="because",
        ena_support=False,
        tpm_support="v2.0",
        ramdisk_id="ari-1",
        product_codes=(("a", "devpay"), ("b", "marketplace")),
        launch_permissions=[{"OrganizationArn": "arn"}, {"Group": "all"}],
        deprecation_time=NOW,
        last_launched_time=NOW,
        source_image_id="ami-87654321",
        source_image_region="eu-west-1",
        extra={"ImageAllowed": True, "StateReason": {"Code": "Client.X"}},
    )
    snapshot = Snapshot(
        snapshot_id="snap-12345678",
        owner_id="210987654321",
        volume_size_gib=8,
        start_time=NOW,
        full_snapshot_size_bytes=0,
        state="error",
        state_message="no key",
        progress_percentage=7,
        storage_tier="archive",
        shared_with=(ACCOUNT, "all"),
        locked=True,
        extra={"SseType": "sse-kms"},
    )
    uses = [
        Use("launch-template", "ami-12345678", "web", newer_versions=12),
        Use("other-account", "ami-12345678", account_id="210987654321", instance_state="stopped"),
    ]
    fleet = Fleet([image], [snapshot], uses, ACCOUNT)
    assert written_and_read(fleet, tmp_path / "fleet.json") == fleet


def test_edited_fleet_can_be_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    write_fleet(generate_fleet(5, 3, now=NOW, owner_id=ACCOUNT, region="us-east-1"), path)
    document = json.loads(path.read_text())
    document["Images"][2]["Name"] = "renamed"
    path.write_text(json.dumps(document, indent=4))
    assert load_fleet(path).images[2].name == "renamed"
