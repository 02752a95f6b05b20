"""What is known after the demonstration, and a claim about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ami_archiver.model import Decision
from demo.archive import Line, Lines
from demo.plan import Plan
from demo.scene import Scene
from demo.side_by_side import Back


@dataclass(frozen=True)
class Evidence:
    """Everything that is known after the night and the restore."""

    scene: Scene
    lines: Lines
    summaries: Sequence[Mapping[str, Any]]
    outputs: Sequence[Mapping[str, Any]]
    """Of the executions."""
    records: Mapping[str, Mapping[str, Any]]
    objects: Mapping[str, int]
    """Bytes by key."""
    calls: Sequence[Mapping[str, Any]]
    """The cloud's own log."""
    before: Mapping[str, str]
    after: Mapping[str, str]
    """States of images and snapshots by id."""
    plan: Plan | None = None
    """What a dry run after the night said of the originals."""
    back: Back | None = None
    """The image that was deleted and restored after the night, if there was one."""
    watched: Mapping[str, Any] | None = None
    """The summary of a watch of the archive, after all that."""

    def decided(self, *decisions: Decision) -> list[Line]:
        return [line for line in self.lines.values() if line.decision in decisions]

    def ec2_calls(self, *operations: str) -> list[Mapping[str, Any]]:
        """The calls to EC2, in their order."""
        found = [call for call in self.calls if call["service"] == "ec2" and call["operation"] in operations]
        return sorted(found, key=lambda call: int(call["number"]))


@dataclass(frozen=True)
class Claim:
    """A sentence, and what contradicts it."""

    sentence: str
    wrong: Sequence[str]

    @property
    def holds(self) -> bool:
        return not self.wrong
