"""One EC2 request: who calls, where, what, and the tags it gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_cloud.errors import AwsError
from local_cloud.operations import signer_of
from local_cloud.settings import CloudSettings

MAX_TAGS = 50
_MAX_KEY = 127
_MAX_VALUE = 256
_ACCOUNT_ID = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Caller:
    """An account in a Region."""

    account_id: str
    region: str


@dataclass(frozen=True, slots=True)
class Request:
    """An operation with its parameters under the SDK's names."""

    operation: str
    params: dict[str, Any]
    caller: Caller

    @property
    def account_id(self) -> str:
        return self.caller.account_id

    @property
    def region(self) -> str:
        return self.caller.region

    def stop_if_dry_run(self) -> None:
        """Called by an operation once everything is checked and before anything is changed."""
        if self.params.get("DryRun"):
            raise dry_run_succeeded()


def dry_run_succeeded() -> AwsError:
    return AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")


def identify(headers: Mapping[str, str], settings: CloudSettings) -> Caller:
    """The account and Region that sign a request; who does not sign is the default account in the default Region."""
    signer = signer_of({name.lower(): value for name, value in headers.items()})
    return Caller(signer.account_id(settings.account_id), signer.region or settings.region)


def is_account_id(text: str) -> bool:
    return _ACCOUNT_ID.fullmatch(text) is not None


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
