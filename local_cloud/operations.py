"""What a signed request asks for: its service, operation and parameters, as the SDK's own models name them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote

import botocore.exceptions
import botocore.loaders

_SCOPE = re.compile(r"Credential=([^/,]+)/\d{8}/([^/]+)/([^/]+)/")
_APP_ID = re.compile(r"\bapp/([^\s/]+)")
_CBOR = re.compile(r"^/service/[^/]+/operation/(\w+)$")
_ACCOUNT = re.compile(r"^\d{12}$")
_LABEL = re.compile(r"\{(\w+)(\+?)\}")
_LARGEST_BODY_READ = 64 * 1024


Answer = tuple[int, dict[str, str], bytes]
"""HTTP status, headers and body."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names are lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who sent a request, to which service and Region."""

    service: str = ""
    """The name requests are signed with (`monitoring` for CloudWatch); '' if it is not signed."""
    region: str = ""
    access_key: str = ""
    app_id: str = ""
    """`AWS_SDK_UA_APP_ID` of the caller, where it says what it is."""

    @property
    def caller(self) -> str:
        return self.app_id or self.access_key or "anonymous"

    def account_id(self, default: str) -> str:
        """An access key of exactly 12 digits names an account."""
        return self.access_key if _ACCOUNT.match(self.access_key) else default


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked, and by whom."""

    signer: Signer
    name: str
    parameters: dict[str, Any] = field(default_factory=dict)


def signer_of(headers: Mapping[str, str]) -> Signer:
    """Read from the Authorization header and the SDK's user agent."""
    scope = _SCOPE.search(headers.get("authorization", ""))
    if scope is None:
        return Signer()
    access_key, region, service = scope.groups()
    app = _APP_ID.search(headers.get("user-agent", ""))
    return Signer(service, region, access_key, app.group(1) if app else "")


def identify(request: Request) -> Operation:
    """Name the operation; where no model knows it, the name is the method and the path."""
    signer = signer_of(request.headers)
    name, parameters = _name(signer.service, request)
    return Operation(signer, name, parameters)


def _name(service: str, request: Request) -> tuple[str, dict[str, Any]]:
    if target := request.headers.get("x-amz-target"):
        return target.rpartition(".")[2], _json_body(request.body)
    if rpc := _CBOR.match(request.path):
        return rpc.group(1), {}
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        if "Action" in form:
            parameters = {k: v[0] for k, v in form.items() if k not in ("Action", "Version")}
            return form["Action"][0], parameters
    return _rest_name(service, request)


def _json_body(body: bytes) -> dict[str, Any]:
    if len(body) > _LARGEST_BODY_READ:
        return {"_bytes": len(body)}
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


@dataclass(frozen=True, slots=True)
class _Route:
    name: str
    method: str
    path: re.Pattern[str]
    query: frozenset[str]
    """Query keys that tell this operation from others on the same path."""
    headers: frozenset[str]
    literals: int


@lru_cache(maxsize=64)
def _routes(service: str) -> tuple[_Route, ...]:
    try:
        model = botocore.loaders.Loader().load_service_model(service, "service-2")
    except botocore.exceptions.UnknownServiceError:
        return ()
    if not str(model["metadata"].get("protocol", "")).startswith("rest"):
        return ()
    return tuple(_route(operation, model["shapes"]) for operation in model["operations"].values())


def _route(operation: Mapping[str, Any], shapes: Mapping[str, Any]) -> _Route:
    path, _, query = operation["http"]["requestUri"].partition("?")
    shape = shapes[operation["input"]["shape"]] if "input" in operation else {}
    required = [shape["members"][member] for member in shape.get("required", [])]
    pattern = _LABEL.sub(lambda m: f"(?P<{m.group(1)}>{'.+' if m.group(2) else '[^/]+'})", path.rstrip("/"))
    return _Route(
        name=operation["name"],
        method=operation["http"]["method"],
        path=re.compile(pattern + "/?$"),
        query=frozenset(
            [key.partition("=")[0] for key in query.split("&") if key]
            + [m["locationName"] for m in required if m.get("location") == "querystring"]
        ),
        headers=frozenset(m["locationName"].lower() for m in required if m.get("location") == "header"),
        literals=len(_LABEL.sub("", path)),
    )


def _rest_name(service: str, request: Request) -> tuple[str, dict[str, Any]]:
    query = parse_qs(request.query, keep_blank_values=True)
    best: tuple[tuple[int, int], _Route, re.Match[str]] | None = None
    for route in _routes(service):
        if route.method != request.method or not route.query <= query.keys():
            continue
        if not route.headers <= request.headers.keys():
            continue
        match = route.path.match(request.path)
        rank = (len(route.query) + len(route.headers), route.literals)
        if match and (best is None or rank > best[0]):
            best = (rank, route, match)
    parameters: dict[str, Any] = {k: v[0] for k, v in query.items() if k != "x-id"}
    if best is None:
        return f"{request.method} {request.path}", parameters
    parameters.update({k: unquote(v) for k, v in best[2].groupdict().items()})
    if service != "s3":
        parameters.update(_json_body(request.body))
    return best[1].name, parameters
