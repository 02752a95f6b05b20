"""The examples of AWS's guide to the letter, by the real AWS CLI with nothing but an endpoint and dummy credentials.

docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-ami-store-restore.html
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import add_image

IMAGE_ID = "ami-1234567890abcdef0"
BUCKET = "amzn-s3-demo-bucket"
KEY = f"path1/path2/{IMAGE_ID}.bin"
AWS = Path(sys.executable).parent / "aws"


class Cli:
    def __init__(self, endpoint_url: str, home: Path) -> None:
        self._environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def __call__(self, command: str) -> Any:
        """What `aws COMMAND` printed, as JSON; None if nothing."""
        ended = self.run(command)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout) if ended.stdout.strip() else None

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        arguments = json.loads(f"[{command}]") if command.startswith('"') else command.split()
        return subprocess.run(
            [str(AWS), *arguments], check=False, env=self._environ, capture_output=True, text=True, timeout=60
        )


@pytest.fixture
def aws(local_cloud: LocalCloud, tmp_path: Path) -> Iterator[Cli]:
    s3 = local_cloud.client("s3")
    with suppress(ClientError):
        s3.create_bucket(Bucket=BUCKET)
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    if IMAGE_ID not in local_cloud.catalog.images("us-east-1"):
        add_image(local_cloud.catalog, IMAGE_ID)
    return Cli(local_cloud.endpoint_url, tmp_path)


def test_the_two_examples_of_the_guide(aws: Cli) -> None:
    stored = aws(f"ec2 create-store-image-task --image-id {IMAGE_ID} --bucket {BUCKET}/path1/path2")
    assert stored == {"ObjectKey": KEY}

    assert aws("ec2 wait store-image-task-complete") is None
    (task,) = aws(f"ec2 describe-store-image-tasks --image-ids {IMAGE_ID}")["StoreImageTaskResults"]
    assert task.pop("TaskStartTime")
    assert task.pop("StoreTaskFailureReason", "") == ""
    assert task == {
        "AmiId": IMAGE_ID,
        "Bucket": BUCKET,
        "ProgressPercentage": 100,
        "S3objectKey": KEY,
        "StoreTaskState": "Completed",
    }

    words = ["ec2", "create-restore-image-task", "--object-key", KEY, "--bucket", BUCKET, "--name", "New AMI Name"]
    restored = aws(json.dumps(words)[1:-1])
    assert restored["ImageId"].startswith("ami-")
    assert restored["ImageId"] != IMAGE_ID
    assert aws(f"ec2 wait image-available --image-ids {restored['ImageId']}") is None
    (image,) = aws(f"ec2 describe-images --image-ids {restored['ImageId']}")["Images"]
    assert (image["Name"], image["State"]) == ("New AMI Name", "available")


def test_an_error_is_printed_as_aws_does(aws: Cli) -> None:
    ended = aws.run(f"ec2 create-store-image-task --image-id ami-0000000000000dead --bucket {BUCKET}")
    assert ended.returncode in (254, 255), "version 2 and 1 of the CLI"
    assert "(InvalidAMIID.NotFound) when calling the CreateStoreImageTask operation" in ended.stderr
