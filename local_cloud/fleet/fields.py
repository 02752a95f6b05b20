"""Typed fields out of one entry of an export, with errors that name the file, the entry and the field."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from sys import intern
from typing import Any

from local_cloud.fleet.fleet import FleetError

TIME_EXAMPLE = "2024-03-01T12:00:00.000Z"
_ID_DIGITS = r"(?:[0-9a-f]{8}|[0-9a-f]{17})"
_IDS = {prefix: re.compile(f"{prefix}-{_ID_DIGITS}") for prefix in ("ami", "snap")}
_ACCOUNT = re.compile(r"[0-9]{12}")


def shown(value: object) -> str:
    """A value for a message: short enough to read."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class Entry:
    """One JSON object of an export. Every getter takes its field out; what is left at the end is unknown.

    A field that is missing or null gives the default.
    """

    __slots__ = ("_raw", "_where", "name")

    def __init__(self, path: Path, section: str, index: int, raw: Any) -> None:
        self._where = (path, section, index)
        self.name = ""
        if not isinstance(raw, dict):
            raise self.error(f"expected an object, not {shown(raw)}")
        self._raw: dict[str, Any] = raw

    def error(self, problem: str) -> FleetError:
        path, section, index = self._where
        name = f" ({self.name})" if self.name else ""
        return FleetError(f"{path}: {section}[{index}]{name}: {problem}")

    def has(self, key: str) -> bool:
        return self._raw.get(key) is not None

    def rest(self) -> dict[str, Any]:
        """The fields that nobody asked for."""
        return {intern(key): value for key, value in self._raw.items() if value is not None} if self._raw else {}

    def identity(self, key: str, prefix: str) -> str:
        """The entry's own id; from here on errors carry it."""
        if not self.has(key):
            raise self.error(f"{key} is missing")
        self.name = self.identifier(key, prefix) or ""
        return self.name

    def identifier(self, key: str, prefix: str) -> str | None:
        value = self.text(key)
        if value is not None and not _IDS[prefix].fullmatch(value):
            raise self.error(f"{key} {shown(value)} is not an id; expected like {prefix}-1234567890abcdef0")
        return value

    def account(self, key: str) -> str | None:
        value = self.text(key)
        if value is not None and not _ACCOUNT.fullmatch(value):
            raise self.error(f"{key} {shown(value)} is not an account id; expected 12 digits in quotes")
        return None if value is None else intern(value)

    def text(self, key: str) -> str | None:
        value = self._raw.pop(key, None)
        if value is None or isinstance(value, str):
            return value
        raise self.error(f"{key} {shown(value)} is not a string")

    def word(self, key: str, default: str) -> str:
        """A string that many entries share."""
        value = self.text(key)
        return intern(value) if value else default

    def optional_word(self, key: str) -> str | None:
        value = self.text(key)
        return intern(value) if value else None

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.word(key, default)
        if value not in allowed:
            raise self.error(f"{key} {shown(value)} is unknown; expected one of {', '.join(allowed)}")
        return value

    def whole(self, key: str, minimum: int) -> int | None:
        value = self._raw.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(f"{key} {shown(value)} is not a whole number")
        if value < minimum:
            raise self.error(f"{key} is {shown(value)}; expected at least {minimum}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        value = self._raw.pop(key, None)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(f"{key} {shown(value)} is not true or false")
        return value

    def time(self, key: str) -> datetime | None:
        value = self._raw.pop(key, None)
        if value is None or value == "":
            return None
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, TypeError, OverflowError):
            pass
        raise self.error(f"{key} {shown(value)} is not a time; expected like {TIME_EXAMPLE}")

    def percentage(self, key: str, default: int) -> int:
        value = self.text(key)
        if not value:
            return default
        digits = value.removesuffix("%")
        if not (digits.isascii() and digits.isdigit() and int(digits[:4]) <= 100):
            raise self.error(f"{key} {shown(value)} is not a percentage; expected like 100%")
        return int(digits)

    def inner(self, key: str) -> Entry | None:
        """An object in a field."""
        value = self._raw.pop(key, None)
        return None if value is None else self._part(value, key)

    def inners(self, key: str) -> list[Entry]:
        """A list of objects in a field."""
        value = self._raw.pop(key, None)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(f"{key} {shown(value)} is not a list")
        return [self._part(each, f"{key}[{number}]") for number, each in enumerate(value)]

    def tags(self, key: str = "Tags") -> dict[str, str]:
        tags: dict[str, str] = {}
        for tag in self.inners(key):
            name = tag.text("Key")
            if name is None:
                raise tag.error("Key is missing")
            if name in tags:
                raise tag.error(f"the tag {shown(name)} is there twice")
            tags[intern(name)] = tag.word("Value", "")
        return tags

    def _part(self, raw: Any, part: str) -> Entry:
        if not isinstance(raw, dict):
            raise self.error(f"{part}: expected an object, not {shown(raw)}")
        return _Part(self, part, raw)


class _Part(Entry):
    """An object inside an entry; its errors name the entry and the way to it."""

    __slots__ = ("_owner", "_part_name")

    def __init__(self, owner: Entry, part: str, raw: dict[str, Any]) -> None:
        self._owner = owner
        self._part_name = part
        self._raw = raw

    def error(self, problem: str) -> FleetError:
        return self._owner.error(f"{self._part_name}: {problem}")
