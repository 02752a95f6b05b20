"""The local cloud in this process: one endpoint on 127.0.0.1, served from a background thread."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import secrets
import socket
import threading
from pathlib import Path
from typing import Any, Self

import hypercorn.asyncio
import hypercorn.config

from local_cloud import clients, environment, function_errors
from local_cloud.calls import CallLog
from local_cloud.clock import RealClock
from local_cloud.cloud import Cloud
from local_cloud.control import Control
from local_cloud.endpoint import Endpoint
from local_cloud.object_store import EC2_CALLER
from local_cloud.settings import CloudSettings

_HOST = "127.0.0.1"
_DEFAULT_SETTINGS = CloudSettings()
_TICK_SECONDS = 0.1
_START_SECONDS = 30
_log = logging.getLogger("local_cloud")


class PortTaken(Exception):
    """Something else listens on the port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"port {port} is taken: another local cloud may be running there; stop it, or choose another "
            f"port (--port {port + 1}, or --port 0 for any free one)"
        )


class LocalCloud(Cloud):
    """A context manager. MiniStack's state is global, so a process has one at a time.

    With `settings.port` 0 it takes any free port; `settings` and `endpoint_url` then tell which.
    """

    endpoint_url: str
    clock: RealClock

    def __init__(
        self, settings: CloudSettings = _DEFAULT_SETTINGS, *, log_file: Path | None = None, verbose: bool = False
    ) -> None:
        super().__init__(settings)
        self._log_file = log_file
        self._verbose = verbose

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            listener = starting.enter_context(_listen(self.settings.port))
            self.settings = dataclasses.replace(self.settings, port=listener.getsockname()[1])
            self.endpoint_url = f"http://{_HOST}:{self.settings.port}"
            ministack = starting.enter_context(
                environment.ministack(self.settings, self.settings.port, verbose=self._verbose)
            )
            self.begin(
                RealClock(self.settings.speed), CallLog(self._log_file), self._ec2_client, seed=secrets.randbits(32)
            )
            starting.callback(self.calls.close)
            environment.speed_up_schedules(self.settings.schedule_speed)
            function_errors.install()
            endpoint = Endpoint(self, ministack.app, Control(self).answer)
            starting.enter_context(_serving(endpoint, listener))
            starting.enter_context(_Ticker(self))
            self._resources = starting.pop_all()
        return self

    def client(self, name: str, account_id: str | None = None, region: str | None = None) -> Any:
        return clients.client(
            name, account_id or self.settings.account_id, region or self.settings.region, self.endpoint_url
        )

    def _ec2_client(self, name: str, account_id: str, region: str | None = None) -> Any:
        return clients.client(name, account_id, region or self.settings.region, self.endpoint_url, app_id=EC2_CALLER)


def _listen(port: int) -> socket.socket:
    """A listening socket of our own, so that nobody can take the port between asking for it and serving on it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise PortTaken(port) from error
    return listener


@contextlib.contextmanager
def _serving(application: Endpoint, listener: socket.socket) -> Any:
    """Serve in a thread of its own until the context ends; the listener is then closed."""
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None
    config.graceful_timeout = 0.2
    config.keep_alive_timeout = 75
    config.keep_alive_max_requests = 1_000_000
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def announce(message: Any) -> None:
            await send(message)
            if message["type"].startswith("lifespan.startup"):
                ready.set()

        await application(scope, receive, announce if scope["type"] == "lifespan" else send)

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(hypercorn.asyncio.serve(app, config, shutdown_trigger=stop.wait))
        finally:
            ready.set()
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

    thread = threading.Thread(target=run, name="local-cloud-server", daemon=True)
    thread.start()
    if not ready.wait(_START_SECONDS) or not thread.is_alive():
        raise RuntimeError("the local cloud did not start; run it with -v to see why")
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_START_SECONDS)


class _Ticker(threading.Thread):
    """Lets time pass for those who wait for nobody's call: tasks end, objects appear, restores land, rules move."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(name="local-cloud-ticker", daemon=True)
        self._cloud = cloud
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.join(_START_SECONDS)

    def run(self) -> None:
        while not self._stopped.wait(_TICK_SECONDS):
            try:
                due = self._cloud.service.next_event_seconds()
                if due is not None and due <= self._cloud.clock.seconds():
                    self._cloud.service.settle()
                self._cloud.s3_world.tick()
            except Exception:
                _log.exception("the local cloud's clock went on after an error")
