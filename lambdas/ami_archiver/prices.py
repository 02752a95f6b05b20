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
    gib_month: float
    transition_request: float = 0.0
    """One object moved into the class by a lifecycle rule."""


EBS_SNAPSHOT = StoragePrice(0.05)
"""Standard tier. Incremental: only blocks that no other snapshot of the volume holds are freed by a deletion."""

S3_STORAGE = {
    "STANDARD": StoragePrice(0.023),
    "STANDARD_IA": StoragePrice(0.0125, 10 / MILLION),
    "INTELLIGENT_TIERING": StoragePrice(0.023, 10 / MILLION),
    "GLACIER_IR": StoragePrice(0.004, 20 / MILLION),
    "GLACIER": StoragePrice(0.0036, 30 / MILLION),
    "DEEP_ARCHIVE": StoragePrice(0.00099, 50 / MILLION),
}
"""By S3's storage class. Intelligent-Tiering at its frequent tier: it gets cheaper with time unread."""

EBS_DIRECT_READ_GIB = 2048 * 3 / MILLION
"""What EC2 reads to store an image: GetSnapshotBlock, of 512 KiB each."""
S3_WRITE_REQUEST = 5 / MILLION
"""PUT, COPY, POST and LIST; a deletion is free."""
S3_READ_REQUEST = 0.4 / MILLION
"""GET, HEAD and all others."""

DYNAMODB_WRITE_UNIT = 0.625 / MILLION
"""On demand: 1 KB written, two units in a transaction; what an index takes along counts as well."""
DYNAMODB_READ_UNIT = 0.125 / MILLION
"""On demand: 4 KB read strongly consistently."""

LAMBDA_REQUEST = 0.2 / MILLION
LAMBDA_ARM_GIB_SECOND = 13.3334 / MILLION
STATE_TRANSITION = 25 / MILLION
"""Standard workflows; a retry is one more."""

LOG_GIB = 0.5
"""Ingested by CloudWatch Logs."""
TRACE = 5 / MILLION
"""Recorded by X-Ray."""
