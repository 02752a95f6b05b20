"""RestoreObject with AWS's tiers and hours on the cloud's clock.

MiniStack keeps an object's restore and refuses reads of what is archived, but it lands every restore after two
seconds of the wall's time. Here only the times come from elsewhere: the record stays MiniStack's, so that HEAD
(`x-amz-restore`), GET and the `s3:ObjectRestore` events go on working on it.
"""

from __future__ import annotations

import heapq
import zlib
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from local_cloud.clock import DAY_SECONDS, HOUR_SECONDS, Calendar, Clock
from local_cloud.operations import Answer

RETRIEVAL_SECONDS: dict[tuple[str, str], tuple[float, float]] = {
    ("GLACIER", "Expedited"): (60, 300),
    ("GLACIER", "Standard"): (3 * HOUR_SECONDS, 5 * HOUR_SECONDS),
    ("GLACIER", "Bulk"): (5 * HOUR_SECONDS, 12 * HOUR_SECONDS),
    ("DEEP_ARCHIVE", "Standard"): (9 * HOUR_SECONDS, 12 * HOUR_SECONDS),
    ("DEEP_ARCHIVE", "Bulk"): (36 * HOUR_SECONDS, 48 * HOUR_SECONDS),
}
"""How long a retrieval takes, from and to. AWS gives ranges for Flexible Retrieval and 'within 12 / 48 hours' for
Deep Archive: docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html"""


@dataclass(order=True)
class _Landing:
    seconds: float
    account_id: str = field(compare=False)
    region: str = field(compare=False)
    bucket: str = field(compare=False)
    key: str = field(compare=False)
    restore: dict[str, Any] = field(compare=False)


class Glacier:
    """`s3` is MiniStack's S3 module."""

    def __init__(self, s3: Any, responses: Any, clock: Clock, calendar: Calendar) -> None:
        self._s3 = s3
        self._responses = responses
        self._clock = clock
        self._calendar = calendar
        self._landings: list[_Landing] = []

    def restore_object(self, bucket_name: str, key: str, body: bytes) -> Answer:
        """Answers POST ?restore in place of MiniStack's own function, under its request scope."""
        s3, resource = self._s3, f"/{bucket_name}/{key}"
        bucket = s3._ensure_bucket(bucket_name)
        if bucket is None:
            return self._error("NoSuchBucket", "The specified bucket does not exist", 404, resource)
        current = bucket["objects"].get(key)
        if current is None:
            return self._error("NoSuchKey", "The specified key does not exist.", 404, resource)
        storage_class = current.get("storage_class") or "STANDARD"
        if storage_class == "GLACIER_IR":
            message = "Restore is not allowed for the object's current storage class."
            return self._error("InvalidObjectState", message, 403, resource)
        if storage_class not in s3._ARCHIVE_STORAGE_CLASSES:
            message = "Restore is not allowed for the object's current storage class"
            return self._error("ObjectAlreadyInActiveTierError", message, 403, resource)
        days, tier = _asked_for(body)
        if days is None or days < 1:
            message = "The XML you provided was not well-formed or did not validate against our published schema"
            return self._error("MalformedXML", message, 400, resource)
        if (storage_class, tier) not in RETRIEVAL_SECONDS:
            message = "Retrieval option is not supported by this storage class"
            return self._error("InvalidArgument", message, 400, resource)

        now = self._clock.seconds()
        phase = s3._sync_restore(bucket_name, key, current)
        if phase == "in_progress":
            return self._error("RestoreAlreadyInProgress", "Object restore is already in progress", 409, resource)
        if phase == "restored":  # only the expiry moves, counted from now
            current["restore"].update(days=days, expires_at=self._expiry(now, days))
            return 200, {}, b""
        ready = now + _retrieval_seconds(storage_class, tier, resource)
        restore = {
            "requested_at": self._calendar.wall_timestamp(now),
            "available_at": self._calendar.wall_timestamp(ready),
            "expires_at": self._expiry(ready, days),
            "days": days,
            "tier": tier,
            "completed_fired": False,
        }
        current["restore"] = restore
        for version in s3._object_versions.get((bucket_name, key), []):
            if version["version_id"] == current.get("version_id"):
                version["restore"] = restore
        account_id, region = self._responses.get_account_id(), bucket.get("region") or self._responses.get_region()
        heapq.heappush(self._landings, _Landing(ready, account_id, region, bucket_name, key, restore))
        self._fire(bucket_name, key, "s3:ObjectRestore:Post", current)
        return 202, {}, b""

    def tick(self) -> None:
        """Send the events of the restores that have landed since the last tick."""
        while self._landings and self._landings[0].seconds <= self._clock.seconds():
            landing = heapq.heappop(self._landings)
            with self._responses.request_scope(landing.account_id, landing.region):
                bucket = self._s3._buckets.get(landing.bucket) or {"objects": {}}
                current = bucket["objects"].get(landing.key) or {}
                if current.get("restore") is landing.restore:
                    landing.restore["completed_fired"] = True
                    self._fire(landing.bucket, landing.key, "s3:ObjectRestore:Completed", current)

    def _fire(self, bucket: str, key: str, event: str, current: dict[str, Any]) -> None:
        self._s3._fire_s3_event_async(bucket, key, event, size=current["size"], etag=current["etag"])

    def _expiry(self, seconds: float, days: int) -> float:
        """The restored copy goes at the midnight after its days."""
        return self._calendar.wall_timestamp(self._calendar.next_midnight(seconds + days * DAY_SECONDS))

    def _error(self, code: str, message: str, status: int, resource: str) -> Answer:
        answer: Answer = self._s3._error(code, message, status, resource)
        return answer


def _asked_for(body: bytes) -> tuple[int | None, str]:
    """Days and tier of a RestoreRequest; no days if it cannot be read."""
    days, tier = None, "Standard"
    try:
        elements = list(ET.fromstring(body).iter()) if body else []  # noqa: S314 - comes from this machine
    except ET.ParseError:
        return None, tier
    for element in elements:
        name, text = element.tag.rpartition("}")[2], (element.text or "").strip()
        if name == "Days" and text.lstrip("-").isdigit():
            days = int(text)
        elif name == "Tier" and text:
            tier = text
    return days, tier


def _retrieval_seconds(storage_class: str, tier: str, resource: str) -> float:
    """Somewhere in AWS's range, always the same for the same object."""
    shortest, longest = RETRIEVAL_SECONDS[storage_class, tier]
    return shortest + (longest - shortest) * (zlib.crc32(resource.encode()) / 2**32)
