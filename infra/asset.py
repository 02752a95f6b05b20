"""The one asset of all functions: `lambdas/` with what it needs at run time beside it, made without Docker.

The same commit gives the same asset and the same hash, on any machine: versions are locked, what a tool writes into an
installation is removed, and the hash is of what goes in. Installing happens once per lock file; see `.build/vendor-*`.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "lambdas"
LOCK = SOURCE / "requirements.lock"
CACHE = ROOT / ".build"
SERVICES = ("autoscaling", "dynamodb", "ebs", "ec2", "s3", "sns", "ssm", "stepfunctions", "sts")
"""The AWS services that the functions call; the folders of the other four hundred in botocore/data are left out."""

_PIP = (
    *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile", "--no-deps"),
    *("--only-binary=:all:", "--platform", "manylinux2014_aarch64", "--python-version", "3.13"),
    *("--implementation", "cp"),
)
_INSTALLER_NOTES = ("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json")
"""Notes of the installer to itself. METADATA stays: vulnerability scanners read names and versions there."""


class BundlingError(Exception):
    """The functions' dependencies could not be installed; `str(error)` has pip's words."""


def bundle(target: Path) -> None:
    """Fills the directory with the vendored packages and the sources. Raises BundlingError."""
    shutil.copytree(vendored(), target, dirs_exist_ok=True)
    for file in _sources():
        copy = target / file.relative_to(SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)  # Lambda reads as another user, whatever the umask here is


def vendored() -> Path:
    """The installed and pruned packages, from the cache or made now; several processes may do it at once.

    Raises BundlingError.
    """
    ready = CACHE / f"vendor-{_vendor_key()[:16]}"
    if not ready.is_dir():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            packages = Path(scratch) / "packages"
            _install(packages)
            _prune(packages)
            try:
                packages.rename(ready)
            except OSError:
                if not ready.is_dir():  # otherwise somebody else was faster, with the same content
                    raise
    return ready


def content_hash() -> str:
    """Of everything that the asset is made from: the sources, the lock file, and this module, which says how."""
    digest = hashlib.sha256(_vendor_key().encode())
    for file in _sources():
        digest.update(f"{file.relative_to(SOURCE).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    yield from sorted(file for file in SOURCE.rglob("*.py") if "__pycache__" not in file.parts)


def _vendor_key() -> str:
    return hashlib.sha256(LOCK.read_bytes() + Path(__file__).read_bytes()).hexdigest()


def _install(target: Path) -> None:
    command = [sys.executable, *_PIP, "--target", str(target), "--requirement", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode != 0:
        raise BundlingError(f"pip could not install {LOCK.relative_to(ROOT)}:\n{done.stderr.strip()}")


def _prune(packages: Path) -> None:
    """Removes what no function needs, and what differs between two installations of the same versions."""
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for info in packages.glob("*.dist-info"):
        for name in _INSTALLER_NOTES:
            (info / name).unlink(missing_ok=True)
    for service in (path for path in (packages / "botocore/data").iterdir() if path.is_dir()):
        if service.name not in SERVICES:
            shutil.rmtree(service)
