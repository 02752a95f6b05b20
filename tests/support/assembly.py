"""What `cdk synth` writes, made once for all tests and workers, and again only when what goes into it has changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
STACK = "AmiArchiver"


@dataclass(frozen=True)
class CloudAssembly:
    """A directory that `cdk deploy --app` takes."""

    directory: Path

    @property
    def template(self) -> dict[str, Any]:
        template: dict[str, Any] = json.loads((self.directory / f"{STACK}.template.json").read_text())
        return template

    @property
    def termination_protection(self) -> bool:
        """What the CDK's command line asks CloudFormation for, beside the template."""
        manifest = json.loads((self.directory / "manifest.json").read_text())
        return bool(manifest["artifacts"][STACK]["properties"]["terminationProtection"])

    @property
    def asset(self) -> Path:
        """The unpacked asset of the functions."""
        (asset,) = self.directory.glob("asset.*")
        return asset


def synthesized(config: Path) -> CloudAssembly:
    """The assembly of a configuration: from the cache in .build, or from the CDK's command line now."""
    ready = BUILD / f"assembly-{_key(config)[:16]}"
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "assembly.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the process, however that ends
        if not ready.is_dir():
            unfinished = ready.with_suffix(".unfinished")
            synthesize(config, unfinished)
            unfinished.rename(ready)
            _remove_old()
    return CloudAssembly(ready)


def synthesize(config: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """`cdk synth` with the project's app.py."""
    command = [ROOT / "node_modules/.bin/cdk", "synth", "--quiet", "-c", f"config={config}", "-o", output]
    return subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True)


def _remove_old() -> None:
    """Assemblies that nobody has made anew for a day; each has some ten megabytes."""
    for old in BUILD.glob("assembly-*"):
        if time.time() - old.stat().st_mtime > 86400:
            shutil.rmtree(old, ignore_errors=True)


def environment() -> dict[str, str]:
    """As in the Makefile, for tests that are started without it."""
    path = [str(Path(sys.executable).parent), str(ROOT / "node_modules/.bin"), os.environ["PATH"]]
    return os.environ | {"PATH": os.pathsep.join(path), "CDK_DISABLE_CLI_TELEMETRY": "true"}


def _key(config: Path) -> str:
    digest = hashlib.sha256()
    for file in [config, *_inputs()]:
        digest.update(f"{file}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _inputs() -> Iterator[Path]:
    yield from (ROOT / "app.py", ROOT / "cdk.json", ROOT / "requirements.txt", ROOT / "lambdas/requirements.lock")
    for folder in ("infra", "lambdas"):
        yield from sorted((ROOT / folder).rglob("*.py"))
