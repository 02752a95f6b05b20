"""The commands of docs/errors.md, to the letter, by the real AWS CLI: they do what is said, and IAM lets an operator.

`multipart_threshold` is small, so that what is copied in parts above 5 GB on AWS is copied in parts here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_cloud.server import LocalCloud
from tests.infra.conftest import SEVERAL
from tests.local_cloud.endpoint.scenes import unique
from tests.support.assembly import ROOT, synthesized
from tests.support.iam import Allowed, Denied, Principal, StackPolicies

PAGE = (ROOT / "docs/errors.md").read_text().partition("\n## Put an object right")[2]
OPERATOR = "arn:aws:iam::123456789012:role/team/operator"
KEY = "nightly/2026/11/24/ami-1234567890abcdef0.bin"
MIB = 1024 * 1024
TAGS = {"archiver:image-id": "ami-1234567890abcdef0", "archiver:policy": "nightly", "Name": "web 1 + ä"}
METADATA = {"ami-name": "web-1"}
ACTIONS = {
    "CompleteMultipartUpload": ["s3:PutObject"],
    "CopyObject": ["s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"],
    "CreateMultipartUpload": ["s3:PutObject"],
    "GetObjectTagging": ["s3:GetObjectTagging"],
    "HeadObject": ["s3:GetObject"],
    "ListObjectVersions": ["s3:ListBucketVersions"],
    "PutObjectTagging": ["s3:PutObjectTagging"],
    "UpdateObjectEncryption": ["s3:UpdateObjectEncryption"],
    "UploadPartCopy": ["s3:GetObject", "s3:PutObject"],
}
"""What S3 asks IAM for each call. docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""


def commands(title: str) -> str:
    (section,) = [part for part in PAGE.split("\n### ")[1:] if part.startswith(f"{title}\n")]
    return "\n".join(line[2:] for line in re.findall(r"```console\n(.*?)```", section, re.DOTALL)[0].splitlines())


def wanted() -> set[str]:
    """The actions on S3 that the page says the role needs."""
    return {action for s in operators_own() for action in s["Action"] if action.startswith("s3:")}


