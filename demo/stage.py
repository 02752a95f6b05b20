"""What the demo starts and makes, and that nothing of it is left behind, whichever way it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from demo.scene import ACCOUNT_ID, REGION

ROOT = Path(__file__).resolve().parent.parent
DIRECTORY = ROOT / ".build" / "demo"
CALL_LOG = "calls.jsonl"
CONFIG = "archiver.local.toml"
_TAIL_LINES = 20


class StageFailed(Exception):
    """A part of the set-up did not work; the message has its last words."""


class Workplace:
    """A directory of this demonstration's own, so that several may run at once.

    In the end only the log of calls is left, in the place of the last demonstration's; with `keep` it has a name of
    its own, and no other demonstration overwrites it.
    """

    def __init__(self, *, keep: bool = False) -> None:
        DIRECTORY.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix="run-", dir=DIRECTORY))
        self.call_log = self.path.with_suffix(".jsonl")
        self.call_log_left = self.call_log if keep else DIRECTORY / CALL_LOG
        """Where the log is once the demonstration has ended."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self.call_log.exists():
            self.call_log.replace(self.call_log_left)

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

    def cdk(self, endpoint_url: str, *arguments: str, cwd: Path = ROOT, verbose: bool = False) -> None:
        """Run the CDK's command line. Raises StageFailed with its last lines, unless `verbose` has shown all."""
        command = [str(ROOT / "node_modules" / ".bin" / "cdk"), *arguments, "--no-notices"]
        with (self.path / "cdk.txt").open("w+", encoding="utf-8", errors="replace") as said:
            done = subprocess.run(  # noqa: S603 - our own arguments
                command,
                cwd=cwd,
                env=self.environment(endpoint_url),
                stdin=subprocess.DEVNULL,
                stdout=None if verbose else said,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if done.returncode != 0:
                said.seek(0)
                words = "".join(f"\n  | {line}" for line in said.read().splitlines()[-_TAIL_LINES:])
                raise StageFailed(f"cdk {arguments[0]} ended with exit code {done.returncode}:{words}")
