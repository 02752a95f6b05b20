"""HTTP under `/_local/`, JSON in and out: what tests and the demo do to the cloud from another process.

GET  /_local/state                                     tasks, in-flight sums and limits, counts
GET  /_local/calls?service=&operation=&caller=&since=&limit=
POST /_local/fleet           {"path": FILE} or {"images": N, "seed": S}
POST /_local/recipes         {"arn": ARN, "image_id": ID}: an Image Builder recipe that is based on the image
POST /_local/faults/FAULT    one of FAULTS, with Faults' parameters
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from pydantic import ConfigDict, ValidationError, validate_call

from local_cloud.endpoint import CONTROL_PATH, Answer
from local_cloud.engine.tasks import Task
from local_cloud.errors import AwsError
from local_cloud.fleet.export import load_fleet
from local_cloud.fleet.fleet import FleetError
from local_cloud.fleet.generator import generate_fleet
from local_cloud.operations import Request

if TYPE_CHECKING:
    from local_cloud.server import LocalCloud

FAULTS = (
    "fail_store",
    "hang",
    "fail_restore",
    "delete_snapshot",
    "occupy",
    "deny",
    "fail_snapshot_deletion",
    "hold_usage_reports",
    "fail_usage_reports",
    "clear",
)
_TASK_FIELDS = (
    "image_id",
    "bucket",
    "object_key",
    "size_gib",
    "state",
    "progress_percentage",
    "failure_reason",
    "started_at",
    "ended_at",
)
_CALL_FILTERS = ("service", "operation", "caller", "since", "limit")


class BadRequest(Exception):
    """The message tells the caller what is wrong and what would be right."""


class Control:
    """Answers every request; what it does not understand is a 400 or 404 with the reason."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self._routes: dict[tuple[str, str], Callable[[Request], Any]] = {
            ("GET", "state"): self._state,
            ("GET", "calls"): self._calls,
            ("POST", "fleet"): self._fleet,
            ("POST", "recipes"): self._recipe,
            **{("POST", f"faults/{fault}"): self._fault for fault in FAULTS},
        }

    def answer(self, request: Request) -> Answer:
        route = self._routes.get((request.method, request.path.removeprefix(CONTROL_PATH)))
        try:
            if route is None:
                known = ", ".join(f"{method} {CONTROL_PATH}{path}" for method, path in self._routes)
                return _json(404, {"error": f"no {request.method} {request.path}; there is {known}"})
            return _json(200, route(request))
        except AwsError as error:
            return _json(400, {"error": error.message, "code": error.code})
        except (BadRequest, FleetError) as error:
            return _json(400, {"error": str(error)})

    def _state(self, _: Request) -> dict[str, Any]:
        cloud, settings = self._cloud, self._cloud.settings
        cloud.service.settle()
        account_id, region = settings.account_id, settings.region
        return {
            "account_id": account_id,
            "region": region,
            "speed": settings.speed,
            "now": cloud.clock.now(),
            "seconds": cloud.clock.seconds(),
            "limits_gib": {
                "store": settings.engine.store_limit_gib,
                "restore": settings.engine.restore_limit_gib,
            },
            "in_flight_gib": {
                "store": cloud.service.in_flight_gib(account_id, region, "store"),
                "restore": cloud.service.in_flight_gib(account_id, region, "restore"),
            },
            "store_tasks": [_task(t) for t in cloud.service.store_image_tasks(account_id, region)],
            "restore_tasks": [_task(t) for t in cloud.service.restore_image_tasks(account_id, region)],
            "images": len(cloud.catalog.images(region)),
            "snapshots": len(cloud.catalog.snapshots(region)),
            "calls": len(cloud.calls),
        }

    def _calls(self, request: Request) -> list[dict[str, Any]]:
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        if unknown := query.keys() - set(_CALL_FILTERS):
            raise BadRequest(f"unknown filter {sorted(unknown)[0]!r}; there are {', '.join(_CALL_FILTERS)}")
        calls = self._cloud.calls.filter(
            query.get("service"), query.get("operation"), query.get("caller"), _whole(query.get("since", "0"), "since")
        )
        if "limit" in query:
            calls = calls[-_whole(query["limit"], "limit") :]
        return [dataclasses.asdict(call) for call in calls]

    def _fleet(self, request: Request) -> dict[str, int]:
        asked = _object(request.body)
        if set(asked) == {"path"} and isinstance(asked["path"], str):
            path = Path(asked["path"])
            if not path.is_absolute():
                raise BadRequest(f"path must be absolute, not {asked['path']!r}")
            fleet = load_fleet(path, owner_id=self._cloud.settings.account_id)
        elif "images" in asked and asked.keys() <= {"images", "seed"} and all(map(_is_whole, asked.values())):
            fleet = generate_fleet(
                asked["images"],
                asked.get("seed", 1),
                now=datetime.now(UTC),
                owner_id=self._cloud.settings.account_id,
                region=self._cloud.settings.region,
            )
        else:
            raise BadRequest('a fleet is {"path": "/absolute/file.json"} or {"images": 40, "seed": 7}')
        self._cloud.add_fleet(fleet)
        return {"images": len(fleet.images), "snapshots": len(fleet.snapshots), "in_use": len(fleet.in_use)}

    def _recipe(self, request: Request) -> dict[str, Any]:
        asked = _object(request.body)
        if set(asked) != {"arn", "image_id"} or not all(isinstance(value, str) for value in asked.values()):
            raise BadRequest('a recipe is {"arn": "arn:aws:imagebuilder:…:image-recipe/…", "image_id": "ami-…"}')
        try:
            self._cloud.catalog.add_recipe(asked["arn"], asked["image_id"])
        except ValueError as error:
            raise BadRequest(str(error)) from error
        return {}

    def _fault(self, request: Request) -> dict[str, Any]:
        name = request.path.rpartition("/")[2]
        fault = getattr(self._cloud.service.faults, name)
        try:
            return {"result": validate_call(config=ConfigDict(strict=True))(fault)(**_object(request.body))}
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise BadRequest(f"{name}: {wrong}; it takes {_describe(inspect.signature(fault))}") from error
        except (ValueError, KeyError) as error:
            raise BadRequest(f"{name}: {error}") from error


def _describe(signature: inspect.Signature) -> str:
    return ", ".join(str(parameter) for parameter in signature.parameters.values()) or "nothing"


def _task(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in _TASK_FIELDS}


def _object(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body or b"{}")
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise BadRequest("the body must be a JSON object")
    return asked


def _whole(text: str, name: str) -> int:
    if not text.isdecimal():
        raise BadRequest(f"{name} must be a whole number, not {text!r}")
    return int(text)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _json(status: int, answer: Any) -> Answer:
    body = json.dumps(answer, default=lambda o: o.isoformat() if isinstance(o, datetime) else str(o)).encode()
    return status, {"content-type": "application/json"}, body
