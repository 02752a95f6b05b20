"""DescribeImageReferences: what in the caller's own account refers to an image.

It runs without the catalog's lock, since Systems Manager is asked for its parameters; moto is looked at under it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local_cloud.ec2.paging import check_max_results, page
from local_cloud.ec2.request import Request
from local_cloud.ec2.world import World
from local_cloud.engine.eligibility import check_image_ids
from local_cloud.errors import AwsError

INSTANCE, LAUNCH_TEMPLATE, PARAMETER = "ec2:Instance", "ec2:LaunchTemplate", "ssm:Parameter"
_RECIPES = {"imagebuilder:ImageRecipe": "image-recipe", "imagebuilder:ContainerRecipe": "container-recipe"}
_IMAGE_DATA_TYPE = "aws:ec2:image"
_STATES = ("pending", "running", "shutting-down", "terminated", "stopping", "stopped")
_DEFAULT_DEPTH = 10
_MAX_DEPTH = 10_000
Reference = tuple[str, str, str]
"""(image id, resource type, ARN)"""


def describe_image_references(world: World, request: Request) -> dict[str, Any]:
    """The images need not exist: what refers to a deregistered one is found too.

    Terminated instances count unless `state-name` says otherwise. There is no Image Builder here: its recipes are
    those that the catalog was told of.
    """
    check_max_results(request, 5, 1000)
    check_image_ids(request.params["ImageIds"])
    checks = _checks(request)
    image_ids = set(request.params["ImageIds"])
    references = sorted(
        {reference for check in checks for reference in check(world, request) if reference[0] in image_ids}
    )
    found, token = page(request, references, lambda reference: reference)
    views = [{"ImageId": image_id, "ResourceType": kind, "Arn": arn} for image_id, kind, arn in found]
    return {"ImageReferences": views, "NextToken": token}


Check = Callable[[World, Request], list[Reference]]


def _checks(request: Request) -> list[Check]:
    chosen = request.params.get("ResourceTypes", [])
    everything = request.params.get("IncludeAllResourceTypes", False)
    if not chosen and not everything:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter IncludeAllResourceTypes or ResourceTypes"
        )
    checks: dict[str, Check] = {}
    if everything:
        checks = {
            INSTANCE: _instances(_STATES),
            LAUNCH_TEMPLATE: _templates(_DEFAULT_DEPTH),
            PARAMETER: _parameters,
            **{kind: _recipes(kind) for kind in _RECIPES},
        }
    for one in chosen:
        kind, options = one.get("ResourceType"), one.get("ResourceTypeOptions", [])
        if kind is None:
            raise AwsError("MissingParameter", "The request must contain the parameter ResourceType")
        if kind == INSTANCE:
            checks[kind] = _instances(_states(options))
        elif kind == LAUNCH_TEMPLATE:
            checks[kind] = _templates(version_depth(options, _DEFAULT_DEPTH))
        elif options:
            raise AwsError("InvalidParameterCombination", f"ResourceTypeOptions are not valid for {kind}")
        else:
            checks[kind] = _parameters if kind == PARAMETER else _recipes(kind)
    return list(checks.values())


def _states(options: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    states: Sequence[str] = _option(options, "state-name") or _STATES
    for state in states:
        if state not in _STATES:
            raise AwsError("InvalidParameterValue", f"Value ({state}) for parameter state-name is invalid.")
    return states


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


def _instances(states: Sequence[str]) -> Check:
    def check(world: World, request: Request) -> list[Reference]:
        with world.catalog.lock:
            return [
                (instance.image_id, INSTANCE, _arn(request, f"instance/{instance.id}"))
                for instance in world.instances.backend(request.caller).all_instances()
                if instance.state in states
            ]

    return check


def _templates(depth: int) -> Check:
    def check(world: World, request: Request) -> list[Reference]:
        with world.catalog.lock:
            return [
                (version.image_id, LAUNCH_TEMPLATE, _arn(request, f"launch-template/{template.id}"))
                for template in world.instances.backend(request.caller).launch_templates.values()
                for version in template.versions[-depth:]
            ]

    return check


def _parameters(world: World, request: Request) -> list[Reference]:
    return [
        (value, PARAMETER, arn)
        for arn, data_type, value in world.parameters.parameters(request.account_id, request.region)
        if data_type == _IMAGE_DATA_TYPE
    ]


def _recipes(kind: str) -> Check:
    def check(world: World, request: Request) -> list[Reference]:
        with world.catalog.lock:
            return [
                (image_id, kind, arn)
                for arn, image_id in world.catalog.recipes(request.region).items()
                if arn.split(":")[4] == request.account_id and f":{_RECIPES[kind]}/" in arn
            ]

    return check


def _arn(request: Request, resource: str) -> str:
    return f"arn:aws:ec2:{request.region}:{request.account_id}:{resource}"
