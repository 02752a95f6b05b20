"""What MiniStack reads from the process's environment, set in one place, and who holds its global state.

MiniStack keeps its state in module globals and takes its settings from environment variables, some of them when it
is first imported. So a process has one cloud at a time, and everything here happens before `ministack` is imported.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from local_cloud import dynamodb_rules, parameters, task_tokens
from local_cloud.settings import CloudSettings

DUMMY_SECRET = "test"  # noqa: S105 - MiniStack does not check signatures
_SCHEDULE_TICK_SECONDS = 1
"""MiniStack looks every ten seconds which schedules are due."""
_held = threading.Lock()
RECYCLE_BIN_RULE: dict[str, Callable[..., Any]] = {
    "create": lambda logical_id, _, stack_name: (f"{stack_name}-{logical_id}", {}),
    "delete": lambda *_: None,
}
"""A stack may have one, which MiniStack does not know; what is deleted here is gone at once all the same."""

_REMOVED = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CA_BUNDLE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_SDK_UA_APP_ID",
    "AUTH",
    "EDGE_PORT",
    "LOCALSTACK_PERSISTENCE",
    "PYTHONPATH",  # a function must find its dependencies in its own asset
    "SERVICES",
    "SFN_MOCK_CONFIG",
    "USE_SSL",
)
"""What a developer's shell may hold and function workers, which inherit the environment, must not see."""


def _variables(settings: CloudSettings, port: int, log_level: str) -> dict[str, str]:
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "localhost",
        "MINISTACK_ACCOUNT_ID": settings.account_id,
        "MINISTACK_REGION": settings.region,
        "LOG_LEVEL": log_level,
        # No listener but our own, no Docker, nothing on disk.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        "LAMBDA_EXECUTOR": "local",
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        # What function workers inherit.
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": settings.account_id,
        "AWS_SECRET_ACCESS_KEY": DUMMY_SECRET,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_REGION": settings.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"])),
    }


@contextlib.contextmanager
def ministack(settings: CloudSettings, port: int, *, verbose: bool = False) -> Iterator[ModuleType]:
    """MiniStack's `app` module with clean state, for this caller alone; the environment is put back afterwards.

    RuntimeError if another cloud lives in this process.
    """
    if not _held.acquire(blocking=False):
        raise RuntimeError("one local cloud at a time in a process: MiniStack's state is global; close the other one")
    before = dict(os.environ)
    try:
        for name in [*_REMOVED, *(n for n in before if n.startswith("AWS_ENDPOINT_URL_"))]:
            os.environ.pop(name, None)
        os.environ.update(_variables(settings, port, "INFO" if verbose else "CRITICAL"))
        # Imported here, because it reads the environment and takes half a second.
        from ministack import app  # noqa: PLC0415
        from ministack.services import dynamodb, ssm, stepfunctions  # noqa: PLC0415 - as above
        from ministack.services.cloudformation import provisioners  # noqa: PLC0415 - as above

        provisioners._RESOURCE_HANDLERS.setdefault("AWS::Rbin::Rule", RECYCLE_BIN_RULE)
        dynamodb_rules.install(dynamodb)
        parameters.install(ssm)
        task_tokens.install(stepfunctions)
        os.environ.pop("LOG_LEVEL", None)  # function workers would go by it, and log nothing
        app._reset_all_state()
        try:
            yield app
        finally:
            app._reset_all_state()  # ends the function workers too
    finally:
        os.environ.clear()
        os.environ.update(before)
        _held.release()


def speed_up_schedules(speed: float) -> None:
    """Let a rate of EventBridge's come round `speed` times as often: rate(1 minute) at 6 every ten seconds.

    cron(...) and at(...) name times of the wall's clock, and stay on it. Unlike AWS, which runs a rate without a start
    date at once, MiniStack first lets one interval pass.
    """
    from ministack.services import eventbridge, scheduler  # noqa: PLC0415 - reads the environment

    scheduler._SCHEDULE_TICK_INTERVAL = _SCHEDULE_TICK_SECONDS
    parse = getattr(eventbridge._parse_rate_seconds, "original", eventbridge._parse_rate_seconds)

    def interval_seconds(expression: str) -> float | None:
        seconds = parse(expression)
        return None if seconds is None else seconds / speed

    interval_seconds.original = parse  # type: ignore[attr-defined]  # the next cloud of this process finds it here
    eventbridge._parse_rate_seconds = interval_seconds


def quiet() -> None:
    """Silence MiniStack's and its libraries' logging in a process that is nothing but the cloud."""
    logging.getLogger().setLevel(logging.CRITICAL)
