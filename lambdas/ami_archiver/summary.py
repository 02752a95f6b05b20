"""A run's summary: what it decided, counted from its pages, as JSON and as text that a person reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ami_archiver.model import ABOUT_STORING, RETIRING, Decision, DecisionLine
from ami_archiver.prices import PRICED_REGION

LISTED = 50
"""So many of each kind a summary names one by one; the rest is counted, and named in the run's pages and records."""
REASON_LISTED = 300
"""Characters of a reason about an original; the pages have it whole. A state machine takes 256 KB from a step."""

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


class Tally:
    """Of each kind how many there are, of how many GiB, and the first of them by name."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self.counts = {str(kind): 0 for kind in kinds}
        self.gib = dict.fromkeys(self.counts, 0.0)
        self.listed: dict[str, list[dict[str, Any]]] = {kind: [] for kind in self.counts}

    def add(self, kind: str, gib: float, line: dict[str, Any]) -> None:
        self.counts[kind] += 1
        self.gib[kind] += gib
        if len(self.listed[kind]) < LISTED:
            self.listed[kind].append(line)


def tally(policy: str, selected: Iterable[DecisionLine], ended: Mapping[str, DecisionLine]) -> Tally:
    """Count a run's decisions. `ended`, by image id and of all policies: a store that ended is counted by that, not by
    its selection, which is in `selected`."""
    result = Tally(ABOUT_STORING)
    own = {image_id: line for image_id, line in ended.items() if line.policy == policy}
    for line in (*own.values(), *(line for line in selected if line.image_id not in own)):
        result.add(line.decision, line.gib, {"image_id": line.image_id, "reason": line.reason})
    return result


def opening(*, run_id: str, outcome: str, started_at: datetime, ended_at: datetime) -> dict[str, Any]:
    """What every run's summary says as JSON: what the execution puts out and the table keeps."""
    return {
        "run_id": run_id,
        "outcome": outcome,
        "started_at": started_at.isoformat(),
        "ended_at": ended_at.isoformat(),
        "seconds": round((ended_at - started_at).total_seconds()),
    }


