"""Every call of retirement is one that the function's role allows, and what the roles allow is used.

As `test_permissions_in_use`: roles out of the synthesized template, real handlers under the real workflow.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ami_archiver.model import Action
from ami_archiver.policy import Policy, RetireRules, UseKind
from ami_archiver.retire.reasons import HOLD_TAG, MARKS, RETIRE_ON_TAG
from handlers import telemetry
from local_cloud.in_process import VirtualCloud
from local_cloud.model import GIB, Snapshot
from tests.support.account import REFERENCES, Account
from tests.support.archive import BUCKET, TABLE, Archive, client
from tests.support.assembly import CloudAssembly
from tests.support.watched import Stage, Watched, allowed

AT_ONCE: dict[str, Any] = {
    "after_verified_days": 0,
    "after_disabled_days": 0,
    "ignore_unknown_uses": (UseKind.IMAGE_BUILDER,),  # references are denied on some nights
}
NIGHTLY = Policy(
    "nightly",
    {"Archive": ("true",)},
    original="retire",
    retire=RetireRules(**AT_ONCE, keep_newest=1, approval="notify", notify_days=1),
)
ASKED = Policy(
    "asked",
    {"Ask": ("first",)},
    original="retire",
    retire=RetireRules(**AT_ONCE, keep_newest=0, allow_shared=True, approval="explicit"),
)
APPROVED = {"approved": True, "by": "arn:aws:iam::123456789012:user/ada"}
OTHER = "210987654321"
VOLUME = "vol-00000000000000001"
FUNCTIONS = ("PlanRetirement", "RetireImages", "AskForApproval", "UndoRetirement")
NOT_CALLED_BY_US = {
    # Lambda itself, for every function
    "logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    # S3, DynamoDB and SNS, which use the stack's key for their caller
    "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
    # S3, before it answers 404 for an object that is not there
    "s3:ListBucket",
    # EC2, on behalf of DescribeImageReferences
    "imagebuilder:GetContainerRecipe", "imagebuilder:ListContainerRecipes", "imagebuilder:ListImageRecipes",
}  # fmt: skip


@pytest.fixture
def watched(cloud: VirtualCloud, cloud_assembly: CloudAssembly, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Originals announced, objected to, approved, shared, used, deregistered with snapshots left, and undone."""
    monkeypatch.setattr(telemetry.metrics.provider, "namespace", "tests")  # whoever imported the handlers first
    archive = Archive(cloud, NIGHTLY, ASKED, retire_stop_percent=100)
    account, seen = Account(archive), Watched()
    late = archive.image("late")

    def hold_late(function: str) -> None:
        """Somebody objects between the plan and the call."""
        tags = cloud.catalog.images(archive.region)[late].tags
        if function == "RetireImages" and MARKS[Action.DISABLE] in tags:
            account.ec2.create_tags(Resources=[late], Tags=[{"Key": HOLD_TAG, "Value": "ada"}])

    stage = Stage(archive, cloud_assembly, seen, hold_late)
    going, held = archive.image("going", gib=2, snapshot={"volume_id": VOLUME}), archive.image("held")
    archive.image("newest", creation_date=cloud.clock.now() - timedelta(days=2))
    sibling = Snapshot("snap-00000000000000002", archive.account_id, 2, cloud.clock.now(), VOLUME, 2 * GIB)
    cloud.catalog.add_snapshot(archive.region, sibling)
    shared = archive.image("shared", tags={"Ask": "first"}, launch_permissions=[{"UserId": OTHER}])
    account.template("resolve:ssm:/golden/image", archive.image("used"))
    put_parameters(archive)

    for policy in ("nightly", "asked"):
        stage.night(policy=policy)  # first runs only say what they would do
    stage.night()
    account.ec2.create_tags(Resources=[held], Tags=[{"Key": HOLD_TAG, "Value": "ada"}])
    for _ in range(2):  # announced, disabled, announced, deregistered
        cloud.advance(timedelta(days=1, seconds=1).total_seconds())
        account.deny(REFERENCES)
        cloud.service.faults.fail_snapshot_deletion(going.replace("ami-", "snap-"), "internal-error", times=1)
        stage.night()
        cloud.service.faults.clear()
        stage.night()
    assert (archive.status(going), archive.status(held)) == ("RETIRED", "VERIFIED")

    stage.night(answer=APPROVED, hours=3, policy="asked")  # longer than a usage report is believed
    assert archive.status(shared) == "DISABLED"
    make_history_long(archive, shared)
    with stage.watching():
        answer = stage.invoke("handlers.retire.undo", {"image_id": shared, "share_with": [OTHER]})
    assert (answer["result"], answer["problems"]) == ("enabled", [])
    return seen


def put_parameters(archive: Archive) -> None:
    """One that a launch template resolves, and one of image type; neither names an image that is due."""
    ssm, other = client(archive.cloud, "ssm"), archive.image("other", tags={})
    ssm.put_parameter(Name="/golden/image", Value=other, Type="String")
    ssm.put_parameter(Name="/other", Value=other, Type="String", DataType="aws:ec2:image")


def make_history_long(archive: Archive, image_id: str) -> None:
    """So long that the next move puts the older ones into an item of their own."""
    item = archive.item(f"IMAGE#{image_id}", "RECORD") or {}
    item["history"] = {"L": [item["history"]["L"][0]] * 200}
    archive.put_item(item)


def test_functions_call_what_their_roles_allow_and_their_roles_allow_what_they_call(
    watched: Watched, cloud_assembly: CloudAssembly
) -> None:
    roles = {function: allowed(cloud_assembly, function) for function in FUNCTIONS}
    denied = {function: watched.actions[function] - may for function, may in roles.items()}
    useless = {function: may - watched.actions[function] - NOT_CALLED_BY_US for function, may in roles.items()}
    assert denied == {function: set() for function in roles}
    assert useless == {function: set() for function in roles}


def test_functions_touch_nothing_but_their_own_and_only_the_tags_that_their_roles_name(watched: Watched) -> None:
    assert {(kind, name) for kind, name in watched.targets if kind != "TopicArn"} == {
        ("Bucket", BUCKET),
        ("TableName", TABLE),
    }
    assert {function: keys for function, keys in watched.deleted.items() if function in FUNCTIONS} == {
        "RetireImages": {"SNAPSHOTS"}
    }
    ours = {RETIRE_ON_TAG, *MARKS.values()}
    assert watched.tags == {"PlanRetirement": ours, "RetireImages": ours, "UndoRetirement": {HOLD_TAG}}
