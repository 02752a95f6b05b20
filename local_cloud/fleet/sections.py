"""The entries of an export's file, one after the other, and what can be wrong with the file itself."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from local_cloud.fleet.fields import shown
from local_cloud.fleet.fleet import FleetError
from local_cloud.fleet.stream import JsonStream, JsonSyntaxError

SECTIONS = ("Images", "Snapshots", "InUse", "MissingSnapshots")
_EXPECTED = 'expected {"Images": [...]} and/or {"Snapshots": [...]}, or a bare list of either'
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def entries_of(path: Path) -> Generator[tuple[str, int, Any], None, None]:
    """Section, index and value of every entry of the file; the section of a bare list is ''.

    Raises FleetError for a file that cannot be read, is not JSON in UTF-8, or has none of the sections.
    """
    reading = _Reading(path)
    try:
        with path.open("rb") as raw:
            utf16 = raw.read(2) in (b"\xff\xfe", b"\xfe\xff")
        if utf16:
            raise FleetError(f"{path}: is UTF-16, not UTF-8 (PowerShell: pipe into Out-File -Encoding utf8)")
        with path.open(encoding="utf-8-sig", newline="") as handle:
            yield from reading.entries(JsonStream(handle))
    except UnicodeDecodeError as error:
        raise FleetError(f"{path}: is not UTF-8: {error.reason}") from None
    except OSError as error:
        raise FleetError(f"{path}: cannot be read: {error.strerror or error}") from None
    except JsonSyntaxError as error:
        raise FleetError(f"{path}: {reading.place}is not JSON: {error}") from None
    except RecursionError:
        raise FleetError(f"{path}: {reading.place}is nested too deep") from None


class _Reading:
    """Where in the file the reading is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.place = ""
        """As an error says it: '' or 'Images[17]: '."""

    def entries(self, stream: JsonStream) -> Iterator[tuple[str, int, Any]]:
        start = stream.peek()
        if start == "":
            raise FleetError(f"{self._path}: is empty; {_EXPECTED}")
        if start == "[":
            yield from self._list("", stream)
        elif start == "{":
            yield from self._lists_by_name(stream)
        else:
            raise FleetError(f"{self._path}: {shown(stream.value())} at the top; {_EXPECTED}")
        if stream.peek() != "":
            raise stream.error("expected nothing more")

    def _lists_by_name(self, stream: JsonStream) -> Iterator[tuple[str, int, Any]]:
        known = False
        for key in stream.keys():  # noqa: SIM118 -- not a dict: walks the stream
            if key not in SECTIONS:
                stream.value()
                continue
            known = True
            if stream.peek() != "[":
                raise FleetError(f"{self._path}: {key}: {shown(stream.value())} is not a list")
            yield from self._list(key, stream)
        if not known:
            raise FleetError(f"{self._path}: has neither Images nor Snapshots; {_EXPECTED}")

    def _list(self, section: str, stream: JsonStream) -> Iterator[tuple[str, int, Any]]:
        for index in stream.items():
            self.place = f"{section}[{index}]: "
            value = stream.value()
            # JSON must escape what XML 1.0, and so no answer of EC2, can carry.
            if stream.escaped and any(map(_NOT_TEXT.search, _strings(value))):
                raise FleetError(f"{self._path}: {self.place}has characters that are not text")
            yield section, index, value
        self.place = ""


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
