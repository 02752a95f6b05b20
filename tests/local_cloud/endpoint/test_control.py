"""`/_local/`: faults, fleets, state and calls from another process."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from local_cloud.control_client import ControlError, RunningCloud
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import ACCOUNT, REGION, add_image, unique, until


@pytest.fixture
def control(local_cloud: LocalCloud) -> RunningCloud:
    return RunningCloud(local_cloud.endpoint_url)


def test_faults_reach_the_tasks_and_the_state_shows_them(local_cloud: LocalCloud, control: RunningCloud) -> None:
    bucket = unique("archive")
    control.client("s3").create_bucket(Bucket=bucket)
    failing, hanging = (add_image(local_cloud.catalog) for _ in range(2))
    control.fault("fail_store", image_id=failing, reason="the disk broke", at_percent=60)
    control.fault("hang", image_id=hanging)
    for image_id in (failing, hanging):
        control.client("ec2").create_store_image_task(ImageId=image_id, Bucket=bucket)

    def tasks() -> dict[str, Any]:
        return {task["image_id"]: task for task in control.state()["store_tasks"]}

    until(lambda: tasks()[failing]["state"] == "Failed")
    assert tasks()[failing]["failure_reason"] == "the disk broke"
    assert (tasks()[hanging]["state"], tasks()[hanging]["size_gib"]) == ("InProgress", 8)
    assert control.state()["in_flight_gib"]["store"] >= 8
    control.fault("clear")
    until(lambda: tasks()[hanging]["state"] == "Completed")
    calls = control.calls(service="ec2", operation="CreateStoreImageTask", limit=2)
    assert [call["parameters"]["ImageId"] for call in calls] == [failing, hanging]


def test_foreign_tasks_are_started_and_named(control: RunningCloud) -> None:
    image_ids = control.fault("occupy", account_id="777777777777", region=REGION, sizes_gib=[10, 20])
    assert len(image_ids) == 2


def test_fleets_are_loaded_and_made(control: RunningCloud, tmp_path: Path) -> None:
    before = control.state()["images"]
    assert control.generate_fleet(5, seed=3)["images"] == 5
    export = tmp_path / "images.json"
    export.write_text(
        json.dumps({"Images": [{"ImageId": "ami-0aaaaaaaaaaaaaaaa", "Name": unique("n"), "OwnerId": ACCOUNT}]})
    )
    assert control.load_fleet(export)["images"] == 1
    assert control.state()["images"] == before + 6


def test_broken_fleet_is_an_error_that_names_the_entry(control: RunningCloud, tmp_path: Path) -> None:
    export = tmp_path / "images.json"
    export.write_text('{"Images": [{"Name": "no id"}]}')
    with pytest.raises(ControlError, match=r"images\.json"):
        control.load_fleet(export)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("nothing", None, 404, "no GET /_local/nothing; there is GET /_local/state"),
        ("faults/hang", b"{}", 400, "image_id: Missing required argument"),
        ("faults/hang", b'{"image_id": "ami-1", "x": 1}', 400, "x: Unexpected keyword argument"),
        ("faults/hang", b"[", 400, "not JSON"),
        ("faults/fail_store", b'{"image_id": "ami-1", "at_percent": 101}', 400, "0 to 100 percent"),
        ("faults/occupy", b'{"account_id": "1", "region": "r", "sizes_gib": "all"}', 400, "sizes_gib: "),
        ("faults/occupy", b'{"account_id": "1", "region": "r", "sizes_gib": ["all"]}', 400, "sizes_gib.0: "),
        ("faults/delete_snapshot", b'{"region": "us-east-1", "snapshot_id": "snap-none"}', 400, "snap-none"),
        ("fleet", b'{"images": "many"}', 400, "images: Input should be a valid integer"),
        ("fleet", b"{}", 400, "a fleet is"),
        ("fleet", b'{"path": "relative.json"}', 400, "must be absolute"),
        ("calls?sort=up", None, 400, "sort: Unexpected keyword argument"),
        ("calls?since=yesterday", None, 400, "since: Input should be a valid integer"),
    ],
)
def test_what_cannot_be_done_is_explained(
    control: RunningCloud, path: str, body: bytes | None, status: int, message: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{control.endpoint_url}/_local/{path}", body, timeout=10)
    assert refused.value.code == status
    assert message in json.load(refused.value)["error"]
