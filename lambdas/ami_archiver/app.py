"""Everything a step works with: settings, time, and the ports to the world."""

from __future__ import annotations

from dataclasses import dataclass, field

from ami_archiver.clock import Clock
from ami_archiver.ports import ArchiveBucket, Executions, Images, Leases, Notifier, Records, Runs, StoreTasks
from ami_archiver.settings import Settings


@dataclass(frozen=True, slots=True)
class App:
    """What the steps of the archive work with."""

    settings: Settings
    region: str
    clock: Clock
    images: Images
    store_tasks: StoreTasks
    bucket: ArchiveBucket
    records: Records
    leases: Leases
    executions: Executions
    runs: Runs
    retirements: Runs
    """What each run did about originals."""
    watches: Runs
    """What each watch has found."""
    notifier: Notifier
    sizes: dict[str, float] = field(default_factory=dict)
    """GiB of images that others store, remembered while the function is warm."""
