"""Whether fields that are carried along untouched have the SDK's types: EC2 could not answer with others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (str,),
    "list": (list,),
    "structure": (dict,),
}


def wrong_field(shape_name: str, fields: Mapping[str, Any]) -> str | None:
    """The name of a field that the SDK's shape knows with another type; fields it does not know are right."""
    members = _members(shape_name) if fields else {}
    for name, value in fields.items():
        shape = members.get(name)
        if shape is not None and not _fits(shape, value):
            return name
    return None


@cache
def _members(shape_name: str) -> Mapping[str, Any]:
    shape: Any = botocore.session.get_session().get_service_model("ec2").shape_for(shape_name)
    members: Mapping[str, Any] = shape.members
    return members


def _fits(shape: Any, value: Any) -> bool:
    kind = shape.type_name
    found: object = value
    if not isinstance(found, _TYPES[kind]) or (isinstance(found, bool) and kind != "boolean"):
        return False
    if kind == "timestamp":
        return _is_time(value)
    if kind == "list":
        return all(_fits(shape.member, each) for each in value)
    if kind == "structure":
        return all(
            each is None or name not in shape.members or _fits(shape.members[name], each)
            for name, each in value.items()
        )
    return True


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
