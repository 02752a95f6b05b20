"""Beside Cloud Custodian: which images of one account each deletes, of those that something uses.

Each run has a local cloud of its own with the same images and the same users of them, all archived. Images count as
deleted when EC2 knows them no more. docs/retire.md says what is compared.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ami_archiver.retire.reasons import HOLD_TAG
from benchmarks import custodian
from benchmarks.custodian import Filters
from benchmarks.retire_scene import GROUP_TAG, NOTHING, POLICY, SETTINGS, Scene
from benchmarks.tables import Goal, Result
from local_cloud.server import LocalCloud
from local_cloud.settings import CloudSettings, EngineSettings, ThroughputSettings
from tests.support.archive import Archive

EACH = 2
"""Images for every use."""
SPEED = 600.0
CLOUD = CloudSettings(
    port=0, speed=SPEED, engine=EngineSettings(throughput=ThroughputSettings(store_gib_per_second=1.0))
)
NIGHTS = 2
"""Of ours after the one that archives: the first disables, the second deregisters."""
DELETE: Filters = [{"type": "deregister", "delete-snapshots": True}]

UNUSED: Filters = [
    {"type": "unused", "value": True},
    {"type": "value", "key": "DeregistrationProtection", "value": "disabled"},
]
"""Without the second, EC2 refuses a protected image, and the run ends there with an exception."""
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
    *UNUSED,
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


class PacedCloud(LocalCloud):
    """A local cloud over HTTP in which an archive's waits pass at the cloud's speed."""

    def advance(self, seconds: float) -> None:
        time.sleep(seconds / SPEED)

    def serve(self, service: str, handler: object) -> None:
        """An archive in virtual time answers for Step Functions; over HTTP, Step Functions does."""


@dataclass(frozen=True)
class Outcome:
    """What one run did, by what uses the images."""

    deleted: Mapping[str, Sequence[str]]
    kept_because: Mapping[str, str]
    """Of ours: the name of the reason in the records."""


def run(fast: bool = False) -> list[Result]:
    each = 1 if fast else EACH
    logging.disable(logging.CRITICAL)
    outcomes: dict[str, Outcome] = {}
    if custodian.is_installed():
        for name, filters in (("c7n unused", UNUSED), ("c7n, all filters", ALL_THAT_FIT)):
            outcomes[name] = played(each, partial(_custodian, filters))
    outcomes["ami-archiver"] = played(each, _ours)
    logging.disable(logging.NOTSET)
    return [_result(each, outcomes)]


def played(each: int, go: Callable[[PacedCloud, Archive], object]) -> Outcome:
    """A new cloud with everything archived and used, and one run in it."""
    with PacedCloud(CLOUD) as cloud:
        archive = Archive(cloud, POLICY, **SETTINGS)  # type: ignore[arg-type]  # any cloud that makes clients and has a catalog
        scene = Scene(archive, each)
        archive.night()
        scene.begin_uses()
        go(cloud, archive)
        reasons = {what: _reason(archive, image_ids[0]) for what, image_ids in scene.images.items()}
        return Outcome(scene.deleted(), reasons)


def _reason(archive: Archive, image_id: str) -> str:
    return (archive.record(image_id).retirement.kept_because or "").partition(":")[0]


def _ours(_: PacedCloud, archive: Archive) -> None:
    for _night in range(NIGHTS):
        archive.night()


def _custodian(filters: Filters, cloud: PacedCloud, _: Archive) -> None:
    custodian.run_policy(cloud.endpoint_url, filters, DELETE)


def _result(each: int, outcomes: Mapping[str, Outcome]) -> Result:
    ours = outcomes["ami-archiver"]
    used = sum(len(image_ids) for what, image_ids in ours.deleted.items() if what != NOTHING)
    unused = len(ours.deleted[NOTHING])
    rows = [
        {"what uses or keeps it": what, "images": each}
        | {name: len(outcome.deleted[what]) for name, outcome in outcomes.items()}
        | {"ami-archiver's reason": ours.kept_because[what] if len(ours.deleted[what]) < each else ""}
        for what in ours.deleted
    ]
    return Result(
        "retire",
        "Images deleted by Cloud Custodian and by ami-archiver in the same account, by what uses or keeps them",
        rows,
        [
            Goal("images that something uses or keeps, and that ami-archiver deletes", "0", str(used), used == 0),
            Goal(
                "images that nothing uses or keeps, and that ami-archiver deletes",
                str(each),
                str(unused),
                unused == each,
            ),
        ],
        [
            f"c7n {custodian.VERSION}, resource aws.ami, action deregister with delete-snapshots",
            "c7n unused: filter unused, and DeregistrationProtection is disabled",
            "all filters: and not the newest of a group (reduce), held, launched within 30 days, or shared",
            "ami-archiver: no grace periods, announcements, stop; hold tag and archive are its own conventions",
        ]
        if len(outcomes) > 1
        else [custodian.NOT_INSTALLED],
    )
