"""The adapters on a stack of their own in the local cloud, and the table in a second implementation of DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ami_archiver.adapters import table
from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive, client, make_table

LOCAL_CLOUD = "local cloud"


@pytest.fixture
def archive(cloud: VirtualCloud) -> Archive:
    return Archive(cloud)


@pytest.fixture(params=[LOCAL_CLOUD, "moto"])
def dynamodb(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client of an empty table, in two implementations that know nothing of each other."""
    if request.param == LOCAL_CLOUD:
        local = client(request.getfixturevalue("cloud"), "dynamodb")
        make_table(local)
        yield local
        return
    with mock_aws():
        make_table(_moto())
        yield _moto()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited for the table, in no time."""
    seconds: list[float] = []
    monkeypatch.setattr(table, "sleep", seconds.append)
    return seconds


@cache
def _moto() -> Any:
    """Made once: making a client takes a fifth of a second."""
    region = "us-east-1"
    # With its endpoint: while a local cloud lives, the environment names that one's.
    return boto3.Session("test", "test", region_name=region).client(
        "dynamodb", endpoint_url=f"https://dynamodb.{region}.amazonaws.com"
    )
