"""Beside Cloud Custodian: which images of one account each deletes, of those that something uses, and what it takes.

Four runs over HTTP, each in a local cloud of its own with the same images and the same users of them, all archived.
Images count as deleted when EC2 knows them no more. docs/retire.md says what is compared.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ami_archiver.retire.reasons import HOLD_TAG
from benchmarks.retire_scene import GROUP_TAG, NOTHING, POLICY, SETTINGS, Scene
from benchmarks.select_scale import CUSTODIAN_VERSION, install_custodian
from benchmarks.tables import ROOT, Goal, Result, Row
from local_cloud.environment import DUMMY_SECRET
from local_cloud.object_store import EC2_CALLER
from local_cloud.server import LocalCloud
from local_cloud.settings import CloudSettings, EngineSettings, ThroughputSettings
from tests.support.archive import Archive
from tests.support.assembly import STACK, synthesized

EACH = 2
"""Images for every use."""
SPEED = 600.0
CLOUD = CloudSettings(
    port=0, speed=SPEED, engine=EngineSettings(throughput=ThroughputSettings(store_gib_per_second=1.0))
)
NIGHTS = 2
"""Of ours after the one that archives: the first disables, the second deregisters."""
NO_ERROR = "without an error"
EC2_CODE = re.compile(r"ClientError: An error occurred \((\w+)\)")

Filters = Sequence[Mapping[str, Any]]

UNUSED: Filters = [{"type": "unused", "value": True}]
UNPROTECTED: Filters = [*UNUSED, {"type": "value", "key": "DeregistrationProtection", "value": "disabled"}]
"""Without this, EC2 refuses a protected image, and the run ends there."""
ALL_THAT_FIT: Filters = [
    {
        "or": [
            {f"tag:{GROUP_TAG}": "absent"},
            {
                "type": "reduce",
                "group-by": f"tag:{GROUP_TAG}",
                "sort-by": "CreationDate",
                "order": "desc",
                "discard": 1,
            },
        ]
    },
    *UNPROTECTED,
    {f"tag:{HOLD_TAG}": "absent"},
    {
        "or": [
            {"LastLaunchedTime": "absent"},
            {"type": "value", "key": "LastLaunchedTime", "value_type": "age", "op": "gt", "value": 30},
        ]
    },
    {"not": [{"type": "cross-account"}]},
]
"""Everything that `custodian schema aws.ami.filters` offers for what the scene has."""


@dataclass(frozen=True)
class Outcome:
    """What one run did."""

    deleted: Mapping[str, Sequence[str]]
    """By what uses them."""
    seconds: float
    waited_seconds: float
    calls: int
    ec2_calls: int
    ended: str
    kept_because: Mapping[str, str]
    """Of ours: the name of the reason in the records, by what uses the image."""

    @property
    def used(self) -> int:
        """How many it deleted that something uses or keeps."""
        return sum(len(image_ids) for what, image_ids in self.deleted.items() if what != NOTHING)


def run(fast: bool = False) -> list[Result]:
    each = 1 if fast else EACH
    custodian = install_custodian()
    outcomes: dict[str, Outcome] = {}
    if custodian is not None:
        for name, filters in (("c7n unused", UNUSED), ("+ unprotected", UNPROTECTED), ("+ all", ALL_THAT_FIT)):
            outcomes[name] = played(each, partial(_custodian, custodian, filters))
    outcomes["ami-archiver"] = played(each, _ours)
    return [_uses(each, outcomes), _runs(each, outcomes)]


def played(each: int, go: Callable[[LocalCloud, Archive], tuple[str, float]]) -> Outcome:
    """A new cloud with everything archived and used, and one run in it."""
    with LocalCloud(CLOUD) as cloud:
        archive = Archive(cloud, POLICY, **SETTINGS)  # type: ignore[arg-type]  # any cloud that makes clients and has a catalog
        scene = Scene(archive, each)
        _nights(cloud, archive, 1)
        scene.begin_uses()
        begun_at, begun = cloud.clock.now(), time.perf_counter()
        ended, waited = go(cloud, archive)
        seconds, ended_at = time.perf_counter() - begun, cloud.clock.now()
        deleted = scene.deleted()
        # By when they came: the cloud writes a call down after its answer, perhaps when the caller is on already.
        calls = [call for call in cloud.calls.list() if begun_at <= call.at < ended_at and call.caller != EC2_CALLER]
        return Outcome(
            deleted,
            seconds - waited,
            waited,
            len(calls),
            sum(call.service == "ec2" for call in calls),
            ended,
            {what: _reason(archive, image_ids[0]) for what, image_ids in scene.images.items()},
        )


def _reason(archive: Archive, image_id: str) -> str:
    return (archive.record(image_id).retirement.kept_because or "").partition(":")[0]


def _ours(cloud: LocalCloud, archive: Archive) -> tuple[str, float]:
    return NO_ERROR, _nights(cloud, archive, NIGHTS)


def _nights(cloud: LocalCloud, archive: Archive, nights: int) -> float:
    """Whole nights by the real functions; for how many seconds the workflow waited."""
    template = synthesized(ROOT / "archiver.toml").directory / f"{STACK}.template.json"
    environment = archive.settings.to_env() | {
        "POWERTOOLS_SERVICE_NAME": "ami-archiver",
        "POWERTOOLS_METRICS_NAMESPACE": "AmiArchiver",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "lambdas"), str(ROOT)]),
    }
    command = [sys.executable, "-m", "benchmarks.retire_nights", str(template), str(nights), str(SPEED)]
    done = subprocess.run(  # noqa: S603 -- ourselves
        command, env=_access(cloud) | environment, cwd=ROOT, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"our nights ended with {done.returncode}: {done.stderr[-2000:]}")
    waited: float = json.loads(done.stdout.splitlines()[-1])["waited_seconds"]
    return waited


def _custodian(command: Path, filters: Filters, cloud: LocalCloud, _: Archive) -> tuple[str, float]:
    actions = [{"type": "deregister", "delete-snapshots": True}]
    policy = {"name": "retire", "resource": "aws.ami", "filters": list(filters), "actions": actions}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "policy.json"
        file.write_text(json.dumps({"policies": [policy]}))
        arguments: list[str | Path] = [
            command,
            "run",
            "--region",
            CLOUD.region,
            "-s",
            folder,
            "--cache-period",
            "0",
            file,
        ]
        done = subprocess.run(  # noqa: S603 -- installed by the benchmark
            arguments, env=_access(cloud), check=False, capture_output=True, text=True
        )
    return NO_ERROR if done.returncode == 0 else _exception(done.stderr), 0.0


def _exception(log: str) -> str:
    """EC2's code in the last line of the traceback that a run has logged."""
    code = EC2_CODE.findall(log)
    return f"exception: {code[-1]}" if code else "exception"


