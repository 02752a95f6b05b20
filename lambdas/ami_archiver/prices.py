"""What AWS charges in us-east-1, in US dollars: the one table that every estimate is made of.

List prices without free tier, discount or tax, gathered on `PRICED_ON`; `SOURCES` are the pages to check them at. Other
Regions cost up to twice as much; the shares hardly differ. One GB of storage is billed as one GiB (2**30 bytes).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

PRICED_ON = date(2026, 11, 24)
PRICED_REGION = "us-east-1"
SOURCES = (
    "https://aws.amazon.com/ebs/pricing/",
    "https://aws.amazon.com/s3/pricing/",
    "https://aws.amazon.com/lambda/pricing/",
    "https://aws.amazon.com/step-functions/pricing/",
    "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    "https://aws.amazon.com/cloudwatch/pricing/",
    "https://aws.amazon.com/xray/pricing/",
)

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class StoragePrice:
    """What it costs to keep one GiB for a month, and to get it back."""

    gib_month: float
    minimum_days: int = 0
    """Billed at least this long, however soon it is deleted."""
    retrieval_gib: float = 0.0
    """At standard speed."""
    bulk_retrieval_gib: float | None = None
    """At the slowest and cheapest speed, where there is one."""
    transition_request: float = 0.0
    """One object moved into the class by a lifecycle rule."""


EBS_SNAPSHOT = StoragePrice(0.05)
"""Standard tier. Incremental: only blocks that no other snapshot of the volume holds are freed by a deletion."""
EBS_SNAPSHOT_ARCHIVE = StoragePrice(0.0125, 90, 0.03)
"""Archive tier: a full copy."""

S3_STORAGE = {
    "STANDARD": StoragePrice(0.023),
    "STANDARD_IA": StoragePrice(0.0125, 30, 0.01, transition_request=10 / MILLION),
    "INTELLIGENT_TIERING": StoragePrice(0.023, transition_request=10 / MILLION),
    "GLACIER_IR": StoragePrice(0.004, 90, 0.03, transition_request=20 / MILLION),
    "GLACIER": StoragePrice(0.0036, 90, 0.01, 0.0, transition_request=30 / MILLION),
    "DEEP_ARCHIVE": StoragePrice(0.00099, 180, 0.02, 0.0025, transition_request=50 / MILLION),
}
"""By S3's storage class. Intelligent-Tiering at its frequent tier: it gets cheaper with time unread."""

EBS_DIRECT_READ_GIB = 2048 * 3 / MILLION
"""What EC2 reads to store an image: GetSnapshotBlock, of 512 KiB each."""
EBS_DIRECT_WRITE_GIB = 2048 * 6 / MILLION
"""What EC2 writes to restore one: PutSnapshotBlock."""
EBS_DIRECT_LIST_REQUEST = 0.6 / MILLION
"""ListSnapshotBlocks and ListChangedBlocks."""

S3_WRITE_REQUEST = 5 / MILLION
"""PUT, COPY, POST and LIST; a deletion is free."""
S3_READ_REQUEST = 0.4 / MILLION
"""GET, HEAD and all others."""

DYNAMODB_WRITE_UNIT = 0.625 / MILLION
"""On demand: 1 KB written, two units in a transaction; what an index takes along counts as well."""
DYNAMODB_READ_UNIT = 0.125 / MILLION
"""On demand: 4 KB read strongly consistently."""
DYNAMODB_GIB_MONTH = 0.25

LAMBDA_REQUEST = 0.2 / MILLION
LAMBDA_ARM_GIB_SECOND = 13.3334 / MILLION
STATE_TRANSITION = 25 / MILLION
"""Standard workflows; a retry is one more."""

LOG_GIB = 0.5
"""Ingested by CloudWatch Logs."""
TRACE = 5 / MILLION
"""Recorded by X-Ray."""

EC2_REQUEST = 0.0
"""Describing and starting is free; calls are limited in rate, not charged."""
