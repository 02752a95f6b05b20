"""Pointing SSM parameters at restored images."""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.adapters.services import SsmParameters
from tests.support.answers import counting, refusing
from tests.support.archive import Archive, client

OLD, NEW = "ami-0aaaaaaaaaaaaaaaa", "ami-0bbbbbbbbbbbbbbbb"


@pytest.fixture
def ssm(archive: Archive) -> Any:
    return client(archive.cloud, "ssm")


def arn(name: str) -> str:
    return f"arn:aws:ssm:us-east-1:123456789012:parameter/{name.removeprefix('/')}"


def put(ssm: Any, name: str, data_type: str = "aws:ec2:image") -> None:
    ssm.put_parameter(Name=name, Value=OLD, Type="String", DataType=data_type)


def value(ssm: Any, name: str) -> str:
    return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])


@pytest.mark.parametrize("name", ["/golden/web", "golden-web", "/golden-web"])
def test_parameter_of_one_level_is_found_with_its_slash_and_without(ssm: Any, name: str) -> None:
    put(ssm, name)
    assert SsmParameters(lambda: ssm).point(arn(name), OLD, NEW) is None
    assert value(ssm, name) == NEW


@pytest.mark.parametrize("data_type", ["aws:ec2:image", "text"])
def test_parameter_keeps_its_data_type(ssm: Any, data_type: str) -> None:
    put(ssm, "/golden/web", data_type)
    SsmParameters(lambda: ssm).point(arn("/golden/web"), OLD, NEW)
    assert ssm.get_parameter(Name="/golden/web")["Parameter"]["DataType"] == data_type


def test_pointing_twice_is_as_good_as_once(ssm: Any) -> None:
    put(ssm, "/golden/web")
    parameters = SsmParameters(lambda: ssm)
    parameters.point(arn("/golden/web"), OLD, NEW)
    with counting(ssm, "PutParameter") as calls:
        assert parameters.point(arn("/golden/web"), OLD, NEW) is None
    assert calls == []


def test_parameter_that_may_not_be_changed_says_why(ssm: Any) -> None:
    put(ssm, "/golden/web")
    with refusing(ssm, "PutParameter", "AccessDeniedException"):
        why = SsmParameters(lambda: ssm).point(arn("/golden/web"), OLD, NEW)
    assert why is not None
    assert "AccessDeniedException" in why
    assert value(ssm, "/golden/web") == OLD
