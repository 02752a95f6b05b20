"""The local cloud in a process of its own, and its `/_local/` from outside."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from local_cloud import clients
from local_cloud.settings import CloudSettings

_STOP_SECONDS = 15
_ROOT = Path(__file__).resolve().parent.parent
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ControlError(Exception):
    """The cloud refused; the message is its reason."""


class RunningCloud:
    """A local cloud at an address, whoever runs it."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url

    def client(self, name: str, account_id: str | None = None, region: str | None = None) -> Any:
        """A boto3 client against it."""
        default = CloudSettings()
        return clients.client(name, account_id or default.account_id, region or default.region, self.endpoint_url)

    def state(self) -> dict[str, Any]:
        """Tasks with their progress, in-flight sums and limits, counts."""
        state: dict[str, Any] = self._ask("GET", "state")
        return state

    def calls(self, **filters: str | int) -> list[dict[str, Any]]:
        """The log of calls; filters are service, operation, caller, since (a call's number) and limit."""
        calls: list[dict[str, Any]] = self._ask("GET", f"calls?{urlencode(filters)}")
        return calls

    def fault(self, name: str, **parameters: Any) -> Any:
        """One of engine.faults.Faults' methods by name, with its parameters; its result."""
        return self._ask("POST", f"faults/{name}", parameters)["result"]

    def add_recipe(self, arn: str, image_id: str) -> None:
        """Add an Image Builder recipe that is based on the image."""
        self._ask("POST", "recipes", {"arn": arn, "image_id": image_id})

    def load_fleet(self, path: Path) -> dict[str, int]:
        """Add an export's images; how many."""
        added: dict[str, int] = self._ask("POST", "fleet", {"path": str(path.resolve())})
        return added

    def generate_fleet(self, images: int, seed: int = 1) -> dict[str, int]:
        """Add made-up images; how many."""
        added: dict[str, int] = self._ask("POST", "fleet", {"images": images, "seed": seed})
        return added

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoint_url}/_local/{path}", data, method=method)  # noqa: S310
        try:
            with _OPENER.open(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ControlError(json.load(error)["error"]) from error


@contextlib.contextmanager
def start_cloud(*options: str, environ: dict[str, str] | None = None) -> Iterator[RunningCloud]:
    """Run `python -m local_cloud up` on any free port until the context ends; it dies with this process, too.

    ControlError with what it printed if it does not start.
    """
    command: Sequence[str] = [
        sys.executable, "-m", "local_cloud", "up", "--port", "0", "--stop-on-eof", *options,
    ]  # fmt: skip
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        cwd=_ROOT,
        env=os.environ if environ is None else environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C in the terminal is for us: we end it when we are done with it
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            line = process.stdout.readline()
            if not line:
                raise ControlError(f"the local cloud did not start (exit code {process.wait()})")
            exports = dict(pair.split("=", 1) for pair in line.split()[1:])
            yield RunningCloud(exports["AWS_ENDPOINT_URL"])
        finally:
            process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
