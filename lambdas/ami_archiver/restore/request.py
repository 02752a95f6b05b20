"""What an execution of RestoreWorkflow takes. Closed: what is not known here is an error that says what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Any, get_args

from ami_archiver import sharing
from ami_archiver.errors import BadInput
from ami_archiver.inventory import IMAGE_ID
from ami_archiver.model import ArchiveRecord
from ami_archiver.restore.model import RestoreOptions, Tier
from ami_archiver.restore.naming import why_not_a_template

SOURCES = ("image_ids", "object_keys", "query")
MAX_TAGS = 20
MAX_THAW_DAYS = 90
EXAMPLE = '{"image_ids": ["ami-0123456789abcdef0"], "dry_run": false}'


@dataclass(frozen=True, slots=True)
class Query:
    """Which archive records; what is None does not matter."""

    policy: str | None = None
    tag: tuple[str, str] | None = None
    name_pattern: str | None = None
    """A shell pattern, such as 'web-*'."""
    stored_after: datetime | None = None
    """At this moment or later."""
    stored_before: datetime | None = None
    newest_per_group: bool = False
    """Of every group of every policy, only the image that was created last."""

    def matches(self, record: ArchiveRecord) -> bool:
        stored = record.verified_at or record.changed_at
        return (
            (self.policy is None or record.policy == self.policy)
            and (self.tag is None or record.origin.tags.get(self.tag[0]) == self.tag[1])
            and (self.name_pattern is None or fnmatchcase(record.image_name, self.name_pattern))
            and (self.stored_after is None or stored >= self.stored_after)
            and (self.stored_before is None or stored < self.stored_before)
        )


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """Exactly one of the three sources, and what is wished."""

    image_ids: tuple[str, ...] = ()
    object_keys: tuple[str, ...] = ()
    query: Query | None = None
    options: RestoreOptions = field(default_factory=RestoreOptions)
    dry_run: bool = False


def parse(raw: object) -> RestoreRequest:
    """Raises BadInput: what is wrong, with which value, and what is allowed."""
    if not isinstance(raw, Mapping):
        raise BadInput(f"a restore takes an object like {EXAMPLE}, not {raw!r}")
    known = (*SOURCES, *_OPTIONS, "dry_run")
    if unknown := sorted(map(str, raw.keys() - set(known))):
        raise BadInput(f"a restore takes {', '.join(known)}, not {', '.join(map(repr, unknown))}; like {EXAMPLE}")
    given = [name for name in SOURCES if name in raw]
    if len(given) != 1:
        raise BadInput(f"a restore takes exactly one of {', '.join(SOURCES)}, not {', '.join(given) or 'none'}")
    options = {name: check(name, raw[name]) for name, check in _OPTIONS.items() if name in raw}
    return RestoreRequest(
        image_ids=_ids(raw["image_ids"]) if "image_ids" in raw else (),
        object_keys=_keys(raw["object_keys"]) if "object_keys" in raw else (),
        query=_query(raw["query"]) if "query" in raw else None,
        options=RestoreOptions(**options),
        dry_run=_bool("dry_run", raw.get("dry_run", False)),
    )


def options_of(raw: Mapping[str, Any]) -> RestoreOptions:
    """What `parse` took once, read back from the table."""
    return RestoreOptions(
        **{name: check(name, raw[name]) for name, check in _OPTIONS.items() if raw.get(name) is not None}
    )


def _wrong(name: str, value: object, allowed: str) -> BadInput:
    return BadInput(f"{name!r} is {value!r}, must be {allowed}")


def _list(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise _wrong(name, value, "a list of at least one text")
    return tuple(dict.fromkeys(value))


def _ids(value: object) -> tuple[str, ...]:
    ids = _list("image_ids", value)
    for one in ids:
        if not IMAGE_ID.fullmatch(one):
            raise BadInput(f"'image_ids' has {one!r}, must be ids like ami-0123456789abcdef0")
    return ids


def _keys(value: object) -> tuple[str, ...]:
    keys = _list("object_keys", value)
    for one in keys:
        if "://" in one or len(one.encode()) > 1024:
            raise BadInput(f"'object_keys' has {one!r}, must be keys of objects in the archive bucket, without it")
    return keys


def _query(value: object) -> Query:
    known = ("policy", "tag", "name_pattern", "stored_after", "stored_before", "newest_per_group")
    if not isinstance(value, Mapping) or not value:
        raise _wrong("query", value, f"an object with one or more of {', '.join(known)}")
    if unknown := sorted(map(str, value.keys() - set(known))):
        raise BadInput(f"'query' takes {', '.join(known)}, not {', '.join(map(repr, unknown))}")
    after, before = _moment(value, "stored_after"), _moment(value, "stored_before")
    if after and before and after >= before:
        raise _wrong("query.stored_after", value["stored_after"], f"before stored_before, {value['stored_before']!r}")
    return Query(
        policy=_text("query.policy", value["policy"]) if "policy" in value else None,
        tag=_tag(value["tag"]) if "tag" in value else None,
        name_pattern=_text("query.name_pattern", value["name_pattern"]) if "name_pattern" in value else None,
        stored_after=after,
        stored_before=before,
        newest_per_group=_bool("query.newest_per_group", value.get("newest_per_group", False)),
    )


def _moment(query: Mapping[str, Any], name: str) -> datetime | None:
    if name not in query:
        return None
    value = query[name]
    try:
        if len(value) == len("2026-01-31"):
            day = date.fromisoformat(value)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError) as error:
        raise _wrong(f"query.{name}", value, "a date like 2026-01-31 or a time like 2026-01-31T02:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _tag(value: object) -> tuple[str, str]:
    allowed = 'an object like {"key": "Application", "value": "web"}'
    if not isinstance(value, Mapping) or value.keys() != {"key", "value"}:
        raise _wrong("query.tag", value, allowed)
    if not isinstance(value["key"], str) or not isinstance(value["value"], str) or not value["key"]:
        raise _wrong("query.tag", value, allowed)
    return value["key"], value["value"]


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(name, value, "text")
    return value


def _bool(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, value, "true or false")
    return value


def _name(name: str, value: object) -> str:
    template = _text(name, value)
    if problem := why_not_a_template(template):
        raise BadInput(f"{name!r} is {template!r}: {problem}")
    return template


def _tags(name: str, value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or len(value) > MAX_TAGS:
        raise _wrong(name, value, f"an object of at most {MAX_TAGS} tags, each key with its value")
    for key, text in value.items():
        if not isinstance(key, str) or not 1 <= len(key) <= 128 or key.lower().startswith(("aws:", "archiver:")):
            raise BadInput(f"{name!r} has the key {key!r}, must be 1 to 128 characters, not with aws: or archiver:")
        if not isinstance(text, str) or len(text) > 256:
            raise BadInput(f"{name!r} has {key!r} = {text!r}, must be a text of at most 256 characters")
    return dict(value)


def _tier(name: str, value: object) -> str:
    if value not in get_args(Tier):
        raise _wrong(name, value, f"one of {', '.join(get_args(Tier))}")
    return str(value)


def _days(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_THAW_DAYS:
        raise _wrong(name, value, f"a whole number from 1 to {MAX_THAW_DAYS}")
    return value


_OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    "name": _name,
    "tags": _tags,
    "storage_tier_speed": _tier,
    "thaw_days": _days,
    "share_with": sharing.share_with,
    "share_publicly": sharing.share_publicly,
    "point_ssm_parameters": _bool,
    "allow_unencrypted": _bool,
}
