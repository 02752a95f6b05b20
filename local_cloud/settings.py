"""What can be set on the local cloud. Where AWS leaves a question open, both answers are here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class ThroughputSettings:
    """How fast store and restore tasks run, in GiB per second of the simulated world."""

    model: Literal["per-task", "shared"] = "per-task"
    """per-task: every task runs at its own rate; shared: all running tasks of an account divide one rate."""
    store_gib_per_second: float = 0.1
    restore_gib_per_second: float = 0.1
    task_overhead_seconds: float = 20.0
    """What a task takes besides its bytes (queueing, finishing the upload)."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The image service. Defaults are the likelier reading of what AWS documents."""

    store_limit_gib: float = 600
    restore_limit_gib: float = 300
    limit_scope: Literal["account", "region"] = "account"
    """Open in AWS's guide: whether the in-flight limit is per account, or per account and Region."""
    size_basis: Literal["written-blocks", "volume-size"] = "written-blocks"
    """Open: what 'EBS snapshot data' counts. Written blocks fall back to the volume size where unknown."""
    rejection_code: str = "InvalidRequest"
    """Open: the error code of a rejection at the in-flight limit."""
    max_image_gib: float = 5000
    task_memory_days: int = 31
    """For how long DescribeStoreImageTasks remembers a task."""
    max_parallel_tasks: int | None = None
    """Tasks beyond this many wait in a queue (their size still counts as in flight); None: no queue."""
    object_metadata: Literal["tags", "user-metadata", "both"] = "tags"
    """Open: where EC2 writes AMI name, description, registration date, owner and store time on the object."""
    task_bucket: Literal["name", "with-path"] = "name"
    """Open: whether DescribeStoreImageTasks shows a bucket's name, or `Bucket` as it was given to the store, with the
    path; its filter knows what it shows."""
    bytes_per_gib: int = 64
    """How many bytes of the stored object stand for one GiB of snapshot."""
    throughput: ThroughputSettings = field(default_factory=ThroughputSettings)


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """The whole local cloud: one endpoint, one default account."""

    port: int = 4566
    speed: float = 1.0
    schedule_speed: float = 1.0
    """How many times as often schedules with a rate come round; those that name a time go by the wall's clock."""
    region: str = "us-east-1"
    account_id: str = "123456789012"
    ec2_calls_per_second: float | None = None
    """EC2 request rate above which RequestLimitExceeded is answered; None: never."""
    ebs_encryption_by_default: bool = False
    last_launched_delay_seconds: float = 24 * 3600
    """How long after a launch an image's LastLaunchedTime tells of it."""
    engine: EngineSettings = field(default_factory=EngineSettings)
