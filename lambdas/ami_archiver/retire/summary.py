"""What a run did about originals, counted from its pages, as JSON and as text that a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ami_archiver.model import RETIRING, Decision, DecisionLine
from ami_archiver.summary import LISTED

WOULD = {Decision.DISABLED: "Would disable", Decision.RETIRED: "Would retire", Decision.ANNOUNCED: "Would announce"}
DID = {Decision.DISABLED: "Disabled", Decision.RETIRED: "Retired", Decision.ANNOUNCED: "Announced"}


@dataclass
class RetireTally:
    """Counts of decisions about originals, and the first of each kind by name."""

    counts: dict[Decision, int] = field(default_factory=lambda: dict.fromkeys(RETIRING, 0))
    gib: dict[Decision, float] = field(default_factory=lambda: dict.fromkeys(RETIRING, 0.0))
    listed: dict[Decision, list[dict[str, str]]] = field(default_factory=lambda: {each: [] for each in RETIRING})

    def add(self, line: DecisionLine) -> None:
        self.counts[line.decision] += 1
        self.gib[line.decision] += line.gib
        if len(self.listed[line.decision]) < LISTED:
            self.listed[line.decision].append({"image_id": line.image_id, "policy": line.policy, "reason": line.reason})


def tally(lines: Iterable[DecisionLine]) -> RetireTally:
    result = RetireTally()
    for line in lines:
        result.add(line)
    return result


def as_json(lines: Mapping[str, Iterable[DecisionLine]], **more: Any) -> dict[str, Any]:
    """`lines`: 'done' for what was done or announced, 'would' for what a dry or first run would do."""
    return {kind: _counted(tally(of)) for kind, of in lines.items()} | more


def _counted(result: RetireTally) -> dict[str, Any]:
    return {
        decision.value: {
            "images": result.counts[decision],
            "gib": round(result.gib[decision], 3),
            "listed": result.listed[decision],
        }
        for decision in RETIRING
    }


def text_of(retirement: Mapping[str, Any]) -> list[str]:
    """Lines for a person; none where no original was due."""
    lines: list[str] = []
    if retirement.get("stopped"):
        lines.append(f"Stopped: {retirement['stopped']}")
    for kind, words in (("done", DID), ("would", WOULD)):
        lines += _lines(retirement.get(kind, {}), words, "Kept" if kind == "done" else "Would keep")
    if first := retirement.get("first_runs"):
        policies = ", ".join(first)
        lines.append(f"First run since policy {policies} lets originals go: it only says what the next one would do.")
    if waiting := retirement.get("awaiting_approval"):
        lines.append(f"{waiting} wait for approval: make approve RUN={retirement['run_id']}, or make reject RUN=…")
    if left := retirement.get("snapshots_left"):
        lines.append(f"{left} snapshots of deregistered images could not be deleted yet; every run tries again.")
    for title, key in (("Saved by this run", "saved"), ("Saved in total", "saved_total")):
        if (saved := retirement.get(key)) and saved["images"]:
            lines.append(f"{title}: {_saved(saved)}")
    return ["", "Originals:", *(f"  {line}" for line in lines)] if lines else []


def _lines(counted: Mapping[str, Any], words: Mapping[Decision, str], kept: str) -> list[str]:
    lines = []
    for decision in RETIRING:
        entry = counted.get(decision.value)
        if not entry or not entry["images"]:
            continue
        word = words.get(decision, kept)
        lines += [f"{word} {each['image_id']}: {each['reason']}" for each in entry["listed"]]
        if entry["images"] > len(entry["listed"]):
            lines.append(f"{word} … and {entry['images'] - len(entry['listed'])} more")
    return lines


def _saved(saved: Mapping[str, Any]) -> str:
    freed, month = _range(saved["freed_gib"]), _range(saved["saved_dollars_month"])
    return (
        f"{saved['images']} images, {saved['snapshot_gib']:g} GiB of snapshots, of which {freed} GiB are freed; "
        f"${month} a month ({_range(saved['snapshots_dollars_month'])} for snapshots before, "
        f"{saved['objects_dollars_month']:g} for objects now), storing cost ${saved['stored_dollars_once']:g} once "
        f"(prices of {saved['prices_of']})"
    )


def _range(pair: Sequence[float]) -> str:
    least, most = pair
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"
