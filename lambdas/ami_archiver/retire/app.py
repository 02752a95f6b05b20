"""Everything a step of retirement works with."""

from __future__ import annotations

from dataclasses import dataclass

from ami_archiver.clock import Clock
from ami_archiver.ports import Leases, Notifier, Runs
from ami_archiver.retire.ports import Blocks, Originals, ReadableBucket, Retirements, UsageReports, Uses
from ami_archiver.settings import Settings


@dataclass(frozen=True, slots=True)
class RetireApp:
    """What the steps that retire originals work with."""

    settings: Settings
    region: str
    clock: Clock
    originals: Originals
    uses: Uses
    usage_reports: UsageReports
    blocks: Blocks
    bucket: ReadableBucket
    retirements: Retirements
    leases: Leases
    """The archive's lease: one run works at a time."""
    runs: Runs
    """Pages of decisions."""
    summaries: Runs
    """What each run did about originals."""
    notifier: Notifier