def _access(cloud: LocalCloud) -> dict[str, str]:
    """The environment of a process whose SDK talks to the cloud and to nothing else."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": CLOUD.account_id,
        "AWS_SECRET_ACCESS_KEY": DUMMY_SECRET,
        "AWS_REGION": CLOUD.region,
        "AWS_DEFAULT_REGION": CLOUD.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


def _uses(each: int, outcomes: Mapping[str, Outcome]) -> Result:
    ours = outcomes["ami-archiver"]
    rows: list[Row] = [
        {"what uses or keeps it": what, "images": each}
        | {name: len(outcome.deleted[what]) for name, outcome in outcomes.items()}
        | {"ami-archiver's reason": ours.kept_because[what] if len(ours.deleted[what]) < each else ""}
        for what in ours.deleted
    ]
    return Result(
        "retire_uses",
        "Images deleted by Cloud Custodian and by ami-archiver in the same account, by what uses or keeps them",
        rows,
        [
            Goal(
                "images that something uses or keeps, and that ami-archiver deletes",
                "0",
                str(ours.used),
                ours.used == 0,
            ),
            Goal(
                "images that nothing uses or keeps, and that ami-archiver deletes",
                f"{each}",
                str(len(ours.deleted[NOTHING])),
                len(ours.deleted[NOTHING]) == each,
            ),
        ],
        _notes(outcomes),
    )


def _notes(outcomes: Mapping[str, Outcome]) -> list[str]:
    if len(outcomes) == 1:
        return ["Cloud Custodian could not be installed (no package registry)"]
    return [
        f"c7n {CUSTODIAN_VERSION}, resource aws.ami, action deregister with delete-snapshots; filters of the columns:",
        "c7n unused: unused · + unprotected: and DeregistrationProtection is disabled",
        "+ all: and without the newest of each group (reduce), hold tag, launch within 30 days, launch permission",
        "ami-archiver: no grace periods, announcements, stop; hold tag and archive are its own conventions",
    ]


def _runs(each: int, outcomes: Mapping[str, Outcome]) -> Result:
    rows: list[Row] = [
        {
            "who": name,
            "deleted": sum(len(image_ids) for image_ids in outcome.deleted.values()),
            "used or kept": outcome.used,
            "seconds": outcome.seconds,
            "EC2 calls": outcome.ec2_calls,
            "all calls": outcome.calls,
            "ended": outcome.ended,
        }
        for name, outcome in outcomes.items()
    ]
    images = each * len(outcomes["ami-archiver"].deleted)
    return Result(
        "retire_runs",
        f"What that took ({images} images)",
        rows,
        (),
        [
            "seconds: a process from its start to its end, with the local cloud's answers",
            f"ami-archiver: {NIGHTS} whole nights (select, check, retire, report), without its state machine's waits",
        ],
    )
