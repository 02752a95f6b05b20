"""Spot fleets: moto launches them, but does not say of which launch template, and takes its newest version always."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from local_cloud.ec2.launch_templates import find_template, version_of
from local_cloud.ec2.paging import check_max_results, page
from local_cloud.ec2.request import Request, tags_for
from local_cloud.ec2.world import SpotFleet, World
from local_cloud.errors import AwsError
from local_cloud.sdk_form import tags_to_sdk

Specification = dict[str, Any]
_KIND = "spot-fleet-request"


def request_spot_fleet(world: World, request: Request) -> dict[str, Any]:
    config: dict[str, Any] = request.params["SpotFleetRequestConfig"]
    tags = tags_for(replace(request, params=config), _KIND)
    direct, templates = config.get("LaunchSpecifications", []), config.get("LaunchTemplateConfigs", [])
    if bool(direct) == bool(templates):
        raise AwsError("InvalidSpotFleetRequestConfig", "Specify either LaunchSpecifications or LaunchTemplateConfigs")
    specifications = [*direct, *_specifications(world, request, templates)]
    for one in specifications:
        if not one.get("ImageId") or not one.get("InstanceType"):
            raise AwsError("InvalidSpotFleetRequestConfig", "Each launch specification needs ImageId and InstanceType")
        world.instances.backend(request.caller).launchable_image(one["ImageId"], {})
    request.stop_if_dry_run()
    fleet = world.instances.backend(request.caller).request_spot_fleet(
        spot_price=config.get("SpotPrice"),
        target_capacity=config["TargetCapacity"],
        iam_fleet_role=config["IamFleetRole"],
        allocation_strategy=config.get("AllocationStrategy", "lowestPrice"),
        launch_specs=[_for_moto(one) for one in specifications],
    )
    world.spot_fleets[fleet.id] = SpotFleet(request.caller, config, world.clock.now(), tags[_KIND])
    return {"SpotFleetRequestId": fleet.id}


def _specifications(world: World, request: Request, templates: list[dict[str, Any]]) -> Iterator[Specification]:
    for one in templates:
        named = one.get("LaunchTemplateSpecification", {})
        template = find_template(world, request, named.get("LaunchTemplateId", ""), named.get("LaunchTemplateName", ""))
        launch = version_of(template, named.get("Version", "$Default")).data
        for override in one.get("Overrides") or [{}]:
            yield {**launch, **override}


def _for_moto(specification: Specification) -> Specification:
    groups = [one["GroupId"] for one in specification.get("SecurityGroups", []) if "GroupId" in one]
    return {**specification, "SecurityGroups": groups or specification.get("SecurityGroupIds", [])}


def describe_spot_fleet_requests(world: World, request: Request) -> dict[str, Any]:
    check_max_results(request, 1, 1000)
    own = {fleet_id: one for fleet_id, one in world.spot_fleets.items() if one.caller == request.caller}
    wanted = request.params.get("SpotFleetRequestIds")
    for fleet_id in wanted or []:
        if fleet_id not in own:
            raise AwsError(
                "InvalidSpotFleetRequestId.NotFound", f"The spot fleet request ID '{fleet_id}' does not exist"
            )
    found, token = page(request, sorted(set(wanted) if wanted else own), lambda one: (one,))
    return {"SpotFleetRequestConfigs": [_view(world, one, own[one]) for one in found], "NextToken": token}


def _view(world: World, fleet_id: str, fleet: SpotFleet) -> dict[str, Any]:
    live = world.instances.backend(fleet.caller).spot_fleet_requests.get(fleet_id)
    return {
        "SpotFleetRequestId": fleet_id,
        "SpotFleetRequestState": live.state if live else "cancelled_terminating",
        "ActivityStatus": "fulfilled" if live else None,
        "CreateTime": fleet.created_at,
        "SpotFleetRequestConfig": {"AllocationStrategy": "lowestPrice", "Type": "maintain", **fleet.config},
        "Tags": tags_to_sdk(fleet.tags),
    }
