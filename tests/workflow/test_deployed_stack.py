"""The stack as CloudFormation deploys it, on a local cloud over HTTP: functions in their own processes, real waits."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local_cloud.control_client import RunningCloud, start_cloud
from operate import restore as operate_restore
from operate.__main__ import main as operate
from tests.support.assembly import synthesized
from tests.support.deployment import Deployment, deploy

SECONDS = 120


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """One cloud, 600 times as fast as the wall, with the stack in it; each test has images of its own policy."""
    with start_cloud("--speed", "600", "--store-gib-per-second", "1") as cloud:
        yield deploy(cloud, synthesized(Path(__file__).with_name("deployed.toml")))


def ended(deployment: Deployment, arn: str) -> dict[str, Any]:
    """The execution once it has ended."""
    deadline = time.monotonic() + SECONDS
    while (execution := deployment.execution(arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline, f"still running after {SECONDS} s: {execution}"
        time.sleep(0.2)
    return execution


def register(cloud: RunningCloud, name: str, gib: int, **tags: str) -> str:
    """An image of one volume, as a user makes one: its id."""
    ec2 = cloud.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=gib)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    image: str = ec2.register_image(
        Name=name,
        VirtualizationType="hvm",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}],
        TagSpecifications=[
            {"ResourceType": "image", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )["ImageId"]
    return image


def stored_images(deployment: Deployment) -> set[str]:
    return {key.rsplit("/", 1)[-1].removesuffix(".bin") for key in deployment.object_keys()}


def test_a_night_stores_what_fits_and_what_does_not_and_says_why_of_the_rest(deployment: Deployment) -> None:
    cloud = deployment.cloud
    small = [register(cloud, f"night-{i}", 20 + i, Archive="true") for i in range(8)]
    huge = register(cloud, "night-huge", 800, Archive="true")
    flaky = register(cloud, "night-flaky", 30, Archive="true")
    hopeless = register(cloud, "night-hopeless", 31, Archive="true")
    cloud.fault("fail_store", image_id=flaky, reason="a passing fault", times=1)
    cloud.fault("fail_store", image_id=hopeless, reason="a bad block", times=None)
    cloud.fault("occupy", account_id="123456789012", region="us-east-1", sizes_gib=[300.0, 250.0])

    execution = ended(deployment, deployment.start({"policy": "nightly", "dry_run": False}))

    assert execution["status"] == "SUCCEEDED", execution
    summary = json.loads(execution["output"])
    assert summary["decisions"] == {
        "stored": 10, "already_archived": 0, "deferred": 0, "ineligible": 0, "excluded": 0, "failed": 1,
    }  # fmt: skip
    assert [failure["image_id"] for failure in summary["failures"]] == [hopeless]
    assert "a bad block" in summary["failures"][0]["reason"]
    assert stored_images(deployment) == {*small, huge, flaky}
    record = deployment.item(f"IMAGE#{flaky}", "RECORD")
    assert record is not None
    assert (record["status"], record["attempts"]) == ({"S": "VERIFIED"}, {"N": "2"})
    starts = cloud.calls(service="ec2", operation="CreateStoreImageTask", caller="StoreImages")
    assert len(starts) == 13  # eight, the huge one, the flaky and the hopeless one twice each
    assert [call for call in starts if call["in_flight_gib"] >= 600] == []


def test_a_misspelled_policy_ends_the_execution_with_what_is_allowed(deployment: Deployment) -> None:
    execution = ended(deployment, deployment.start({"policy": "nigthly"}))

    assert (execution["status"], execution["error"]) == ("FAILED", "BadInput")
    cause = json.loads(execution["cause"])
    assert cause["errorMessage"] == "'policy' is 'nigthly', must be one of 'nightly', 'golden'"


def test_two_policies_at_the_same_minute_share_one_run(deployment: Deployment) -> None:
    cloud = deployment.cloud
    golden = register(cloud, "shared-golden", 90, Role="golden")
    both = register(cloud, "shared-both", 15, Role="golden", Archive="true")
    nightly = register(cloud, "shared-nightly", 200, Archive="true")

    arns = [deployment.start({"policy": policy}) for policy in ("nightly", "golden")]
    executions = [ended(deployment, arn) for arn in arns]

    assert [execution["status"] for execution in executions] == ["SUCCEEDED", "SUCCEEDED"], executions
    summaries = [json.loads(execution["output"]) for execution in executions]
    assert {golden, both, nightly} <= stored_images(deployment)
    owner = deployment.item(f"IMAGE#{both}", "RECORD")
    assert owner is not None
    assert owner["policy"] == {"S": "nightly"}
    # Which of the two took the lease is the cloud's to say; if they overlapped, the other one names it.
    joined = [summary for summary in summaries if summary["outcome"] == "joined"]
    assert all(summary["working_run"] in {s["run_id"] for s in summaries} for summary in joined)


def test_a_run_that_is_stopped_and_started_again_works_at_once(deployment: Deployment) -> None:
    cloud, sfn = deployment.cloud, deployment.cloud.client("stepfunctions")
    image_id = register(cloud, "stopped", 50, Archive="true")
    cloud.fault("hang", image_id=image_id)
    stopped = deployment.start({"policy": "nightly"})
    deadline = time.monotonic() + SECONDS
    while image_id not in {call["parameters"].get("ImageId") for call in cloud.calls(operation="CreateStoreImageTask")}:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    sfn.stop_execution(executionArn=stopped)
    cloud.fault("clear")
    execution = ended(deployment, deployment.start({"policy": "nightly"}))

    assert deployment.execution(stopped)["status"] == "ABORTED"
    summary = json.loads(execution["output"])
    assert (summary["outcome"], stored_images(deployment) >= {image_id}) == ("worked", True)


def test_the_summary_reaches_the_topic_and_stays_in_the_table(deployment: Deployment) -> None:
    execution = ended(deployment, deployment.start({"policy": "golden", "dry_run": True}))

    summary = json.loads(execution["output"])
    kept = deployment.item("RUNS", summary["run_id"])
    assert summary["outcome"] == "dry_run"
    assert kept is not None
    assert kept["summary"]["M"]["policy"] == {"S": "golden"}
    assert deployment.cloud.calls(service="sns", operation="Publish", caller="ReportRun")


def test_an_archived_image_comes_back_by_one_command(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = deployment.cloud
    image_id = register(cloud, "lost-and-found", 8, Archive="true")
    assert ended(deployment, deployment.start({"policy": "nightly"}))["status"] == "SUCCEEDED"
    cloud.client("ec2").deregister_image(ImageId=image_id)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(operate_restore, "LOOK_SECONDS", 0.2)
    for name, value in {
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": "123456789012",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    assert operate(["restore", "--image", image_id]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    restored = last.removeprefix(f"{image_id} → ")
    (image,) = cloud.client("ec2").describe_images(ImageIds=[restored])["Images"]
    assert (image["Name"], image["State"], image["SourceImageId"]) == ("lost-and-found", "available", image_id)
    assert cloud.calls(service="ec2", operation="CreateRestoreImageTask", caller="RestoreImages")
