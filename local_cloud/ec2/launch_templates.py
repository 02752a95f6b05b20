"""Launch templates and their versions, which moto keeps and describes too loosely for whoever looks for uses of images.

moto neither filters nor pages, and begins a version that names a source with nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion
from moto.ec2.utils import parse_user_data

from local_cloud.ec2.filters import Fields, compile_filters
from local_cloud.ec2.paging import check_max_results, page
from local_cloud.ec2.request import Request
from local_cloud.ec2.world import World
from local_cloud.errors import AwsError
from local_cloud.sdk_form import iso_time, tags_to_sdk

_TEMPLATE_ID = re.compile("lt-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_ALIAS = "resolve:ssm:"
_LATEST, _DEFAULT = "$Latest", "$Default"
_LARGEST_PAGE = 200
View = dict[str, Any]

_VERSION_FIELDS: Fields[View] = {
    "create-time": lambda view: (iso_time(view["CreateTime"]),),
    "image-id": lambda view: (view["LaunchTemplateData"].get("ImageId"),),
    "instance-type": lambda view: (view["LaunchTemplateData"].get("InstanceType"),),
    "is-default-version": lambda view: (view["DefaultVersion"],),
}
_TEMPLATE_FIELDS: Fields[LaunchTemplate] = {
    "create-time": lambda template: (iso_time(template.create_time),),
    "launch-template-name": lambda template: (template.name,),
}


def describe_launch_template_versions(world: World, request: Request) -> dict[str, Any]:
    """Of one template, newest first; without one, the latest or default versions of all templates of the account.

    Open: AWS says `MinVersion` is the number *after which* versions are described; here the number itself is too.
    A `resolve:ssm:` alias is resolved on request only, without the catalog's lock, since Systems Manager is asked.
    """
    check_max_results(request, 1, _LARGEST_PAGE)
    accept = compile_filters(request.params.get("Filters", []), _VERSION_FIELDS)
    images = _images_by_parameter(world, request) if request.params.get("ResolveAlias") else {}
    with world.catalog.lock:
        versions = {(version.template.id, version.number): version for version in _versions(world, request)}
        views = [_version_view(request, version, images) for version in versions.values()]
    views.sort(key=_version_key)
    found, token = page(request, views, _version_key, accept=accept, default_limit=_LARGEST_PAGE)
    return {"LaunchTemplateVersions": found, "NextToken": token}


def _version_key(view: View) -> tuple[str, int]:
    return view["LaunchTemplateId"], -view["VersionNumber"]


def _images_by_parameter(world: World, request: Request) -> dict[str, str]:
    parameters = world.parameters.parameters(request.account_id, request.region)
    return {arn.partition(":parameter/")[2]: value for arn, _, value in parameters}


def _versions(world: World, request: Request) -> Iterator[LaunchTemplateVersion]:
    params = request.params
    wanted = params.get("Versions", [])
    if not params.get("LaunchTemplateId") and not params.get("LaunchTemplateName"):
        _check_words_only(params)
        for template in world.instances.backend(request.caller).launch_templates.values():
            yield from (version_of(template, word) for word in wanted)
        return
    template = _template(world, request)
    low, high = (_bound(params, name) for name in ("MinVersion", "MaxVersion"))
    if wanted:
        if low is not None or high is not None:
            raise AwsError("InvalidParameterCombination", "Specify either Versions, or MinVersion and MaxVersion")
        yield from (version_of(template, one) for one in wanted)
        return
    for version in template.versions:
        if (low is None or version.number >= low) and (high is None or version.number <= high):
            yield version


def _check_words_only(params: Mapping[str, Any]) -> None:
    wanted = params.get("Versions", [])
    how = (
        "To describe the launch template data for all your launch templates, for Versions specify $Latest, $Default, "
        "or both, and omit LaunchTemplateId, LaunchTemplateName and version numbers."
    )
    if not wanted:
        raise AwsError("MissingParameter", how)
    if any(one not in (_LATEST, _DEFAULT) for one in wanted) or "MinVersion" in params or "MaxVersion" in params:
        raise AwsError("InvalidParameterValue", how)


def _bound(params: Mapping[str, Any], name: str) -> int | None:
    if name not in params:
        return None
    if not _is_number(params[name]):
        raise AwsError("InvalidParameterValue", f"Value ({params[name]}) for parameter {name} is invalid.")
    return int(params[name])


def version_of(template: LaunchTemplate, wanted: str) -> LaunchTemplateVersion:
    """By number, or `$Latest` or `$Default`; AwsError if there is none."""
    if wanted in (_LATEST, _DEFAULT):
        return template.get_version(wanted)
    if not _is_number(wanted):
        raise AwsError("InvalidParameterValue", f"Value ({wanted}) for parameter LaunchTemplateVersion is invalid.")
    number = int(wanted)
    if not 1 <= number <= len(template.versions):
        raise AwsError(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {wanted} for the launch template with ID {template.id}.",
        )
    return template.get_version(number)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _template(world: World, request: Request) -> LaunchTemplate:
    template_id, name = (request.params.get(one, "") for one in ("LaunchTemplateId", "LaunchTemplateName"))
    return find_template(world, request, template_id, name)


def find_template(world: World, request: Request, template_id: str, name: str) -> LaunchTemplate:
    """The caller's, by id or by name; raises AwsError, and moto's own for one that does not exist."""
    if bool(template_id) == bool(name):
        raise AwsError("InvalidParameterCombination", "Specify either LaunchTemplateId or LaunchTemplateName")
    backend = world.instances.backend(request.caller)
    if name:
        by_name: LaunchTemplate = backend.get_launch_template_by_name(name)
        return by_name
    if not _TEMPLATE_ID.fullmatch(template_id):
        raise AwsError("InvalidLaunchTemplateId.Malformed", f'Invalid id: "{template_id}" (expecting "lt-...")')
    by_id: LaunchTemplate = backend.get_launch_template(template_id)
    return by_id


def describe_launch_templates(world: World, request: Request) -> dict[str, Any]:
    check_max_results(request, 1, _LARGEST_PAGE)
    accept = compile_filters(request.params.get("Filters", []), _TEMPLATE_FIELDS, _tags)
    templates = world.instances.backend(request.caller).describe_launch_templates(
        template_names=request.params.get("LaunchTemplateNames"), template_ids=request.params.get("LaunchTemplateIds")
    )
    for template_id in set(request.params.get("LaunchTemplateIds", [])) - {one.id for one in templates}:
        raise AwsError(
            "InvalidLaunchTemplateId.NotFound",
            f"The specified launch template, with template ID {template_id}, does not exist.",
        )
    found, token = page(
        request,
        sorted(templates, key=lambda one: one.id),
        lambda one: (one.id,),
        accept=accept,
        default_limit=_LARGEST_PAGE,
    )
    return {"LaunchTemplates": [_template_view(request, one) for one in found], "NextToken": token}


def create_launch_template_version(world: World, request: Request) -> dict[str, Any]:
    """What `SourceVersion` has and the request leaves out, the new version has too."""
    template = _template(world, request)
    source = request.params.get("SourceVersion")
    data = {**(version_of(template, source).data if source else {}), **request.params["LaunchTemplateData"]}
    if isinstance(data.get("UserData"), str):
        data["UserData"] = parse_user_data(data["UserData"])
    request.stop_if_dry_run()
    version = template.create_version(data, request.params.get("VersionDescription", ""))
    version.create_time = world.clock.now()
    return {"LaunchTemplateVersion": _version_view(request, version, {})}


def modify_launch_template(world: World, request: Request) -> dict[str, Any]:
    """Sets the default version."""
    template = _template(world, request)
    if "DefaultVersion" in request.params:
        number = version_of(template, request.params["DefaultVersion"]).number
        request.stop_if_dry_run()
        template.default_version_number = number
    return {"LaunchTemplate": _template_view(request, template)}


def _tags(template: LaunchTemplate) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in template.get_tags()}


def _template_view(request: Request, template: LaunchTemplate) -> View:
    return {
        "CreateTime": template.create_time,
        "CreatedBy": _root(request),
        "DefaultVersionNumber": template.default_version_number,
        "LatestVersionNumber": template.latest_version_number,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Tags": tags_to_sdk(_tags(template)),
    }


def _version_view(request: Request, version: LaunchTemplateVersion, images: Mapping[str, str]) -> View:
    data, template = version.data, version.template
    parameter = data.get("ImageId", "").partition(_ALIAS)[2].partition(":")[0].removeprefix("/")
    if parameter in images:
        data = {**data, "ImageId": images[parameter]}
    return {
        "CreateTime": version.create_time,
        "CreatedBy": _root(request),
        "DefaultVersion": template.is_default(version),
        "LaunchTemplateData": data,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionDescription": version.description,
        "VersionNumber": version.number,
    }


def _root(request: Request) -> str:
    return f"arn:aws:iam::{request.account_id}:root"
