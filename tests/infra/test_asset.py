"""The one asset of the functions: small, complete, and the same on every machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from infra import asset as functions_asset
from tests.support.assembly import CloudAssembly

LOCKED = [Requirement(line) for line in functions_asset.LOCK.read_text().splitlines() if not line.startswith("#")]


@pytest.fixture(scope="module")
def asset(cloud_assembly: CloudAssembly) -> Path:
    return cloud_assembly.asset


def test_the_asset_is_far_below_what_lambda_takes(asset: Path) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 250 MB unzipped."""
    assert sum(file.stat().st_size for file in asset.rglob("*")) < 50_000_000


def test_a_second_installation_gives_the_same_files(
    asset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions_asset, "CACHE", tmp_path / "cache")
    umask = os.umask(0o077)
    try:
        functions_asset.bundle(tmp_path / "again")
    finally:
        os.umask(umask)
    assert content(tmp_path / "again") == content(asset)


def test_the_clients_that_the_functions_use_work_from_the_asset_and_the_handlers_import(asset: Path) -> None:
    script = f"""
import sys
sys.path = [{str(asset)!r}] + [path for path in sys.path if "site-packages" not in path]
import boto3, cattrs
session = boto3.Session("x", "x", region_name="eu-central-1")
for service in {functions_asset.SERVICES!r}:
    client = session.client(service)
    print(service, client.meta.endpoint_url)
    if service == "s3":
        print(client.generate_presigned_url("head_object", Params={{"Bucket": "bucket", "Key": "key"}}))
from handlers import archive, restore, retire
print(boto3.__file__, cattrs.__file__, archive.__file__)
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-B", "-I", "-c", script],
        env=environment | {"POWERTOOLS_SERVICE_NAME": "x", "POWERTOOLS_METRICS_NAMESPACE": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    hosts = {"stepfunctions": "states"}
    for service in functions_asset.SERVICES:
        assert f"{service} https://{hosts.get(service, service)}.eu-central-1.amazonaws.com\n" in done.stdout
    assert "\nhttps://bucket.s3.amazonaws.com/key?" in done.stdout
    assert done.stdout.count(str(asset)) == 3


def test_the_asset_has_the_services_that_the_functions_call_and_no_other(asset: Path) -> None:
    models = {path.name for path in (asset / "botocore/data").iterdir() if path.is_dir()}
    called = {
        service
        for file in functions_asset.SOURCE.rglob("*.py")
        for service in re.findall(r'client\("(\w+)"\)', file.read_text())
    }
    assert called
    assert called <= models
    assert models == set(functions_asset.SERVICES)


def test_the_asset_has_nothing_compiled_for_one_machine(asset: Path) -> None:
    assert not [file for file in asset.rglob("*") if file.suffix in (".so", ".pyc", ".pyd")]


def test_what_is_deployed_is_what_the_tests_run_with() -> None:
    assert {r.name: str(r.specifier) for r in LOCKED} == {r.name: f"=={version(r.name)}" for r in LOCKED}


def test_the_lock_is_the_whole_closure_of_the_requirements() -> None:
    wanted = [
        Requirement(line.partition("#")[0])
        for line in (functions_asset.SOURCE / "requirements.txt").read_text().splitlines()
        if line.partition("#")[0].strip()
    ]
    closure: dict[str, Requirement] = {}
    while wanted:
        requirement = wanted.pop()
        if requirement.name.lower() not in closure:
            closure[requirement.name.lower()] = requirement
            needs = [Requirement(text) for text in requires(requirement.name) or []]
            wanted += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert {r.name.lower().replace("_", "-") for r in LOCKED} == {name.replace("_", "-") for name in closure}
    for locked in LOCKED:
        assert closure[locked.name].specifier.contains(next(iter(locked.specifier)).version)


def test_a_change_of_a_source_or_of_the_lock_changes_the_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions_asset, "SOURCE", tmp_path)
    monkeypatch.setattr(functions_asset, "LOCK", tmp_path / "requirements.lock")
    hashes = []
    for lock, source in (("a==1", "x = 1"), ("a==2", "x = 1"), ("a==2", "x = 2")):
        (tmp_path / "requirements.lock").write_text(lock)
        (tmp_path / "module.py").write_text(source)
        hashes.append(functions_asset.content_hash())
    (tmp_path / "module.py").touch()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "module.py").write_text("noise")
    assert len(set(hashes)) == 3
    assert functions_asset.content_hash() == hashes[-1]


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mode & 0o777)
        for file in folder.rglob("*")
        if file.is_file()
    }