def operators_own(bucket_arn: str = "BUCKET_ARN", key_arn: str = "KEY_ARN") -> list[dict[str, Any]]:
    (document,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    statements: list[dict[str, Any]] = json.loads(
        document.replace("BUCKET_ARN", bucket_arn).replace("KEY_ARN", key_arn)
    )["Statement"]
    return statements


class Scene:
    """A versioned bucket, two keys, and a shell with the AWS CLI."""

    def __init__(self, cloud: LocalCloud, home: Path) -> None:
        self.cloud = cloud
        self.s3 = cloud.client("s3")
        self.bucket = unique("archive")
        self.s3.create_bucket(Bucket=self.bucket)
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        kms = cloud.client("kms")
        self.key_arn, self.other_key_arn = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
        (home / "config").write_text("[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n")
        self._home = home

    def put(self, key: str = KEY, fill: bytes = b"a") -> str:
        """An object of three parts with tags, metadata and the wrong key; its version."""
        version: str = self.s3.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=fill * (12 * MIB),
            Metadata=METADATA,
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=self.other_key_arn,
        )["VersionId"]
        tag_set = [{"Key": name, "Value": value} for name, value in TAGS.items()]
        self.s3.put_object_tagging(Bucket=self.bucket, Key=key, Tagging={"TagSet": tag_set})
        return version

    def type(self, title: str, **more: str) -> None:
        """What the page says under the title, typed."""
        environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
            "HOME": str(self._home),
            "AWS_CONFIG_FILE": str(self._home / "config"),
            "AWS_ENDPOINT_URL": self.cloud.endpoint_url,
            "AWS_ACCESS_KEY_ID": "operator",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "BUCKET": self.bucket,
            "OBJECT_KEY": KEY,
            "KMS_KEY": self.key_arn,
        }
        typed = f"set -euo pipefail\n{commands(title)}"
        done = subprocess.run(
            ["bash", "-c", typed], env=environment | more, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr

    def copy(self, to: str) -> None:
        self.type("Copy an object", FROM_BUCKET=self.bucket, FROM=KEY, TO=to)

    def head(self, key: str = KEY) -> dict[str, Any]:
        found: dict[str, Any] = self.s3.head_object(Bucket=self.bucket, Key=key)
        return found

    def tags(self, key: str = KEY) -> dict[str, str]:
        answer = self.s3.get_object_tagging(Bucket=self.bucket, Key=key)
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def typed_calls(self) -> Iterator[tuple[str, str]]:
        """(IAM's action, the key of the object or '' for the bucket), of what the AWS CLI called."""
        for call in self.cloud.calls.list():
            if call.caller == "operator" and call.parameters.get("Bucket") == self.bucket:
                key = str(call.parameters.get("Key", ""))
                if call.operation == "DeleteObject":
                    yield "s3:DeleteObjectVersion" if "versionId" in call.parameters else "s3:DeleteObject", key
                else:
                    yield from ((action, key) for action in ACTIONS[call.operation])


@pytest.fixture
def scene(local_cloud: LocalCloud, tmp_path: Path) -> Scene:
    return Scene(local_cloud, tmp_path)


def remove_a_delete_marker(scene: Scene) -> None:
    version = scene.put()
    scene.s3.delete_object(Bucket=scene.bucket, Key=KEY)
    scene.type("Remove a delete marker")
    assert scene.head()["VersionId"] == version


def make_an_older_version_current(scene: Scene) -> None:
    version = scene.put()
    for fill in (b"b", b"c"):
        scene.put(fill=fill)
    for _ in range(2):
        scene.type("Make an older version the current one")
    assert scene.head()["VersionId"] == version


def give_an_object_the_stacks_key(scene: Scene) -> None:
    scene.put()
    before = scene.head()
    scene.type("Give an object the stack's key")
    after = scene.head()
    assert after["SSEKMSKeyId"] == scene.key_arn != before["SSEKMSKeyId"]
    for same in ("VersionId", "ETag", "ContentLength", "Metadata"):
        assert after[same] == before[same]
    assert scene.tags() == TAGS


def copy_an_object(scene: Scene) -> None:
    scene.put()
    scene.copy("aside/ami-1234567890abcdef0.bin")
    is_a_copy(scene, "aside/ami-1234567890abcdef0.bin")


def copy_an_object_onto_itself(scene: Scene) -> None:
    version = scene.put()
    scene.copy(KEY)
    is_a_copy(scene, KEY)
    assert scene.head()["VersionId"] != version


def is_a_copy(scene: Scene, key: str) -> None:
    copy = scene.head(key)
    assert copy["ETag"].endswith('-3"'), "in three parts"
    assert (copy["ContentLength"], copy["SSEKMSKeyId"], copy["Metadata"]) == (12 * MIB, scene.key_arn, METADATA)
    assert scene.tags(key) == TAGS


def take_an_object_out_of_the_way(scene: Scene) -> None:
    version = scene.put()
    scene.type("Take an object out of the way")
    (marker,) = scene.s3.list_object_versions(Bucket=scene.bucket)["DeleteMarkers"]
    assert marker["IsLatest"]
    assert scene.s3.head_object(Bucket=scene.bucket, Key=KEY, VersionId=version)


WAYS = (
    remove_a_delete_marker,
    make_an_older_version_current,
    give_an_object_the_stacks_key,
    copy_an_object,
    copy_an_object_onto_itself,
    take_an_object_out_of_the_way,
)


@pytest.mark.parametrize("way", WAYS)
def test_the_commands_of_the_page_put_the_object_right_and_only_an_operator_may_type_them(
    scene: Scene, way: Callable[[Scene], None]
) -> None:
    way(scene)
    stack = StackPolicies(synthesized(SEVERAL).template)
    operator = Principal(OPERATOR, operators_own(stack.bucket_arn, stack.key_arn))
    administrator = Principal(OPERATOR.replace("operator", "administrator"), [ALL])
    calls = set(scene.typed_calls())
    assert calls
    for action, key in calls:
        resource = f"{stack.bucket_arn}/{key}" if key else stack.bucket_arn
        assert isinstance(stack.decide(operator, action, resource), Allowed), action
        if key:
            assert stack.decide(administrator, action, resource) == Denied("explicitly by ObjectsOnlyForTheArchiver")


ALL = {"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}


def test_the_page_asks_for_no_action_that_its_commands_do_not_need(scene: Scene) -> None:
    for way in WAYS:
        way(scene)
        for version in scene.s3.list_object_versions(Bucket=scene.bucket).get("Versions", []):
            scene.s3.delete_object(Bucket=scene.bucket, Key=version["Key"], VersionId=version["VersionId"])
    when_it_fails = {"s3:AbortMultipartUpload", "s3:ListBucket"}  # a copy; or 403 comes instead of 404
    assert {action for action, _ in scene.typed_calls()} | when_it_fails == wanted()


def test_every_link_of_the_page_leads_to_one_of_its_titles() -> None:
    page = (ROOT / "docs/errors.md").read_text()
    anchors = {
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)", page, re.M)
    }
    links = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert len(links) == 5
    assert links <= anchors
