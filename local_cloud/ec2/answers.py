"""EC2's query protocol, outwards: a dict under the SDK's names becomes AWS's XML.

Written here rather than left to moto's serializer because a page of 1,000 images must take a fraction of a second:
each operation's writer is compiled once from the SDK's model.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import ListShape, Shape, StructureShape

from local_cloud.ec2.query import operation_model, service_model
from local_cloud.sdk_form import iso_time

CONTENT_TYPE = "text/xml;charset=UTF-8"
_HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = re.compile("[&<>\r]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Append = Callable[[str], None]
Write = Callable[[Any, Append], None]


def success_document(operation: str, result: dict[str, Any], request_id: str) -> bytes:
    """The answer of an operation that succeeded; one without a result in the SDK says `return: true`."""
    parts: list[str] = [_HEADER, f'<{operation}Response xmlns="{_namespace()}"><requestId>{request_id}</requestId>']
    write = _writer(operation)
    if write is None:
        parts.append("<return>true</return>")
    else:
        write(result, parts.append)
    parts.append(f"</{operation}Response>")
    return "".join(parts).encode()


def error_document(code: str, message: str, request_id: str) -> bytes:
    """The answer of an operation that was refused."""
    return (
        f"{_HEADER}<Response><Errors><Error><Code>{_text(code)}</Code><Message>{_text(message)}</Message></Error>"
        f"</Errors><RequestID>{request_id}</RequestID></Response>"
    ).encode()


@cache
def _namespace() -> str:
    return f"{service_model().metadata['xmlNamespace']}/"


@cache
def _writer(operation: str) -> Write | None:
    model = operation_model(operation)
    shape = model.output_shape if model else None
    return _compile(shape) if shape else None


def _compile(shape: Shape) -> Write:
    if isinstance(shape, StructureShape):
        return _structure_writer(shape)
    if isinstance(shape, ListShape):
        return _list_writer(shape)
    return _SCALARS.get(shape.type_name, _write_text)


def _structure_writer(shape: StructureShape) -> Write:
    fields = []
    for member, member_shape in shape.members.items():
        tag = member_shape.serialization.get("name", member)
        fields.append((member, f"<{tag}>", f"</{tag}>", _compile(member_shape)))

    def write(value: dict[str, Any], append: Append) -> None:
        for member, start, end, write_member in fields:
            found = value.get(member)
            if found is not None:
                append(start)
                write_member(found, append)
                append(end)

    return write


def _list_writer(shape: ListShape) -> Write:
    tag = shape.member.serialization.get("name", "item")
    start, end, write_item = f"<{tag}>", f"</{tag}>", _compile(shape.member)

    def write(values: list[Any], append: Append) -> None:
        for value in values:
            append(start)
            write_item(value, append)
            append(end)

    return write


def _text(value: str) -> str:
    if _NOT_XML.search(value):
        value = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", value)
    return escape(value, {"\r": "&#13;"}) if _SPECIAL.search(value) else value


def _write_text(value: Any, append: Append) -> None:
    append(_text(str(value)))


def _write_boolean(value: bool, append: Append) -> None:
    append("true" if value else "false")


def _write_time(value: datetime | str, append: Append) -> None:
    append(iso_time(value) if isinstance(value, datetime) else _text(value))


_SCALARS: dict[str, Write] = {"boolean": _write_boolean, "timestamp": _write_time}
