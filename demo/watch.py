"""What goes on in the account right now, by AWS's own calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ami_archiver.model import Decision
from demo.archive import Archive, Lines
from demo.aws import Aws, Stack

ENDED_SHOWN_SECONDS = 2.5
IDS_PER_CALL = 20
"""DescribeStoreImageTasks takes no more image ids at once."""
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Task:
    """A store task as DescribeStoreImageTasks shows it, with its image's name and size."""

    image_id: str
    name: str
    gib: float
    percentage: int
    state: str
    foreign: bool
    """Stores into another bucket than the archive's."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at everything."""

    seconds: float
    """Since the demo began."""
    running: tuple[Task, ...]
    ended: tuple[Task, ...]
    """Those that ended a moment ago."""
    decisions: Counter[Decision]
    """Decided so far. DEFERRED are the selected ones that wait, or whose store is in flight."""

    @property
    def in_flight_gib(self) -> float:
        return sum(task.gib for task in self.running)

    @property
    def foreign_gib(self) -> float:
        return sum(task.gib for task in self.running if task.foreign)

    @property
    def waiting(self) -> int:
        """Images that are selected and not started."""
        ours = sum(not task.foreign for task in self.running)
        return max(0, self.decisions[Decision.DEFERRED] - ours)


class Watch:
    """Looks again and again; remembers only what makes the next look cheap."""

    def __init__(self, aws: Aws, stack: Stack, archive: Archive, seconds: Callable[[], float]) -> None:
        self._aws = aws
        self._stack = stack
        self._archive = archive
        self._seconds = seconds
        self._images = dict(_names_and_sizes(aws))
        self._running: dict[str, Task] = {}
        self._ended: list[tuple[float, Task]] = []
        self._run_ids: set[str] = set()

    def look(self) -> Look:
        now = self._seconds()
        running = {task.image_id: task for task in self._tasks(_in_progress(self._aws))}
        gone = [image_id for image_id in self._running if image_id not in running]
        self._ended += [(now, task) for task in self._tasks(_newest(self._aws, gone))]
        self._ended = [(at, task) for at, task in self._ended if now - at < ENDED_SHOWN_SECONDS]
        self._running = running
        lines = self.lines()
        return Look(
            seconds=now,
            running=tuple(running.values()),
            ended=tuple(task for _, task in self._ended if task.image_id not in running),
            decisions=Counter(line.decision for line in lines.values()),
        )

    def lines(self) -> Lines:
        """What the runs so far have decided."""
        self._run_ids |= set(self._archive.active_runs())
        self._run_ids |= {summary["run_id"] for summary in self._archive.summaries()}
        return self._archive.lines(sorted(self._run_ids))

    def _tasks(self, results: Iterator[dict[str, Any]]) -> Iterator[Task]:
        for raw in results:
            name, gib = self._images.get(raw["AmiId"], (raw["AmiId"], 0.0))
            yield Task(
                image_id=raw["AmiId"],
                name=name,
                gib=gib,
                percentage=raw["ProgressPercentage"],
                state=raw["StoreTaskState"],
                foreign=raw["Bucket"] != self._stack.bucket,
            )


def _in_progress(aws: Aws) -> Iterator[dict[str, Any]]:
    pages = aws.ec2.get_paginator("describe_store_image_tasks").paginate(
        Filters=[{"Name": "task-state", "Values": ["InProgress"]}], PaginationConfig={"PageSize": 200}
    )
    for page in pages:
        yield from page["StoreImageTaskResults"]


def _newest(aws: Aws, image_ids: Collection[str]) -> Iterator[dict[str, Any]]:
    rest = iter(image_ids)
    while some := list(islice(rest, IDS_PER_CALL)):
        yield from aws.ec2.describe_store_image_tasks(ImageIds=some)["StoreImageTaskResults"]


def _names_and_sizes(aws: Aws) -> Iterator[tuple[str, tuple[str, float]]]:
    """Of every own image: its name and the GiB that its snapshots hold."""
    sizes: dict[str, float] = {}
    pages = aws.ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], PaginationConfig={"PageSize": 1000})
    for page in pages:
        for raw in page["Snapshots"]:
            written = raw.get("FullSnapshotSizeInBytes")
            sizes[raw["SnapshotId"]] = written / _GIB if written else raw["VolumeSize"]
    pages = aws.ec2.get_paginator("describe_images").paginate(
        Owners=["self"], IncludeDisabled=True, PaginationConfig={"PageSize": 1000}
    )
    for page in pages:
        for raw in page["Images"]:
            snapshots = [mapping.get("Ebs", {}).get("SnapshotId") for mapping in raw.get("BlockDeviceMappings", [])]
            yield raw["ImageId"], (raw.get("Name") or raw["ImageId"], sum(sizes.get(s, 0.0) for s in snapshots))