def summarize(*, policy: str, result: Tally, run: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The summary as JSON of a run that stores. `run`: its opening."""
    return {
        **run,
        "policy": policy,
        "decisions": result.counts,
        "stored_gib": round(result.gib[Decision.STORED], 3),
        "deferred_gib": round(result.gib[Decision.DEFERRED], 3),
        "failures": result.listed[Decision.FAILED],
        "deferred": result.listed[Decision.DEFERRED],
        **more,
    }


def originals_key(run_id: str, policy: str) -> str:
    """Under which is kept what a run did to a policy's originals."""
    return f"{run_id}#{policy}"


def summarize_originals(lines: Mapping[str, Iterable[DecisionLine]], **more: Any) -> dict[str, Any]:
    """`lines`: 'done' for what was done or announced, 'would' for what a dry or first run would do."""
    return {kind: _originals(of) for kind, of in lines.items()} | more


def _originals(lines: Iterable[DecisionLine]) -> dict[str, Any]:
    result = Tally(RETIRING)
    for line in lines:
        named = {"image_id": line.image_id, "policy": line.policy, "reason": _shortened(line.reason)}
        result.add(line.decision, line.gib, named)
    return {
        kind: {"images": count, "gib": round(result.gib[kind], 3), "listed": result.listed[kind]}
        for kind, count in result.counts.items()
    }


def list_snapshots(left: Collection[DecisionLine]) -> list[dict[str, str]]:
    """The first of the snapshots that are still there, each with the reason."""
    first = sorted(left, key=lambda line: line.image_id)[:LISTED]
    return [{"snapshot_id": line.image_id, "reason": _shortened(line.reason)} for line in first]


def _shortened(reason: str) -> str:
    return reason if len(reason) <= REASON_LISTED else f"{reason[: REASON_LISTED - 2]} …"


# For a person


def subject(text: str) -> str:
    """As SNS takes it: at most 100 ASCII characters."""
    return text.encode("ascii", "replace").decode()[:100]


def first_lines(title: str, summary: Mapping[str, Any]) -> list[str]:
    problem = [summary["problem"], ""] if summary.get("problem") else []
    return [*problem, title, f"from {summary['started_at']} to {summary['ended_at']} ({summary['seconds']} s)", ""]


def listed_lines(title: str, listed: Sequence[str], more: int) -> list[str]:
    """Those that are named, and how many are not; nothing where none is named."""
    if not listed:
        return []
    return ["", title, *listed, *([f"  … and {more} more"] if more > 0 else [])]


def headline(summary: Mapping[str, Any]) -> str:
    counts = summary["decisions"]
    text = summary["outcome"]
    if text == "worked":
        text = f"{counts['stored']} stored, {counts['failed']} failed"
        if counts["deferred"]:
            text += f", {counts['deferred']} deferred"
    if problem := summary.get("problem"):
        text = f"{problem.partition(':')[0]}, {text}"
    return subject(f"ami-archiver {summary['policy']}: {text}")


def text_of(summary: Mapping[str, Any]) -> str:
    """The summary for a person, also of what became of originals."""
    counts = summary["decisions"]
    lines = first_lines(f"Run {summary['run_id']} of policy {summary['policy']}", summary)
    if summary.get("working_run"):
        lines += [f"Outcome: {summary['outcome']}; run {summary['working_run']} works off the queue.", ""]
    elif summary["outcome"] != "worked":
        lines += [f"Outcome: {summary['outcome']}", ""]
    if "would_store" in summary:
        lines.append(f"  would store       {summary['would_store']}")
    gib = {"stored": summary["stored_gib"], "deferred": summary["deferred_gib"]}
    for name, count in counts.items():
        size = f"  ({gib[name]:g} GiB)" if gib.get(name) else ""
        lines.append(f"  {name.replace('_', ' '):<17} {count}{size}")
    for title, named, count in (
        ("Failed:", summary["failures"], counts["failed"]),
        ("Deferred:", summary.get("deferred", []), counts["deferred"]),
    ):
        listed = [f"  {image['image_id']}: {image['reason']}" for image in named]
        lines += listed_lines(title, listed, count - len(named))
    if counts["deferred"]:
        lines += ["", "Deferred images go first next night; each record says why it waits."]
    lines += lines_on_originals(summary.get("retirement", {}))
    return "\n".join(lines) + "\n"


def lines_on_originals(retirement: Mapping[str, Any]) -> list[str]:
    """None where no original was due and nothing is left or saved."""
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
            if (more := entry["images"] - len(entry["listed"])) > 0:
                yield f"  {word} … and {more} more, in the table under RUN#{retirement.get('run_id', '…')}"


def _saved(title: str, saved: Mapping[str, Any]) -> Iterator[str]:
    """What it saved a month, and how that is made up. A range says that it could not be computed."""
    least, most = saved["freed_gib"]
    freed, caveat = _gib(least), ""
    if least != most:
        freed = f"{_gib(least)} to {_gib(most)}"
        caveat = "; it cannot be known which of their blocks other snapshots hold as well"
    elif most < saved["snapshot_gib"]:
        caveat = "; other snapshots hold the rest, which is paid for as before"
    yield f"{title}: {_dollars(*saved['saved_dollars_month'])} a month, by {_count(saved['images'], 'original')}"
    yield (
        f"  snapshots before: {_dollars(*saved['snapshots_dollars_month'])} a month for the {freed} GiB that are "
        f"freed, of {_gib(saved['snapshot_gib'])} GiB deleted{caveat}"
    )
    objects = _dollars(saved["objects_dollars_month"])
    yield f"  objects now: {objects} a month for {_gib(saved['object_gib'])} GiB in S3"
    once, requests = _dollars(saved["stored_dollars_once"]), _dollars(saved["requests_dollars_once_at_most"])
    yield (
        f"  once: {once} for the blocks that EC2 read to store them, and at most "
        f"{requests} for requests (list prices of {PRICED_REGION}, {saved['prices_of']})"
    )
    dollars, day = saved.get("recycle_bin_dollars_once_at_most", 0.0), saved.get("saves_from")
    in_bin = _dollars(dollars)
    if day:
        yield (
            f"  once: at most {in_bin} for the Recycle Bin, which keeps what was deleted until {day}: "
            "it saves from that day on"
        )
    elif dollars:
        yield f"  once: at most {in_bin} for what the Recycle Bin keeps or has kept"


def _dollars(*amounts: float) -> str:
    """One amount, or a range of two."""
    texts = dict.fromkeys(f"{'-' if each < 0 else ''}${abs(each):,.2f}" for each in amounts)
    return " to ".join(texts)


def _gib(gib: float) -> str:
    return f"{gib:,.1f}".removesuffix(".0")


def _count(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"
