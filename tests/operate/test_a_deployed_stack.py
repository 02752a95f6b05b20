"""The life of two originals on a deployed stack: asked about, let go, rejected, let go for good, and had back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from ami_archiver.run_state import identify
from local_cloud.control_client import RunningCloud, start_cloud
from operate import __main__ as command
from operate import approval, restore
from tests.local_cloud.endpoint.scenes import until
from tests.support.assembly import synthesized
from tests.support.deployment import Deployment, deploy

SECONDS = 120
OTHER = "444455556666"


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    with start_cloud("--speed", "600", "--store-gib-per-second", "1") as cloud:
        deployed = deploy(cloud, synthesized(Path(__file__).with_name("explicit.toml")))
        settings = {
            "AWS_ENDPOINT_URL": cloud.endpoint_url,
            "AWS_ACCESS_KEY_ID": "123456789012",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        for module in (approval, restore):
            monkeypatch.setattr(module, "LOOK_SECONDS", 0.1)
        yield deployed


def register(cloud: RunningCloud, name: str) -> str:
    ec2 = cloud.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=8)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    image = ec2.register_image(
        Name=name,
        VirtualizationType="hvm",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}],
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "Archive", "Value": "true"}]}],
    )
    return str(image["ImageId"])


def night(deployment: Deployment) -> dict[str, Any]:
    """A run that asks nobody; its summary."""
    arn = deployment.start({"policy": "nightly"})
    until(lambda: deployment.execution(arn)["status"] != "RUNNING", SECONDS)
    execution = deployment.execution(arn)
    assert execution["status"] == "SUCCEEDED", execution
    summary: dict[str, Any] = json.loads(execution["output"])
    return summary


def asking_run(deployment: Deployment) -> str:
    """A run that waits for an answer; its id."""
    arn = deployment.start({"policy": "nightly"})

    begun = deployment.execution(arn)
    names = {"execution_name": begun["name"], "execution_started_at": begun["startDate"].isoformat()}
    run_id, _ = identify(names, "nightly")

    def asks() -> bool:
        execution = deployment.execution(arn)
        assert execution["status"] == "RUNNING", execution
        return deployment.item(f"RUN#{run_id}", "APPROVAL") is not None

    until(asks, SECONDS)
    return run_id


def image(cloud: RunningCloud, image_id: str) -> dict[str, Any] | None:
    found = cloud.client("ec2").describe_images(
        Owners=["self"], IncludeDisabled=True, Filters=[{"Name": "image-id", "Values": [image_id]}]
    )["Images"]
    return found[0] if found else None


def wrong(image_id: str) -> str:
    """The id with a typo in its last digit."""
    return image_id[:-1] + ("0" if image_id[-1] != "0" else "1")


def restores_started(deployment: Deployment) -> list[Any]:
    outputs = deployment.cloud.client("cloudformation").describe_stacks(StackName="AmiArchiver")["Stacks"][0]["Outputs"]
    (arn,) = [one["OutputValue"] for one in outputs if one["OutputKey"] == "RestoreWorkflowArn"]
    found = deployment.cloud.client("stepfunctions").list_executions(stateMachineArn=arn)
    return list(found["executions"])


def state(cloud: RunningCloud, image_id: str) -> str | None:
    found = image(cloud, image_id)
    return found["State"] if found else None


def test_originals_go_when_somebody_says_so_and_come_back_when_somebody_says_so(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = deployment.cloud
    one, two = register(cloud, "one"), register(cloud, "two")

    assert command.main(["run", "--policy", "nightly", "--dry-run"]) == 0
    assert "  would store       2\n" in capsys.readouterr().out
    first = night(deployment)["retirement"]
    assert first["first_runs"] == ["nightly"]
    assert first["would"]["disabled"]["images"] == 2
    assert {state(cloud, one), state(cloud, two)} == {"available"}

    run_id = asking_run(deployment)
    assert {state(cloud, one), state(cloud, two)} == {"available"}
    assert command.main(["approve", "--run", run_id, "--yes"]) == 0
    told = capsys.readouterr().out
    for image_id in (one, two):
        assert f"  Would disable {image_id} (8 GiB, policy nightly)\n" in told
        assert f"  {image_id}  Disabled: object nightly/{image_id}.bin" in told
    assert {state(cloud, one), state(cloud, two)} == {"disabled"}

    assert command.main(["undo", "--image", one]) == 0
    assert capsys.readouterr().out.startswith(f"{one} is enabled again, and shared as it was")
    assert state(cloud, one) == "available"
    assert command.main(["undo", "--image", one]) == 0
    assert capsys.readouterr().out.startswith(f"There was nothing to undo of {one}: ")

    executions = len(restores_started(deployment))
    for typo in (("restore", "--image", wrong(one)), ("restore", "--key", f"nightly/{wrong(one)}.bin")):
        assert command.main([*typo]) == 2
        assert "nothing was started" in capsys.readouterr().err
    assert command.main(["undo", "--image", wrong(one)]) == 2
    assert "no archive record" in capsys.readouterr().err
    assert len(restores_started(deployment)) == executions

    run_id = asking_run(deployment)
    assert command.main(["reject", "--run", run_id, "--why", "not before the audit"]) == 0
    told = capsys.readouterr().out
    assert f"  Would retire {two} (8 GiB, policy nightly)\n" in told
    assert f"  {two}  Kept: NotApproved: arn:aws:iam::123456789012:root rejected it: not before the audit" in told
    assert one not in told
    assert state(cloud, two) == "disabled"

    run_id = asking_run(deployment)
    assert command.main(["approve", "--run", run_id, "--yes"]) == 0
    told = capsys.readouterr().out
    assert f"  {two}  Retired: object nightly/{two}.bin" in told
    assert "Saved by this run: " in told
    assert state(cloud, two) is None
    assert state(cloud, one) == "available"

    assert command.main(["undo", "--image", two]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{two} cannot be enabled again (it is deregistered): it is restored from its stored object."
    restored = lines[-1].removeprefix(f"{two} → ")
    found = image(cloud, restored)
    assert found is not None
    assert (found["State"], found["Name"]) == ("available", "two")
