"""The SDK's models in the asset: what the functions call is there, and little else."""

from __future__ import annotations

import ast
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.loaders import Loader

from infra import asset as functions_asset
from infra.sdk_models import names_in, prune_models
from tests.support.assembly import CloudAssembly


def called(service: str) -> set[str]:
    """The operations of the service whose methods the adapters call, or page through, by their AWS names."""
    client = boto3.client(service, region_name="us-east-1")  # type: ignore[call-overload]  # any service
    names = client.meta.method_to_api_mapping
    return {names[word] for word in words_of_the_adapters() if word in names}


def words_of_the_adapters() -> Iterator[str]:
    for file in (functions_asset.SOURCE / "ami_archiver/adapters").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute):
                yield node.attr
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def operations(asset: Path, service: str) -> set[str]:
    (model,) = (asset / "botocore/data" / service).glob("*/service-2.json")
    return set(json.loads(model.read_text())["operations"])


@pytest.mark.parametrize("service", functions_asset.SERVICES)
def test_the_asset_knows_every_operation_that_the_functions_call(cloud_assembly: CloudAssembly, service: str) -> None:
    assert called(service) <= operations(cloud_assembly.asset, service)


def test_ec2_s_seven_hundred_other_operations_are_left_out(cloud_assembly: CloudAssembly) -> None:
    assert len(operations(cloud_assembly.asset, "ec2")) < 40


def test_what_the_sdk_calls_by_itself_stays(cloud_assembly: CloudAssembly) -> None:
    assert {"HeadBucket", "CreateSession"} <= operations(cloud_assembly.asset, "s3")
    assert "AssumeRole" in operations(cloud_assembly.asset, "sts")


def test_an_operation_is_kept_however_a_source_writes_it_and_its_shapes_with_it(tmp_path: Path) -> None:
    version = tmp_path / "ec2" / "2016-11-15"
    version.mkdir(parents=True)
    model = {
        "operations": {
            "DescribeImages": {"input": {"shape": "Asked"}, "documentation": "<p>Describes images.</p>"},
            "StopInstances": {"input": {"shape": "Instances"}},
        },
        "shapes": {
            "Asked": {"type": "structure", "members": {"Ids": {"shape": "Ids"}, "documentation": {"shape": "Id"}}},
            "Ids": {"type": "list", "member": {"shape": "Id"}},
            "Id": {"type": "string"},
            "Instances": {"type": "string"},
        },
    }
    (version / "service-2.json.gz").write_bytes(gzip.compress(json.dumps(model).encode()))
    (version / "endpoint-rule-set-1.json.gz").write_bytes(gzip.compress(json.dumps({"rules": []}, indent=2).encode()))
    prune_models(tmp_path / "ec2", names_in('paginate("describe_images")'))
    kept = json.loads((version / "service-2.json").read_text())
    assert set(kept["operations"]) == {"DescribeImages"}
    assert set(kept["shapes"]) == {"Asked", "Ids", "Id"}
    assert kept["operations"]["DescribeImages"] == {"input": {"shape": "Asked"}}
    assert "documentation" in kept["shapes"]["Asked"]["members"]
    assert (version / "endpoint-rule-set-1.json").read_text() == '{"rules":[]}'
    assert not list(version.glob("*.gz"))


@pytest.mark.parametrize("service", functions_asset.SERVICES)
def test_the_rules_for_endpoints_are_whole(cloud_assembly: CloudAssembly, service: str) -> None:
    (file,) = (cloud_assembly.asset / "botocore/data" / service).glob("*/endpoint-rule-set-1.json")
    assert json.loads(file.read_text()) == Loader().load_service_model(service, "endpoint-rule-set-1")
