"""EC2's query protocol, inwards: `Filter.1.Name=state` becomes the SDK's {"Filters": [{"Name": "state"}]}.

Stricter than an emulator usually is: an unknown or missing parameter, a number that is none, and a value outside the
range or the list of values that the SDK's model names are refused with AWS's codes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from local_cloud.errors import AwsError

_NOT_OF_THE_OPERATION = {"Action", "Version", "AWSAccessKeyId", "Signature", "Timestamp", "SecurityToken", "Expires"}
_NOT_OF_THE_OPERATION_PREFIXES = ("X-Amz-", "Signature", "SecurityToken")

Node = dict[str, "Node | str"]


@cache
def service_model() -> ServiceModel:
    """EC2's service-2.json, as botocore ships it."""
    return botocore.session.get_session().get_service_model("ec2")


@cache
def operation_model(name: str) -> OperationModel | None:
    """The SDK's description of one operation; None when EC2 has no such operation."""
    model = service_model()
    return model.operation_model(name) if name in _operation_names() else None


@cache
def _operation_names() -> frozenset[str]:
    return frozenset(service_model().operation_names)


def parse_parameters(operation: str, pairs: Iterable[tuple[str, str]], *, check_values: bool) -> dict[str, Any]:
    """The request's parameters under the SDK's names.

    `check_values` also refuses strings outside the SDK's lists of values.

    Raises `AwsError`: UnknownParameter, MissingParameter, InvalidParameterValue.
    """
    model = operation_model(operation)
    if model is None or model.input_shape is None:
        return {}
    tree: Node = {}
    for name, value in pairs:
        if name not in _NOT_OF_THE_OPERATION and not name.startswith(_NOT_OF_THE_OPERATION_PREFIXES):
            _plant(tree, name, value)
    return _Reader(check_values).structure(model.input_shape, tree, "")


def _plant(tree: Node, name: str, value: str) -> None:
    *path, last = name.split(".")
    node = tree
    for part in path:
        child = node.setdefault(part, {})
        if isinstance(child, str):
            raise _invalid(name, value)
        node = child
    if isinstance(node.get(last), dict):
        raise _invalid(name, value)
    node[last] = value


class _Reader:
    def __init__(self, check_values: bool) -> None:
        self._check_values = check_values

    def structure(self, shape: StructureShape, node: Node, path: str) -> dict[str, Any]:
        names = wire_names(shape)
        found: dict[str, Any] = {}
        for wire_name, child in node.items():
            member = names.get(wire_name)
            if member is None:
                raise AwsError("UnknownParameter", f"The parameter {path}{wire_name} is not recognized")
            found[member] = self._value(shape.members[member], child, f"{path}{wire_name}")
        for member in shape.required_members:
            if found.get(member, "") in ("", []):
                raise AwsError("MissingParameter", f"The request must contain the parameter {path}{member}")
        return found

    def _value(self, shape: Shape, node: Node | str, path: str) -> Any:
        if isinstance(shape, StructureShape):
            if isinstance(node, str):
                raise _invalid(path, node)
            return self.structure(shape, node, f"{path}.")
        if isinstance(shape, ListShape):
            return self._list(shape, node, path)
        if not isinstance(node, str):
            raise AwsError("UnknownParameter", f"The parameter {path}.{next(iter(node), '')} is not recognized")
        return self._scalar(shape, node, path)

    def _list(self, shape: ListShape, node: Node | str, path: str) -> list[Any]:
        if isinstance(node, str):
            if node == "":
                return []
            raise _invalid(path, node)
        if not all(index.isdecimal() and index.isascii() for index in node):
            raise AwsError("UnknownParameter", f"The parameter {path}.{next(iter(node))} is not recognized")
        ordered = sorted(node, key=int)
        _check_range(shape, len(ordered), path)
        return [self._value(shape.member, node[index], f"{path}.{index}") for index in ordered]

    def _scalar(self, shape: Shape, text: str, path: str) -> Any:
        try:
            match shape.type_name:
                case "boolean":
                    return {"true": True, "false": False}[text.lower()]
                case "integer" | "long":
                    number = int(text)
                    _check_range(shape, number, path)
                    return number
                case "float" | "double":
                    return float(text)
                case "timestamp":
                    return _aware(datetime.fromisoformat(text))
                case "blob":
                    return base64.b64decode(text, validate=True)
        except (KeyError, ValueError, binascii.Error) as error:
            raise _invalid(path, text) from error
        if self._check_values and getattr(shape, "enum", None) and text not in shape.metadata["enum"]:
            raise _invalid(path, text)
        return text


@cache
def wire_names(shape: StructureShape) -> Mapping[str, str]:
    """Member by the name it has in a query request."""
    names = {}
    for member, member_shape in shape.members.items():
        location = member_shape.serialization.get("name", member)
        names[member_shape.serialization.get("queryName", location[:1].upper() + location[1:])] = member
    return names


def _check_range(shape: Shape, number: int, path: str) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and number < low) or (high is not None and number > high):
        what = "items" if isinstance(shape, ListShape) else "a value"
        bounds = f"between {low} and {high}" if high is not None else f"of at least {low}"
        raise AwsError(
            "InvalidParameterValue",
            f"Value ( {number} ) for parameter {path} is invalid. Expecting {what} {bounds}.",
        )


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _invalid(path: str, value: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value ({value}) for parameter {path} is invalid.")
