"""DescribeImageReferences: what in the caller's own account refers to an image.

It runs without the catalog's lock, since Systems Manager is asked for its parameters; moto is looked at under it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from local_cloud.ec2.paging import check_max_results, page
from local_cloud.ec2.request import Request
from local_cloud.ec2.world import World
from local_cloud.engine.eligibility import check_image_ids
from local_cloud.errors import AwsError

INSTANCE, LAUNCH_TEMPLATE, PARAMETER = "ec2:Instance", "ec2:LaunchTemplate", "ssm:Parameter"
_RECIPES = {"imagebuilder:ImageRecipe": "image-recipe", "imagebuilder:ContainerRecipe": "container-recipe"}
_IMAGE_DATA_TYPE = "aws:ec2:image"
Options = Sequence[Mapping[str, Any]]
_STATES = ("pending", "running", "shutting-down", "terminated", "stopping", "stopped")
_DEFAULT_DEPTH = 10
_MAX_DEPTH = 10_000


def describe_image_references(world: World, request: Request) -> dict[str, Any]:
    """The images need not exist: what refers to a deregistered one is found too.

    Terminated instances count unless `state-name` says otherwise. There is no Image Builder here: its recipes are
    those that the catalog was told of.
    """
    check_max_results(request, 5, 1000)
    check_image_ids(request.params["ImageIds"])
    found = {
        (image_id, kind, arn)
        for kind, options in _chosen(request).items()
        for image_id, arn in _FINDERS[kind](world, request, kind, options)
        if image_id in request.params["ImageIds"]
    }
    references, token = page(request, sorted(found), lambda reference: reference)
    views = [{"ImageId": image_id, "ResourceType": kind, "Arn": arn} for image_id, kind, arn in references]
    return {"ImageReferences": views, "NextToken": token}


def _chosen(request: Request) -> dict[str, Options]:
    """The options by the resource type they are for."""
    chosen, everything = request.params.get("ResourceTypes", []), request.params.get("IncludeAllResourceTypes", False)
    if not chosen and not everything:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter IncludeAllResourceTypes or ResourceTypes"
        )
    found: dict[str, Options] = dict.fromkeys(_FINDERS, ()) if everything else {}
    for one in chosen:
        kind, options = one.get("ResourceType"), one.get("ResourceTypeOptions", [])
        if kind is None:
            raise AwsError("MissingParameter", "The request must contain the parameter ResourceType")
        if options and kind not in (INSTANCE, LAUNCH_TEMPLATE):
            raise AwsError("InvalidParameterCombination", f"ResourceTypeOptions are not valid for {kind}")
        found[kind] = options
    return found


def _instances(world: World, request: Request, _: str, options: Options) -> Iterator[tuple[str, str]]:
    states = _option(options, "state-name") or _STATES
    for state in states:
        if state not in _STATES:
            raise AwsError("InvalidParameterValue", f"Value ({state}) for parameter state-name is invalid.")
    with world.catalog.lock:
        for instance in world.instances.backend(request.caller).all_instances():
            if instance.state in states:
                yield instance.image_id, _arn(request, f"instance/{instance.id}")


def _templates(world: World, request: Request, _: str, options: Options) -> Iterator[tuple[str, str]]:
    depth = version_depth(options, _DEFAULT_DEPTH)
    with world.catalog.lock:
        for template in world.instances.backend(request.caller).launch_templates.values():
            for version in template.versions[-depth:]:
                yield version.image_id, _arn(request, f"launch-template/{template.id}")


def _parameters(world: World, request: Request, _: str, __: Options) -> Iterator[tuple[str, str]]:
    for arn, data_type, value in world.parameters.parameters(request.account_id, request.region):
        if data_type == _IMAGE_DATA_TYPE:
            yield value, arn


def _recipes(world: World, request: Request, kind: str, _: Options) -> Iterator[tuple[str, str]]:
    with world.catalog.lock:
        for arn, image_id in world.catalog.recipes(request.region).items():
            if arn.split(":")[4] == request.account_id and f":{_RECIPES[kind]}/" in arn:
                yield image_id, arn


def _arn(request: Request, resource: str) -> str:
    return f"arn:aws:ec2:{request.region}:{request.account_id}:{resource}"


def version_depth(options: Sequence[Mapping[str, Any]], default: int) -> int:
    """How many of the newest versions of each launch template are looked at; InvalidParameterValue if not 1-10000."""
    values = _option(options, "version-depth")
    if not values:
        return default
    text = values[0]
    if len(values) != 1 or not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _MAX_DEPTH):
        raise AwsError("InvalidParameterValue", f"Value ({', '.join(values)}) for parameter version-depth is invalid.")
    return int(text)


def _option(options: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    values: list[str] = []
    for option in options:
        if option.get("OptionName") != name:
            raise AwsError(
                "InvalidParameterValue", f"Value ({option.get('OptionName')}) for parameter OptionName is invalid."
            )
        values.extend(option.get("OptionValues", []))
    return values


_FINDERS: Mapping[str, Callable[[World, Request, str, Options], Iterator[tuple[str, str]]]] = {
    INSTANCE: _instances,
    LAUNCH_TEMPLATE: _templates,
    PARAMETER: _parameters,
    **dict.fromkeys(_RECIPES, _recipes),
}
"""What looks for references (image id, ARN) of each resource type."""
