"""What a run did about originals, counted from its pages, as JSON and as text that a person reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ami_archiver.model import RETIRING, Decision, DecisionLine
from ami_archiver.prices import PRICED_REGION
from ami_archiver.summary import LISTED

REASON_LISTED = 300
"""Characters of a reason that a summary names; the pages have it whole. A state machine takes 256 KB from a step."""

DID = {
    Decision.RETIRED: "Retired",
    Decision.DISABLED: "Disabled",
    Decision.ANNOUNCED: "Announced",
    Decision.KEPT: "Kept",
}
WOULD = {
    Decision.RETIRED: "Would retire",
    Decision.DISABLED: "Would disable",
    Decision.ANNOUNCED: "Would announce",
    Decision.KEPT: "Would keep",
}


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
            named = {"image_id": line.image_id, "policy": line.policy, "reason": _shortened(line.reason)}
            self.listed[line.decision].append(named)


def listed(left: Collection[DecisionLine]) -> list[dict[str, str]]:
    """The first of the snapshots that are still there, each with the reason."""
    first = sorted(left, key=lambda line: line.image_id)[:LISTED]
    return [{"snapshot_id": line.image_id, "reason": _shortened(line.reason)} for line in first]


def _shortened(reason: str) -> str:
    return reason if len(reason) <= REASON_LISTED else f"{reason[: REASON_LISTED - 2]} …"


def key(run_id: str, policy: str) -> str:
    """Under which the summary of what a run did to a policy's originals is kept."""
    return f"{run_id}#{policy}"


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
    """Lines for a person; none where no original was due and nothing is left or saved."""
    lines = [*_decided(retirement)]
    if stopped := retirement.get("stopped"):
        lines.append(f"Stopped, so no original goes in this run: {stopped}")
    if would_stop := retirement.get("would_stop"):
        lines.append(f"A run that does it would be stopped, and no original would go: {would_stop}")
    if first := retirement.get("first_runs"):
        policies = f"{'policy' if len(first) == 1 else 'policies'} {', '.join(first)}"
        lines.append(f"First run since {policies} may let originals go: this run changed nothing; the next run acts.")
    if waiting := retirement.get("awaiting_approval"):
        run = f"RUN={retirement['run_id']}"
        lines.append(
            f"{_count(waiting, 'original')} wait{'s' * (waiting == 1)} for approval: "
            f"make approve {run}, or make reject {run} WHY='…'"
        )
    if left := retirement.get("snapshots_left"):
        lines.append(
            f"{_count(left, 'snapshot')} of deregistered images {'is' if left == 1 else 'are'} not deleted yet; "
            "every run tries again, and the images' records say why."
        )
        lines += (f"  {each['snapshot_id']}  {each['reason']}" for each in retirement.get("snapshots_left_listed", []))
    for title, key in (("Saved by this run", "saved"), ("Saved in total", "saved_total")):
        if (saved := retirement.get(key)) and saved["images"]:
            lines += _saved(title, saved)
    return ["", *lines] if lines else []


def _decided(retirement: Mapping[str, Any]) -> Iterator[str]:
    """What was done, and what a dry or first run would do: the counts, then each original with its reason."""
    for kind, title, words in (("done", "Originals", DID), ("would", "Originals, without doing it", WOULD)):
        counted = retirement.get(kind, {})
        entries = [(words[each], counted[each.value]) for each in RETIRING if counted.get(each.value, {}).get("images")]
        if not entries:
            continue
        counts = (f"{word.lower()} {entry['images']} ({_gib(entry['gib'])} GiB)" for word, entry in entries)
        yield f"{title}: {', '.join(counts)}"
        for word, entry in entries:
            yield from (f"  {each['image_id']}  {word}: {each['reason']}" for each in entry["listed"])
            if entry["images"] > len(entry["listed"]):
                more = entry["images"] - len(entry["listed"])
                yield f"  {word} … and {more} more, in the table under RUN#{retirement.get('run_id', '…')}"


def _saved(title: str, saved: Mapping[str, Any]) -> Iterator[str]:
    """What it saved a month, and how that is made up. A range says that it could not be computed."""
    least, most = saved["freed_gib"]
    freed = f"{_gib(least)} to {_gib(most)}" if least != most else _gib(least)
    if least != most:
        caveat = "; it cannot be known which of their blocks other snapshots hold as well"
    elif most < saved["snapshot_gib"]:
        caveat = "; other snapshots hold the rest, which is paid for as before"
    else:
        caveat = ""
    yield f"{title}: {_dollars(*saved['saved_dollars_month'])} a month, by {_count(saved['images'], 'original')}"
    yield (
        f"  snapshots before: {_dollars(*saved['snapshots_dollars_month'])} a month for the {freed} GiB that are "
        f"freed, of {_gib(saved['snapshot_gib'])} GiB deleted{caveat}"
    )
    objects = saved["objects_dollars_month"]
    yield f"  objects now: {_dollars(objects, objects)} a month for {_gib(saved['object_gib'])} GiB in S3"
    once, requests = saved["stored_dollars_once"], saved["requests_dollars_once_at_most"]
    yield (
        f"  once: {_dollars(once, once)} for the blocks that EC2 read to store them, and at most "
        f"{_dollars(requests, requests)} for requests (list prices of {PRICED_REGION}, {saved['prices_of']})"
    )
    in_bin, day = saved.get("recycle_bin_dollars_once_at_most", 0.0), saved.get("saves_from")
    if day:
        yield (
            f"  once: at most {_dollars(in_bin, in_bin)} for the Recycle Bin, which keeps what was deleted "
            f"until {day}: it saves from that day on"
        )
    elif in_bin:
        yield f"  once: at most {_dollars(in_bin, in_bin)} for what the Recycle Bin keeps or has kept"


def _dollars(*pair: float) -> str:
    least, most = (f"{'-' if each < 0 else ''}${abs(each):,.2f}" for each in pair)
    return least if least == most else f"{least} to {most}"


def _gib(gib: float) -> str:
    return f"{gib:,.1f}".removesuffix(".0")


def _count(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"
