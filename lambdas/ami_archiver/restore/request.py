"""What an execution of RestoreWorkflow takes. Closed: what is not known here is an error that says what is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from ami_archiver import sharing
from ami_archiver.errors import BadInput
from ami_archiver.inventory import IMAGE_ID
from ami_archiver.model import ArchiveRecord
from ami_archiver.restore.model import RestoreOptions
from ami_archiver.restore.naming import why_not_a_template
from ami_archiver.serialization import SHOWN, Unreadable, read

SOURCES = ("image_ids", "object_keys", "query")
OPTIONS = tuple(f.name for f in fields(RestoreOptions))
MAX_TAGS = 20
MAX_THAW_DAYS = 90
EXAMPLE = '{"image_ids": ["ami-0123456789abcdef0"], "dry_run": false}'

T = TypeVar("T")


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
        raise BadInput(f"a restore takes an object like {EXAMPLE}, not {raw!r:.{SHOWN}}")
    _check_keys("a restore", raw, (*SOURCES, *OPTIONS, "dry_run"))
    given = [name for name in SOURCES if name in raw]
    if len(given) != 1:
        raise BadInput(f"a restore takes exactly one of {', '.join(SOURCES)}, not {', '.join(given) or 'none'}")
    request = _read(RestoreRequest, {name: value for name, value in raw.items() if name not in (*OPTIONS, "query")})
    for name in given:
        if name != "query":
            _check_list(name, getattr(request, name))
    return replace(
        request,
        image_ids=tuple(dict.fromkeys(request.image_ids)),
        object_keys=tuple(dict.fromkeys(request.object_keys)),
        query=_query(raw["query"]) if "query" in raw else None,
        options=options_of({name: raw[name] for name in OPTIONS if name in raw}),
    )


def options_of(raw: Mapping[str, Any]) -> RestoreOptions:
    """Of an input, or as the table keeps them. Raises BadInput."""
    return checked(_read(RestoreOptions, raw))


def checked(options: RestoreOptions) -> RestoreOptions:
    """Raises BadInput where a value is of the right type and still not allowed."""
    if options.name is not None and (why := why_not_a_template(options.name)):
        raise BadInput(f"name is {options.name!r:.{SHOWN}}: {why}")
    if len(options.tags) > MAX_TAGS:
        raise _wrong("tags", options.tags, f"at most {MAX_TAGS}")
    for key, value in options.tags.items():
        if not 1 <= len(key) <= 128 or key.lower().startswith(("aws:", "archiver:")):
            raise BadInput(f"tags has the key {key!r}, must be 1 to 128 characters, not with aws: or archiver:")
        if len(value) > 256:
            raise _wrong(f"tags[{key!r}]", value, "a text of at most 256 characters")
    if not 1 <= options.thaw_days <= MAX_THAW_DAYS:
        raise _wrong("thaw_days", options.thaw_days, f"a whole number from 1 to {MAX_THAW_DAYS}")
    return replace(options, share_with=sharing.share_with("share_with", options.share_with))


def _read(cls: type[T], raw: Mapping[str, Any], path: str = "") -> T:
    try:
        return read(cls, raw)
    except Unreadable as error:
        raise BadInput(f"{path}{error}") from error


def _check_keys(what: str, raw: Mapping[Any, Any], known: Sequence[str]) -> None:
    """None is unknown, and none is null, which would mean that it does not matter."""
    if unknown := sorted(map(str, raw.keys() - set(known))):
        raise BadInput(f"{what} takes {', '.join(known)}, not {', '.join(map(repr, unknown))}")
    for name, value in raw.items():
        if value is None:
            raise BadInput(f"{name} of {what} is None, must have a value or be left out")


def _wrong(name: str, value: object, allowed: str) -> BadInput:
    return BadInput(f"{name} is {value!r:.{SHOWN}}, must be {allowed}")


def _check_list(name: str, values: Sequence[str]) -> None:
    if not values:
        raise _wrong(name, list(values), "a list of at least one text")
    for one in values:
        if name == "image_ids" and not IMAGE_ID.fullmatch(one):
            raise BadInput(f"image_ids has {one!r:.{SHOWN}}, must be ids like ami-0123456789abcdef0")
        if name == "object_keys" and ("://" in one or not 1 <= len(one.encode()) <= 1024):
            raise BadInput(
                f"object_keys has {one!r:.{SHOWN}}, must be keys of objects in the archive bucket, without it"
            )


def _query(raw: object) -> Query:
    known = [f.name for f in fields(Query)]
    if not isinstance(raw, Mapping) or not raw:
        raise _wrong("query", raw, f"an object with one or more of {', '.join(known)}")
    _check_keys("a query", raw, known)
    times = {name: _moment(name, raw[name]) for name in ("stored_after", "stored_before") if name in raw}
    tag = {"tag": _tag(raw["tag"])} if "tag" in raw else {}
    query = _read(Query, {**raw, **times, **tag}, "query.")
    if query.stored_after and query.stored_before and query.stored_after >= query.stored_before:
        raise _wrong("query.stored_after", raw["stored_after"], f"before stored_before, {raw['stored_before']!r}")
    return query


def _moment(name: str, value: Any) -> str:
    """A date is its first moment, and a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError) as error:
        raise _wrong(f"query.{name}", value, "a date like 2026-01-31 or a time like 2026-01-31T02:00:00Z") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _tag(value: Any) -> tuple[str, str]:
    match value:
        case {"key": str(key), "value": str(text)} if key and len(value) == 2:
            return key, text
        case _:
            raise _wrong("query.tag", value, 'an object like {"key": "Application", "value": "web"}')
