"""HTTP under `/_local/`, JSON in and out: what another process does to the cloud.

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
from typing import Annotated, Any
from urllib.parse import parse_qs

from pydantic import ConfigDict, Field, ValidationError, validate_call

from local_cloud.cloud import Cloud
from local_cloud.engine.tasks import Task
from local_cloud.errors import AwsError
from local_cloud.fleet.export import load_fleet
from local_cloud.fleet.generator import generate_fleet
from local_cloud.operations import Answer, Request

CONTROL_PATH = "/_local/"
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
Count = Annotated[int, Field(ge=0)]


class Control:
    """Answers every request; what it does not understand is a 400 or 404 with the reason."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._routes: dict[tuple[str, str], Callable[..., Any]] = {
            ("GET", "state"): self._state,
            ("GET", "calls"): self._calls,
            ("POST", "fleet"): self._fleet,
            ("POST", "recipes"): self._cloud.catalog.add_recipe,
        }

    def answer(self, request: Request) -> Answer:
        path = request.path.removeprefix(CONTROL_PATH)
        folder, _, name = path.rpartition("/")
        if request.method == "POST" and folder == "faults" and name in FAULTS:
            fault = getattr(self._cloud.service.faults, name)
            status, answer = _called(name, fault, request)
            return _json(status, {"result": answer} if status == 200 else answer)
        route = self._routes.get((request.method, path))
        if route is None:
            known = ", ".join(f"{method} {CONTROL_PATH}{path}" for method, path in self._routes)
            return _json(404, {"error": f"no {request.method} {request.path}; there is {known}"})
        return _json(*_called(path, route, request))

    def _state(self) -> dict[str, Any]:
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

    def _calls(
        self,
        service: str | None = None,
        operation: str | None = None,
        caller: str | None = None,
        since: Count = 0,
        limit: Count | None = None,
    ) -> list[dict[str, Any]]:
        calls = self._cloud.calls.filter(service, operation, caller, since)
        return [dataclasses.asdict(call) for call in (calls if limit is None else calls[-limit:])]

    def _fleet(self, path: str | None = None, images: Count | None = None, seed: int = 1) -> dict[str, int]:
        account_id = self._cloud.settings.account_id
        if (path is None) == (images is None):
            raise ValueError('a fleet is {"path": "/absolute/file.json"} or {"images": 40, "seed": 7}')
        if path is not None:
            if not Path(path).is_absolute():
                raise ValueError(f"path must be absolute, not {path!r}")
            fleet = load_fleet(path, owner_id=account_id)
        else:
            region = self._cloud.settings.region
            fleet = generate_fleet(images or 0, seed, now=datetime.now(UTC), owner_id=account_id, region=region)
        self._cloud.add_fleet(fleet)
        return {"images": len(fleet.images), "snapshots": len(fleet.snapshots), "in_use": len(fleet.in_use)}


def _called(name: str, function: Callable[..., Any], request: Request) -> tuple[int, Any]:
    """What the function makes of the request's query or JSON, which are its parameters; else the reason why not."""
    signature = inspect.signature(function)
    try:
        if request.method == "GET":
            given = {key: values[-1] for key, values in parse_qs(request.query).items()}
        else:
            given = json.loads(request.body or b"{}")
        config = ConfigDict(strict=request.method != "GET")
        return 200, validate_call(config=config)(function)(**given)
    except AwsError as error:
        return 400, {"error": error.message, "code": error.code}
    except json.JSONDecodeError as error:
        return 400, {"error": f"the body is not JSON: {error}"}
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        takes = ", ".join(map(str, signature.parameters.values())) or "nothing"
        return 400, {"error": f"{name}: {wrong}; it takes {takes}"}
    except (ValueError, KeyError, TypeError) as error:
        return 400, {"error": f"{name}: {error}"}


def _task(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in _TASK_FIELDS}


def _json(status: int, answer: Any) -> Answer:
    body = json.dumps(answer, default=lambda o: o.isoformat() if isinstance(o, datetime) else str(o)).encode()
    return status, {"content-type": "application/json"}, body
