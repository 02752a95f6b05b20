"""Parameters of the image data type: how they are found, and who refers to an image by one."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.in_process import VirtualCloud
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import add_image, unique

OF_IMAGES = [{"Key": "DataType", "Values": ["aws:ec2:image"]}]


def put(ssm: Any, name: str, value: str, data_type: str = "aws:ec2:image") -> None:
    ssm.put_parameter(Name=name, Value=value, Type="String", DataType=data_type)


def referring(cloud: VirtualCloud | LocalCloud, image_id: str) -> list[str]:
    answer = cloud.client("ec2").describe_image_references(ImageIds=[image_id], IncludeAllResourceTypes=True)
    return sorted(one["Arn"].partition(":parameter")[2] for one in answer["ImageReferences"])


def test_parameters_are_found_by_their_data_type_over_http(local_cloud: LocalCloud) -> None:
    ssm, image_id = local_cloud.client("ssm"), add_image(local_cloud.catalog)
    golden, text = f"/{unique('golden')}/current", f"/{unique('text')}"
    put(ssm, golden, image_id)
    put(ssm, text, image_id, "text")

    pages = ssm.get_paginator("describe_parameters").paginate(ParameterFilters=OF_IMAGES)
    names = [one["Name"] for page in pages for one in page["Parameters"]]

    assert golden in names
    assert text not in names
    assert referring(local_cloud, image_id) == [golden]


def test_parameters_come_in_pages_and_their_values_by_ten(virtual_cloud: VirtualCloud) -> None:
    ssm, image_id = virtual_cloud.client("ssm"), add_image(virtual_cloud.catalog)
    names = [f"/golden/{number:02}" for number in range(23)]
    for name in names:
        put(ssm, name, image_id)
        put(ssm, f"{name}/notes", image_id, "text")

    paginate = ssm.get_paginator("describe_parameters").paginate
    sizes = [len(page["Parameters"]) for page in paginate(ParameterFilters=OF_IMAGES)]
    assert sizes == [10, 10, 3]
    whole = [len(page["Parameters"]) for page in paginate(ParameterFilters=OF_IMAGES, MaxResults=50)]
    assert whole == [23]
    found = ssm.get_parameters(Names=[*names[:9], "/nothing"])
    assert {(one["Value"], one["DataType"]) for one in found["Parameters"]} == {(image_id, "aws:ec2:image")}
    assert found["InvalidParameters"] == ["/nothing"]
    assert referring(virtual_cloud, image_id) == names


@pytest.mark.parametrize(
    ("call", "parameters"),
    [
        ("get_parameters", {"Names": [f"/{number}" for number in range(11)]}),
        ("describe_parameters", {"MaxResults": 51}),
    ],
)
def test_more_than_a_call_may_ask_for_is_refused(
    virtual_cloud: VirtualCloud, call: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        getattr(virtual_cloud.client("ssm"), call)(**parameters)
