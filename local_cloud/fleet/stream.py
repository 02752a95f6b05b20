"""JSON read from a file piece by piece, so that an export of any size costs the memory of one entry."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO

_CHUNK_CHARACTERS = 1 << 20
_SPACE = re.compile(r"[ \t\n\r]*")
_ENDED = re.compile(r"[ \t\n\r,:\]}]")
"""What can follow a value; anything else means that the value (a number) may go on in the next piece."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class JsonSyntaxError(ValueError):
    """What is wrong, with line and column."""


class JsonStream:
    """Reads one JSON document from left to right, a value at a time."""

    def __init__(self, handle: TextIO, chunk_characters: int = _CHUNK_CHARACTERS) -> None:
        self._handle = handle
        self._chunk = chunk_characters
        self._decode: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
            parse_constant=_refuse_constant
        ).raw_decode
        self._buffer = ""
        self._position = 0
        self._line = 1
        self._column = 1
        self._ended = False
        self.escaped = False
        """Whether the value taken last was written with a backslash somewhere."""

    def peek(self) -> str:
        """The next character that is not white space, without taking it; '' at the end."""
        while True:
            match = _SPACE.match(self._buffer, self._position)
            self._position = match.end() if match else self._position
            if self._position < len(self._buffer):
                return self._buffer[self._position]
            if not self._fill(self._chunk):
                return ""

    def take(self, expected: str) -> None:
        """Go past `expected`, which must be the next character."""
        if self.peek() != expected:
            raise self.error(f"expected {expected!r}")
        self._position += 1

    def value(self) -> Any:
        """The next whole value."""
        wanted = self._chunk
        while True:
            self.peek()
            try:
                value, end = self._decode(self._buffer, self._position)
            except RecursionError:
                raise self.error("nested too deep") from None
            except ValueError as error:
                if self._fill(wanted):
                    wanted *= 2
                    continue
                offset = getattr(error, "pos", self._position)
                raise self.error(getattr(error, "msg", str(error)), offset) from None
            if not _ENDED.match(self._buffer, end) and self._fill(wanted):
                wanted *= 2
                continue
            self.escaped = self._buffer.find("\\", self._position, end) >= 0
            self._position = end
            return value

    def items(self) -> Iterator[int]:
        """Walk a list: yields each index, and the caller takes that entry's value."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        index = 0
        while True:
            yield index
            index += 1
            if self.peek() == "]":
                self.take("]")
                return
            self.take(",")

    def keys(self) -> Iterator[str]:
        """Walk an object: yields each key, and the caller takes that key's value."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            if self.peek() != '"':
                raise self.error("expected a key in double quotes")
            key: str = self.value()
            self.take(":")
            yield key
            if self.peek() == "}":
                self.take("}")
                return
            self.take(",")

    def error(self, problem: str, offset: int | None = None) -> JsonSyntaxError:
        """`problem` with the line and column of the place in hand."""
        place = self._position if offset is None else offset
        line, column = self._place(place)
        if self._ended and not self._buffer[place:].strip():
            problem = f"the file ends too early, {problem}"
        return JsonSyntaxError(f"{problem} at line {line}, column {column}")

    def _place(self, offset: int) -> tuple[int, int]:
        newlines = self._buffer.count("\n", 0, offset)
        if newlines:
            return self._line + newlines, offset - self._buffer.rindex("\n", 0, offset)
        return self._line, self._column + offset

    def _fill(self, characters: int) -> bool:
        """Forget what has been read, and read on; False at the end of the file."""
        if self._ended:
            return False
        text = self._handle.read(characters)
        if not text:
            self._ended = True
            return False
        self._line, self._column = self._place(self._position)
        self._buffer = self._buffer[self._position :] + text
        self._position = 0
        return True
