"""Tags as requests give them: the limits of EC2, and `TagSpecifications` by resource type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from local_cloud.ec2.request import Request
from local_cloud.errors import AwsError

MAX_TAGS = 50
_MAX_KEY = 127
_MAX_VALUE = 256


def parse_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The SDK's list of tags as a dict, an absent value as ''.

    Raises `AwsError`: InvalidParameterValue for a key or value that EC2 does not take.
    """
    parsed: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not key:
            raise _invalid("Tag key cannot be empty")
        if len(key) > _MAX_KEY:
            raise _invalid(f"Tag key exceeds the maximum length of {_MAX_KEY} characters")
        if len(value) > _MAX_VALUE:
            raise _invalid(f"Tag value exceeds the maximum length of {_MAX_VALUE} characters")
        if key.lower().startswith("aws:"):
            raise _invalid("Tag keys starting with 'aws:' are reserved for internal use")
        if key in parsed:
            raise _invalid(f"Duplicate tag key '{key}' specified.")
        parsed[key] = value
    check_tag_count(parsed)
    return parsed


def check_tag_count(tags: Mapping[str, str]) -> None:
    if len(tags) > MAX_TAGS:
        raise AwsError("TagLimitExceeded", f"The maximum number of Tags for a resource has been reached: {MAX_TAGS}")


def tags_for(request: Request, *resource_types: str) -> dict[str, dict[str, str]]:
    """The request's `TagSpecifications` by resource type, each of `resource_types` being there.

    Raises `AwsError`: InvalidParameterValue for another resource type, one given twice, or a bad tag.
    """
    found: dict[str, dict[str, str]] = {}
    for specification in request.params.get("TagSpecifications", []):
        resource_type = specification.get("ResourceType")
        if not resource_type:
            raise _invalid("Tag specification resource type must have a value")
        if resource_type not in resource_types:
            raise _invalid(f"'{resource_type}' is not a valid taggable resource type for this operation.")
        if resource_type in found:
            raise _invalid(f"The same resource type may not be specified more than once: {resource_type}")
        if not specification.get("Tags"):
            raise _invalid("Tag specification must have at least one tag")
        found[resource_type] = parse_tags(specification["Tags"])
    return {resource_type: found.get(resource_type, {}) for resource_type in resource_types}


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)
