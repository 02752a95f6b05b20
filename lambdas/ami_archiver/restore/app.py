"""Everything a step of a restore works with."""

from __future__ import annotations

from dataclasses import dataclass

from ami_archiver.clock import Clock
from ami_archiver.ports import Leases, Notifier, Records, Runs
from ami_archiver.restore.ports import Parameters, Restores, RestoreTasks, ThawingBucket
from ami_archiver.settings import Settings


@dataclass(frozen=True, slots=True)
class RestoreApp:
    """What the steps of restores work with."""

    settings: Settings
    region: str
    clock: Clock
    tasks: RestoreTasks
    bucket: ThawingBucket
    records: Records
    restores: Restores
    leases: Leases
    """The restores' own lease."""
    runs: Runs
    """Summaries of restore runs."""
    parameters: Parameters
    notifier: Notifier
