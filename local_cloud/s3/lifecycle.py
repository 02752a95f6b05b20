"""Lifecycle transitions: once a simulated day, current objects move to the colder class that a rule names.

MiniStack keeps the rules and does nothing with them. Not here: expirations, noncurrent versions, and S3's minimum of
128 KiB for a transition, because the stored objects of this cloud are scaled down. `ObjectSizeGreaterThan` and
`ObjectSizeLessThan` look at the size that HEAD shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local_cloud.clock import DAY_SECONDS, Calendar, Clock

COLDNESS = (
    "STANDARD",
    "STANDARD_IA",
    "INTELLIGENT_TIERING",
    "ONEZONE_IA",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
)
"""From warm to cold. A transition never goes back:
docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html"""


class Lifecycle:
    """`s3` is MiniStack's S3 module."""

    def __init__(self, s3: Any, responses: Any, clock: Clock, calendar: Calendar) -> None:
        self._s3 = s3
        self._responses = responses
        self._clock = clock
        self._calendar = calendar
        self._day = calendar.day()

    def tick(self) -> None:
        """Move what has become due, if a simulated midnight has passed since the last tick."""
        today = self._calendar.day()
        if today == self._day:
            return
        self._day = today
        for (account_id, bucket_name), rules in list(self._s3._bucket_lifecycle._data.items()):
            with self._responses.request_scope(account_id, self._responses.get_region()):
                self._move(bucket_name, [r for r in rules if isinstance(r, dict) and r["Status"] == "Enabled"])

    def _move(self, bucket_name: str, rules: list[dict[str, Any]]) -> None:
        bucket = self._s3._buckets.get(bucket_name) or {"objects": {}}
        for key, current in list(bucket["objects"].items()):
            tags = self._s3._object_tags.get((bucket_name, key, current.get("version_id"))) or {}
            due = [
                transition["StorageClass"]
                for rule in rules
                if applies(rule.get("Filter") or {}, key, current["size"], tags)
                for transition in rule.get("Transitions", [])
                if self._due(transition, current)
            ]
            coldest = max(due, key=COLDNESS.index, default="STANDARD")
            if COLDNESS.index(coldest) > _coldness(current):
                current["storage_class"] = coldest
                for version in self._s3._object_versions.get((bucket_name, key), []):
                    if version["version_id"] == current.get("version_id"):
                        version["storage_class"] = coldest

    def _due(self, transition: Mapping[str, Any], current: Mapping[str, Any]) -> bool:
        if "Date" in transition:
            due = self._calendar.seconds_at(datetime.fromisoformat(transition["Date"].replace("Z", "+00:00")))
        else:
            written = datetime.fromisoformat(current["last_modified"].replace("Z", "+00:00"))
            age_seconds = transition.get("Days", 0) * DAY_SECONDS
            due = self._calendar.next_midnight(self._calendar.seconds_at(written) + age_seconds)
        return self._clock.seconds() >= due


def applies(rule_filter: Mapping[str, Any], key: str, size_bytes: int, tags: Mapping[str, str]) -> bool:
    """Whether a rule's filter takes this object; an empty filter takes all."""
    both = {**rule_filter, **rule_filter.get("And", {})}
    wanted = [*both.get("Tags", []), *([both["Tag"]] if "Tag" in both else [])]
    return (
        key.startswith(both.get("Prefix", ""))
        and all(tags.get(tag["Key"]) == tag["Value"] for tag in wanted)
        and size_bytes > both.get("ObjectSizeGreaterThan", -1)
        and size_bytes < both.get("ObjectSizeLessThan", size_bytes + 1)
    )


def _coldness(current: Mapping[str, Any]) -> int:
    storage_class = current.get("storage_class") or "STANDARD"
    return COLDNESS.index(storage_class) if storage_class in COLDNESS else len(COLDNESS)
