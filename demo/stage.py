"""What the demo starts and makes, and that nothing of it is left behind, whichever way it ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from demo.scene import ACCOUNT_ID, REGION

ROOT = Path(__file__).resolve().parent.parent
DIRECTORY = ROOT / ".build" / "demo"
CALL_LOG = DIRECTORY / "calls.jsonl"
TRANSCRIPT = DIRECTORY / "transcript.txt"
SCRATCH = DIRECTORY / "tmp"
CONFIG = "archiver.local.toml"
_TAIL_LINES = 20
_END_SECONDS = 5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StageFailed(Exception):
    """A part of the set-up did not work; the message has its last words."""


class Interrupted(BaseException):
    """A signal asked the demo to end; not an Exception, so that nothing on the way takes it for an error."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first signal into Interrupted; later ones are ignored, so that the clean-up comes to its end."""

    def interrupt(number: int, _: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    before = {each: signal.signal(each, interrupt) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def directory() -> Iterator[None]:
    """`.build/demo`, fresh; in the end only the call log and the transcript are in it."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)


def environment(endpoint_url: str | None = None) -> dict[str, str]:
    """The environment of child processes: nothing of the user's AWS, and temporary files in the scratch directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1"]))
    kept |= {"TMPDIR": str(SCRATCH), "NO_PROXY": no_proxy, "no_proxy": no_proxy}
    if endpoint_url is None:
        return kept
    return kept | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCOUNT_ID,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CI": "true",
    }


def cdk(endpoint_url: str, *arguments: str, cwd: Path = ROOT, each_line: Callable[[str], None] | None = None) -> None:
    """Run the CDK's command line. Raises StageFailed with its last lines; they are shown only then, or `each_line`."""
    command = [str(ROOT / "node_modules" / ".bin" / "cdk"), *arguments, "--no-notices"]
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    with subprocess.Popen(  # noqa: S603 - our own arguments
        command,
        cwd=cwd,
        env=environment(endpoint_url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C in the terminal is for us: we end it
    ) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                tail.append(line.rstrip())
                if each_line:
                    each_line(line.rstrip())
        except BaseException:
            _end(process)
            raise
    if process.returncode != 0:
        words = "\n".join(f"  | {line}" for line in tail)
        raise StageFailed(f"cdk {arguments[0]} ended with exit code {process.returncode}:\n{words}")


def _end(process: subprocess.Popen[str]) -> None:
    """End a process that leads its session, with all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
            return
