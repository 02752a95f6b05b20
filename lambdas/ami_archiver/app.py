"""What the steps work with: settings, time, and the adapters to AWS."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from ami_archiver.adapters.ec2_images import Ec2Images
from ami_archiver.adapters.ec2_restores import Ec2Restores
from ami_archiver.adapters.ec2_store_tasks import Ec2StoreTasks
from ami_archiver.adapters.s3_bucket import S3ArchiveBucket
from ami_archiver.adapters.services import SfnExecutions, SnsNotifier, SsmParameters
from ami_archiver.adapters.table_leases import ARCHIVE_LEASE, RESTORE_LEASE, TableLeases
from ami_archiver.adapters.table_records import TableRecords
from ami_archiver.adapters.table_restores import TableRestores
from ami_archiver.adapters.table_runs import TableRuns
from ami_archiver.clock import Clock
from ami_archiver.model import ArchiveRecord
from ami_archiver.settings import Settings


class App:
    """One function instance's settings, clock and adapters; each adapter is made when it is first used."""

    def __init__(self, settings: Settings, region: str, clock: Clock, client: Callable[[str], Any]) -> None:
        """`client` makes an SDK client of a service, or returns the one that it has made."""
        self.settings = settings
        self.region = region
        self.clock = clock
        self.client = client
        self.sizes: dict[str, float] = {}
        """GiB of images that others store, remembered while the function is warm."""

    @cached_property
    def images(self) -> Ec2Images:
        return Ec2Images(self.client("ec2"))

    @cached_property
    def store_tasks(self) -> Ec2StoreTasks:
        return Ec2StoreTasks(self.client("ec2"))

    @cached_property
    def bucket(self) -> S3ArchiveBucket:
        return S3ArchiveBucket(self.client("s3"), self.settings.bucket_name)

    @cached_property
    def records(self) -> TableRecords:
        return TableRecords(self.client("dynamodb"), self.settings.table_name)

    def record(self, image_id: str) -> ArchiveRecord | None:
        """None: there is none, or it cannot be read."""
        return self.records.get([image_id]).records.get(image_id)

    @cached_property
    def runs(self) -> TableRuns:
        return TableRuns(self.client("dynamodb"), self.settings.table_name)

    @cached_property
    def leases(self) -> TableLeases:
        """The archive's lease: one run works at a time."""
        return TableLeases(self.client("dynamodb"), self.settings.table_name, ARCHIVE_LEASE)

    @cached_property
    def executions(self) -> SfnExecutions:
        return SfnExecutions(self.client("stepfunctions"))

    @cached_property
    def notifier(self) -> SnsNotifier:
        return SnsNotifier(self.client("sns"), self.settings.topic_arn)

    @cached_property
    def restores(self) -> TableRestores:
        return TableRestores(self.client("dynamodb"), self.settings.table_name)

    @cached_property
    def restore_tasks(self) -> Ec2Restores:
        return Ec2Restores(self.client("ec2"))

    @cached_property
    def restore_leases(self) -> TableLeases:
        """The restores' lease: one run at a time fills the restore budget."""
        return TableLeases(self.client("dynamodb"), self.settings.table_name, RESTORE_LEASE)

    @cached_property
    def parameters(self) -> SsmParameters:
        return SsmParameters(self.client("ssm"))
