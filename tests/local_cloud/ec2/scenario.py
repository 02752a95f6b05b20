"""EC2 as boto3 sees it: clients whose requests are answered in-process, in virtual time."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from local_cloud.clock import VirtualClock
from local_cloud.ec2.app import Ec2
from local_cloud.engine.catalog import Catalog
from local_cloud.engine.objects import MemoryObjectStore
from local_cloud.engine.service import ImageService
from local_cloud.model import GIB, BlockDevice, Image, Snapshot
from local_cloud.settings import CloudSettings

ACCOUNT, OTHER_ACCOUNT = "123456789012", "999988887777"
REGION = "us-east-1"
BUCKET = "amzn-s3-demo-bucket"


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterable[bytes]:
        yield self._content


class _Wire:
    """Where the clients' requests go. Making a client is slow, so all clouds share them, one cloud at a time."""

    cloud: Cloud

    @classmethod
    def send(cls, request: Any, **_: Any) -> AWSResponse:
        headers = {
            name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
        }
        body = request.body or b""
        status, answer_headers, document = cls.cloud.ec2.handle(
            request.method, request.url, headers, body.encode() if isinstance(body, str) else body
        )
        return AWSResponse(request.url, status, answer_headers, _Body(document))


@cache
def _client(account_id: str, region: str) -> Any:
    session = boto3.Session(account_id, "secret", region_name=region)
    client = session.client("ec2", config=Config(retries={"total_max_attempts": 1}))
    client.meta.events.register("before-send.ec2", _Wire.send)
    return client


@dataclass
class Parameters:
    """The parameters that Systems Manager would have."""

    values: list[tuple[str, str, str, str]] = field(default_factory=list)

    def parameters(self, account_id: str, region: str) -> Iterable[tuple[str, str, str]]:
        return [(arn, kind, value) for owner, arn, kind, value in self.values if owner == account_id]


class Cloud:
    """One EC2 in virtual time, with what tests need to fill it and to call it."""

    def __init__(self, settings: CloudSettings) -> None:
        self.clock = VirtualClock()
        self.catalog = Catalog()
        self.objects = MemoryObjectStore()
        self.objects.create_bucket(BUCKET, REGION)
        self.service = ImageService(self.catalog, self.objects, self.clock, settings.engine)
        self.parameters = Parameters()
        self.ec2 = Ec2(self.service, self.catalog, self.clock, settings, self.parameters)
        self._number = 0

    def client(self, account_id: str = ACCOUNT, region: str = REGION) -> Any:
        """A boto3 client of the account; it validates what it sends and what it gets."""
        _Wire.cloud = self
        return _client(account_id, region)

    def raw(self, action: str, account_id: str = ACCOUNT, **parameters: str) -> tuple[int, str]:
        """Send what boto3 would refuse to send; returns the HTTP status and the error code ('' for success).

        Dots in parameter names are written as two underscores.
        """
        pairs = {"Action": action, "Version": "2016-11-15"}
        pairs |= {name.replace("__", "."): value for name, value in parameters.items()}
        scope = f"AWS4-HMAC-SHA256 Credential={account_id}/20260101/{REGION}/ec2/aws4_request, Signature=0"
        status, _, document = self.ec2.handle(
            "POST", "http://127.0.0.1:4566/", {"Authorization": scope}, urlencode(pairs).encode()
        )
        code = ET.fromstring(document).find(".//Code")
        return status, (code.text or "") if code is not None else ""

    def add_snapshot(self, **fields: Any) -> Snapshot:
        self._number += 1
        region = fields.pop("region", REGION)
        given = {
            "snapshot_id": f"snap-{self._number:017x}",
            "owner_id": ACCOUNT,
            "volume_size_gib": 10,
            "start_time": datetime(2024, 3, 3, 12, tzinfo=UTC),
            "full_snapshot_size_bytes": 6 * GIB,
        }
        snapshot = Snapshot(**(given | fields))
        self.catalog.add_snapshot(region, snapshot)
        return snapshot

    def add_image(self, snapshots: Iterable[Snapshot] | None = None, **fields: Any) -> Image:
        """An image on `snapshots`, by default on one new snapshot of its own."""
        region = fields.pop("region", REGION)
        owner = fields.get("owner_id", ACCOUNT)
        mapped = [self.add_snapshot(owner_id=owner, region=region)] if snapshots is None else list(snapshots)
        self._number += 1
        given = {
            "image_id": f"ami-{self._number:017x}",
            "name": f"web-{self._number}",
            "owner_id": owner,
            "creation_date": datetime(2024, 3, 3, 12, tzinfo=UTC),
            "block_devices": tuple(
                BlockDevice(f"/dev/xvd{chr(97 + index)}", one.snapshot_id, one.volume_size_gib)
                for index, one in enumerate(mapped)
            ),
        }
        image = Image(**(given | fields))
        self.catalog.add_image(region, image)
        return image


def refusal(call: Callable[..., Any], **parameters: Any) -> str:
    """The error code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    return str(caught.value.response["Error"]["Code"])
