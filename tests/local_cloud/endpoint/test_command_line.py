"""`python -m local_cloud up` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_cloud.__main__ import parser, settings_of
from local_cloud.control_client import ControlError, RunningCloud, start_cloud
from local_cloud.settings import CloudSettings
from tests.local_cloud.endpoint.scenes import ROLE, until, zipped

ROOT = Path(__file__).parents[3]
Start = Callable[..., "Running"]


def parents() -> dict[int, int]:
    """Every process's parent, without the zombies."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def listening(pid: int) -> set[tuple[str, int]]:
    """The addresses that a process listens on."""
    sockets = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    found = [row[1].split(":") for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]
    return {(socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)) for address, port in found}


class Running:
    """The command in a process of its own."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local_cloud", "up", "--port", "0", *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout
        self.line = self.process.stdout.readline()
        words = dict(word.split("=", 1) for word in self.line.split() if "=" in word)
        self.cloud = RunningCloud(words["AWS_ENDPOINT_URL"])

    def workers(self) -> set[int]:
        return {pid for pid, parent in parents().items() if parent == self.process.pid}

    def start_worker(self) -> int:
        """A function that sleeps for a minute in its worker; the worker's process id."""
        functions = self.cloud.client("lambda")
        code = {"ZipFile": zipped("import time\ndef handler(event, context): time.sleep(60)")}
        functions.create_function(
            FunctionName="sleeper", Runtime="python3.13", Role=ROLE, Handler="index.handler", Timeout=90, Code=code
        )
        functions.invoke(FunctionName="sleeper", InvocationType="Event")
        (worker,) = until(self.workers)
        return int(worker)

    def end(self, with_signal: signal.Signals) -> tuple[int, str, str]:
        """Exit code, the rest of the output, the errors. A terminal sends Ctrl-C to the whole process group."""
        if with_signal == signal.SIGINT:
            os.killpg(self.process.pid, with_signal)
        else:
            self.process.send_signal(with_signal)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


def try_to_start(*options: str) -> subprocess.CompletedProcess[str]:
    """The command with options that it refuses."""
    command = [sys.executable, "-m", "local_cloud", "up", *options]
    return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Running] = []

    def start(*options: str) -> Running:
        started.append(Running(*options))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            os.killpg(running.process.pid, signal.SIGKILL)
        running.process.communicate()


def test_one_line_says_what_to_export_and_the_log_has_every_call(start: Start, tmp_path: Path) -> None:
    running = start("--images", "3", "--log", str(tmp_path / "calls.jsonl"))
    assert running.line.startswith("export AWS_ENDPOINT_URL=http://127.0.0.1:")
    assert running.line.endswith(" AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1\n")
    assert running.cloud.state()["images"] == 3
    running.cloud.client("s3").list_buckets()
    if sys.platform == "linux":
        port = int(running.cloud.endpoint_url.rpartition(":")[2])
        assert listening(running.process.pid) == {("127.0.0.1", port)}
    assert running.end(signal.SIGINT) == (0, "", "")
    calls = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    last = calls[-1]
    assert (last["service"], last["operation"], last["status"]) == ("s3", "ListBuckets", 200)


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_its_function_workers(start: Start, with_signal: signal.Signals) -> None:
    running = start()
    worker = running.start_worker()
    assert running.end(with_signal) == (0, "", "")
    assert worker not in parents()


def test_killed_it_leaves_no_idle_worker_behind(start: Start) -> None:
    running = start()
    functions = running.cloud.client("lambda")
    code = {"ZipFile": zipped("def handler(event, context): return 1")}
    functions.create_function(FunctionName="f", Runtime="python3.13", Role=ROLE, Handler="index.handler", Code=code)
    functions.invoke(FunctionName="f")
    (worker,) = running.workers()
    running.process.kill()
    until(lambda: worker not in parents())


def test_taken_port_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = try_to_start("--port", str(port))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"port {port} is taken" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_two_run_side_by_side() -> None:
    with start_cloud() as one, start_cloud() as other:
        one.client("s3").create_bucket(Bucket="only-in-one")
        assert [b["Name"] for b in one.client("s3").list_buckets()["Buckets"]] == ["only-in-one"]
        assert other.client("s3").list_buckets()["Buckets"] == []


def test_fleet_that_cannot_be_loaded_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{"Images": [{}]}')
    ended = try_to_start("--port", "0", "--fleet", str(path))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "broken.json" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_cloud_that_does_not_start_says_so() -> None:
    with pytest.raises(ControlError, match="did not start"), start_cloud("--speed", "0"):
        pass


def test_options_are_the_settings() -> None:
    assert settings_of(parser().parse_args(["up"])) == CloudSettings()
    given = settings_of(parser().parse_args(["up", "--port=0", "--store-limit-gib=1200", "--throughput=shared"]))
    assert (given.port, given.engine.store_limit_gib, given.engine.throughput.model) == (0, 1200, "shared")
    assert (
        settings_of(parser().parse_args(["up", "--last-launched-delay-seconds=60"])).last_launched_delay_seconds == 60
    )
