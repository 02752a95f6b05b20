"""CreateTags, DeleteTags, DescribeTags over the catalog's images and snapshots and moto's everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from moto.ec2.utils import is_valid_resource_id

from local_cloud.ec2.filters import Fields, compile_filters, exact_values
from local_cloud.ec2.lookup import usable_image, usable_snapshot
from local_cloud.ec2.paging import check_max_results, page
from local_cloud.ec2.request import Request, check_tag_count, parse_tags
from local_cloud.ec2.world import SUCCEEDED, World, resource_id
from local_cloud.errors import AwsError
from local_cloud.model import Image, Snapshot

_MAX_RESOURCES = 1000
T = TypeVar("T")
TagRow = tuple[str, str, str, str]
"""(resource id, resource type, key, value)"""

_FIELDS: Fields[TagRow] = {
    "resource-id": lambda row: (row[0],),
    "resource-type": lambda row: (row[1],),
    "key": lambda row: (row[2],),
    "value": lambda row: (row[3],),
}


def create_tags(world: World, request: Request) -> dict[str, Any]:
    """All of the resources get all of the tags, or, if one of them is wrong, none."""
    mine, motos = _resources(world, request)
    tags = parse_tags(request.params["Tags"])
    if not tags:
        raise AwsError("MissingParameter", "The request must contain the parameter Tags")
    for resource in mine:
        check_tag_count({**world.tags_of(request, resource), **tags})
    backend = world.instances.backend(request.caller)
    if motos:
        backend.do_resources_exist(motos)
    request.stop_if_dry_run()
    if motos:
        backend.create_tags(motos, tags)
    for resource in mine:
        _own_tags(world, request, resource).update(tags)
    return SUCCEEDED


def delete_tags(world: World, request: Request) -> dict[str, Any]:
    """A tag with a value goes only if it has that value; without tags all of the user's tags go."""
    mine, motos = _resources(world, request)
    unwanted = {tag.get("Key", ""): tag.get("Value") for tag in request.params.get("Tags", [])}
    if any(key.lower().startswith("aws:") for key in unwanted):
        raise AwsError("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
    request.stop_if_dry_run()
    if motos:
        backend = world.instances.backend(request.caller)
        for one in motos:
            backend.delete_tags([one], unwanted or dict.fromkeys(list(backend.tags[one])))
    for resource in mine:
        tags = _own_tags(world, request, resource)
        for key in list(tags):
            matches = key in unwanted and unwanted[key] in (None, tags[key])
            if matches or (not unwanted and not key.startswith("aws:")):
                del tags[key]
    return SUCCEEDED


def _resources(world: World, request: Request) -> tuple[list[Image | Snapshot], list[str]]:
    ids = list(dict.fromkeys(request.params["Resources"]))
    if not ids:
        raise AwsError("MissingParameter", "The request must contain the parameter resourceIdSet")
    if len(ids) > _MAX_RESOURCES:
        raise AwsError("InvalidParameterValue", f"At most {_MAX_RESOURCES} resources can be given")
    mine: list[Image | Snapshot] = []
    motos = []
    for one in ids:
        if one.startswith("ami-"):
            mine.append(usable_image(world, request, one))
        elif one.startswith("snap-"):
            mine.append(usable_snapshot(world, request, one))
        elif is_valid_resource_id(one):
            motos.append(one)
        else:
            raise AwsError("InvalidID", f"The ID '{one}' is not valid")
    return mine, motos


def _own_tags(world: World, request: Request, resource: Image | Snapshot) -> dict[str, str]:
    if resource.owner_id == request.account_id:
        return resource.tags
    return world.foreign_tags.setdefault((request.caller, resource_id(resource)), {})


def describe_tags(world: World, request: Request) -> dict[str, Any]:
    check_max_results(request, 5, 1000)
    accept = compile_filters(
        [_as_row_filter(one) for one in request.params.get("Filters", [])],
        _FIELDS,
        lambda row: {row[2]: row[3]},
    )
    rows = sorted(_rows(world, request))
    found, token = page(request, rows, lambda row: (row[0], row[1], row[2]), accept=accept)
    views = [
        {"ResourceId": resource, "ResourceType": kind, "Key": key, "Value": value}
        for resource, kind, key, value in found
    ]
    return {"Tags": views, "NextToken": token}


def _as_row_filter(one: Mapping[str, Any]) -> Mapping[str, Any]:
    if one.get("Name") in ("tag-key", "tag-value"):
        raise AwsError("InvalidParameterValue", f"The filter '{one['Name']}' is invalid")
    return one


def _rows(world: World, request: Request) -> Iterator[TagRow]:
    wanted = list(dict.fromkeys(exact_values(request.params.get("Filters", []), "resource-id")))
    for image_id, image in _chosen(world.catalog.images(request.region), wanted):
        for key, value in world.tags_of(request, image).items():
            yield image_id, "image", key, value
    for snapshot_id, snapshot in _chosen(world.catalog.snapshots(request.region), wanted):
        for key, value in world.tags_of(request, snapshot).items():
            yield snapshot_id, "snapshot", key, value
    for row in world.instances.backend(request.caller).describe_tags():
        yield row["resource_id"], row["resource_type"], row["key"], row["value"]


def _chosen(live: Mapping[str, T], wanted: list[str]) -> Iterator[tuple[str, T]]:
    if not wanted:
        yield from live.items()
    else:
        for one in wanted:
            if one in live:
                yield one, live[one]
