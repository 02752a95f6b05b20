"""What the demo says: on the terminal, and without colours in the transcript."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from rich.console import Console, RenderableType
from rich.text import Text

PLAIN_WIDTH = 100


class Output:
    """Lines and tables for both places. `live` says whether the terminal can show a picture that changes."""

    def __init__(self, transcript: TextIO) -> None:
        self.live = sys.stdout.isatty()
        self.terminal = Console() if self.live else _plain(sys.stdout)
        self.live = self.live and not self.terminal.is_dumb_terminal
        self._transcript = _plain(transcript)
        self._started = time.monotonic()

    def seconds(self) -> float:
        """Since the demo began."""
        return time.monotonic() - self._started

    def stage(self, text: str) -> None:
        """One line for one stage, with the seconds so far."""
        self.line(f"{self.seconds():4.0f} s  {text}")

    def line(self, text: str = "", style: str = "") -> None:
        """A line of its own, never broken."""
        for console in (self.terminal, self._transcript):
            console.print(Text(text, style=style), soft_wrap=True)

    def note(self, text: str) -> None:
        """A line for the transcript only: the terminal shows it otherwise."""
        self._transcript.print(Text(text), soft_wrap=True)

    def show(self, picture: RenderableType, *, transcript: RenderableType) -> None:
        """A table or the like, and what the transcript has in its place."""
        for console, shown in ((self.terminal, picture), (self._transcript, transcript)):
            with console.capture() as capture:
                console.print(shown)
            for line in capture.get().splitlines():
                console.print(Text.from_ansi(line.rstrip()), soft_wrap=True)


def _plain(file: TextIO) -> Console:
    return Console(file=file, width=PLAIN_WIDTH, force_terminal=False, no_color=True, highlight=False)
