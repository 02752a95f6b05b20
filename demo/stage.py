"""What the demo starts and makes, and that nothing of it is left behind, whichever way it ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Self

from demo.scene import ACCOUNT_ID, REGION

ROOT = Path(__file__).resolve().parent.parent
DIRECTORY = ROOT / ".build" / "demo"
KEPT = ("calls.jsonl", "transcript.txt")
"""What is left of a demonstration that has ended."""
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


class Workplace:
    """A directory of this demonstration's own, so that several may run at once.

    In the end KEPT goes to DIRECTORY, in the place of the last demonstration's; with `keep` it stays where it is, and
    no other demonstration overwrites it.
    """

    def __init__(self, *, keep: bool = False) -> None:
        DIRECTORY.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix="run-", dir=DIRECTORY))
        self.call_log, self.transcript = (self.path / name for name in KEPT)
        self.kept_in = self.path if keep else DIRECTORY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        kept = self.path.with_name(f"{self.path.name}-kept")
        kept.mkdir()
        for name in KEPT:
            if (self.path / name).exists():
                (self.path / name).rename(kept / name)
        shutil.rmtree(self.path, ignore_errors=True)
        if self.kept_in == self.path:
            kept.rename(self.path)
            return
        for file in kept.iterdir():
            file.replace(DIRECTORY / file.name)
        kept.rmdir()

    def environment(self, endpoint_url: str | None = None) -> dict[str, str]:
        """The environment of child processes: nothing of the user's AWS, temporary files in this directory."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1"]))
        kept |= {"TMPDIR": str(self.path), "NO_PROXY": no_proxy, "no_proxy": no_proxy}
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
            "NODE_COMPILE_CACHE": str(ROOT / ".build" / "node-compile-cache"),
        }


def cdk(
    environment: dict[str, str], *arguments: str, cwd: Path = ROOT, each_line: Callable[[str], None] | None = None
) -> None:
    """Run the CDK's command line. Raises StageFailed with its last lines; they are shown only then, or `each_line`."""
    command = [str(ROOT / "node_modules" / ".bin" / "cdk"), *arguments, "--no-notices"]
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    with subprocess.Popen(  # noqa: S603 - our own arguments
        command,
        cwd=cwd,
        env=environment,
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
