"""What goes on in the account right now, by AWS's own calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ami_archiver.model import Decision
from demo.archive import Archive
from demo.aws import Aws, Stack
from demo.scene import names, sizes_gib
from local_cloud.fleet.fleet import Fleet

IN_PROGRESS, FAILED = "InProgress", "Failed"


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
    failed: tuple[Task, ...]
    """The newest task of their images."""
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
    """Looks again and again."""

    def __init__(self, aws: Aws, stack: Stack, fleet: Fleet, seconds: Callable[[], float]) -> None:
        self._aws = aws
        self._stack = stack
        self._archive = Archive(aws, stack)
        self._seconds = seconds
        self._names = names(fleet)
        self._sizes = sizes_gib(fleet)

    def look(self) -> Look:
        tasks = list(self._tasks())
        lines = self._archive.lines(self._archive.run_ids())
        return Look(
            seconds=self._seconds(),
            running=tuple(task for task in tasks if task.state == IN_PROGRESS),
            failed=tuple(task for task in tasks if task.state == FAILED),
            decisions=Counter(line.decision for line in lines.values()),
        )

    def _tasks(self) -> Iterator[Task]:
        pages = self._aws.ec2.get_paginator("describe_store_image_tasks").paginate(
            Filters=[{"Name": "task-state", "Values": [IN_PROGRESS, FAILED]}], PaginationConfig={"PageSize": 200}
        )
        for raw in (raw for page in pages for raw in page["StoreImageTaskResults"]):
            image_id = raw["AmiId"]
            yield Task(
                image_id=image_id,
                name=self._names[image_id],
                gib=self._sizes[image_id],
                percentage=raw["ProgressPercentage"],
                state=raw["StoreTaskState"],
                foreign=raw["Bucket"] != self._stack.bucket,
            )
