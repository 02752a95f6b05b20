"""Every fault at every call of a scenario, one per run; in the end the archive must be as without the fault."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from tests.chaos.evidence import Evidence, collect
from tests.chaos.faults import FAULTS, Denied, DeniedForImage, DeniedForRole
from tests.chaos.invariants import breaches
from tests.chaos.restore_evidence import RESTORE_ID
from tests.chaos.scenarios import Scenario
from tests.chaos.splitting import split
from tests.chaos.wire import Disturbance
from tests.chaos.world import Theatre, World

Archived = dict[str, tuple[Any, ...]]
"""By image: its status, and the keys of its current objects; by object: what was restored of it."""

BEST_FIRST = ("RESTORED", "FAILED", "REFUSED", "RESTORING", "THAWING", "PLANNED")
NOT_COMPARED = "denied"
DENIED = ("AccessDenied", "UnauthorizedOperation")


class Expected(NamedTuple):
    """The archive without a fault."""

    before: Archived
    """When the play is over, before the quiet nights."""
    at_rest: Archived


@dataclass(frozen=True)
class Verdict:
    """What came of one disturbance at one call."""

    scenario: str
    call: str
    what: str
    breaches: tuple[str, ...]

    @property
    def name(self) -> str:
        """What `make chaos ONLY=…` takes."""
        return f"{self.scenario}:{self.call}:{self.what}"

    @property
    def lost(self) -> bool:
        return any("lost" in breach for breach in self.breaches)

    @property
    def stored_twice(self) -> bool:
        return any("stored twice" in breach for breach in self.breaches)

    def __str__(self) -> str:
        return "\n    ".join([self.name, *self.breaches])


def sweep(theatre: Theatre, scenario: Scenario, faults: Collection[str], at: Collection[str] = ()) -> list[Verdict]:
    """Inject each of the faults at each call that the scenario's play makes, or at those of the operations `at`."""
    expected = undisturbed(theatre, scenario)
    makers = {name: partial(_fault, name) for name in faults}
    verdicts = split(lambda disturbance, enter: play(theatre, scenario, disturbance, enter, expected), makers, at)
    return [Verdict(scenario.name, call, name, tuple(found)) for name, call, found in verdicts]


def undisturbed(theatre: Theatre, scenario: Scenario) -> Expected:
    """What comes of a play without a fault. AssertionError if that breaks an invariant already."""
    moments: list[Evidence] = []
    found = play(theatre, scenario, Disturbance(), lambda world: None, None, moments.append)
    assert not found, f"{scenario.name} without any fault: {found}"
    return Expected(*map(archived, moments))


def once(theatre: Theatre, scenario: Scenario, call: str, fault: str) -> Verdict:
    """One fault at one call, without forking: for a debugger."""
    expected = undisturbed(theatre, scenario)
    (number,) = [c.number for c in theatre.wire.calls if str(c) == call]
    found = play(theatre, scenario, FAULTS[fault](number), lambda world: None, expected)
    return Verdict(scenario.name, call, fault, tuple(found))


def play(
    theatre: Theatre,
    scenario: Scenario,
    disturbance: Disturbance,
    enter: Callable[[World], None],
    expected: Expected | None,
    leave: Callable[[Evidence], None] = lambda seen: None,
) -> list[str]:
    """What is wrong after a play and the quiet nights that follow it."""
    with scenario.world(theatre, disturbance) as world:
        enter(world)
        scenario.stage(world)
        scenario.play(world)
        before = collect(world)
        leave(before)
        scenario.rest(world)
        seen = collect(world)
        leave(seen)
    found = breaches(before) + breaches(seen, at_rest=True, before=before)
    found += failed_executions(seen, allowed={"AccessDenied"})
    if expected is None:
        return found
    fault = disturbance.struck
    if isinstance(fault, Denied | DeniedForImage | DeniedForRole) and fault.first and fault.first.image:
        found += unreported(seen)
    if isinstance(fault, DeniedForImage) and fault.first and fault.first.image:
        found += differences(_others(archived(before), fault.first.image), _others(expected.before, fault.first.image))
    return found + differences(archived(seen), expected.at_rest)


def failed_executions(seen: Evidence, allowed: Collection[str]) -> list[str]:
    """Executions that ended in an error: AccessDenied is for a person, everything else must be overcome."""
    lasts = [run.execution.last for run in (*seen.runs, *seen.restore.runs)]
    return [f"an execution ended with {e.error}: {e.cause}" for e in lasts if e.error and e.error not in allowed]


def unreported(seen: Evidence) -> list[str]:
    """Runs that ended by a denied call about one image: whether that was the role's fault is for a report to say."""
    told = {summary.get("problem") for summary in seen.summaries.values()}
    lasts = [run.execution.last for run in (*seen.runs, *seen.restore.runs)]
    return [f"an execution ended without a report: {e.cause}" for e in lasts if e.error and e.cause not in told]


def _others(found: Archived, image: str) -> Archived:
    return {name: what for name, what in found.items() if image not in name}


def archived(seen: Evidence) -> Archived:
    """What the archive comes to."""
    return {
        image_id: (record["status"], tuple(sorted(o["key"] for o in seen.objects.get(image_id, []) if o["current"])))
        for image_id, record in seen.records.items()
    } | _restored(seen)


def differences(now: Archived, expected: Archived) -> list[str]:
    """What is not as it would have been."""
    return [
        f"{image_id} lost: {now.get(image_id)}, without the fault {expected.get(image_id)}"
        for image_id in sorted(expected.keys() | now.keys())
        if not _same(now.get(image_id), expected.get(image_id))
    ]


def _restored(seen: Evidence) -> dict[str, tuple[Any, ...]]:
    """By object key: the best that became of it, and its image: name, with whom it is shared, whether pointed at.

    A person who starts a run again after a permission was denied gets the image that the first one made or, where that
    was reported already, another answer (the name is taken by then) or image: what counts is the first. What EC2 or
    SSM denied is said in the reason and not tried again: then it is not compared.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for key in sorted({record["object_key"] for record in seen.restore.records.values()}):
        records = [record for record in seen.restore.records.values() if record["object_key"] == key]
        best = min(records, key=lambda record: (BEST_FIRST.index(record["restore_status"]), record["restore_id"]))
        image = seen.restore.images.get(best.get("restored_image_id", ""))
        if image is None or best["restore_status"] != "RESTORED":
            found[key] = (best["restore_status"],)
            continue
        shared = tuple(sorted(one["UserId"] for one in image.launch_permissions))
        pointed = tuple(sorted(name for name, value in seen.restore.parameters.items() if value == image.image_id))
        denied = [part for part in best["reason"].split("; ") if any(word in part for word in DENIED)]
        found[key] = (
            "RESTORED",
            image.name,
            NOT_COMPARED if any(part.startswith("not shared") for part in denied) else shared,
            NOT_COMPARED if any("left as it is" in part for part in denied) else pointed,
            _more(seen, key),
        )
    return found


def _same(now: tuple[Any, ...] | None, expected: tuple[Any, ...] | None) -> bool:
    """But for what is not compared."""
    if now is None or expected is None or len(now) != len(expected):
        return now == expected
    return all(one in (NOT_COMPARED, other) for one, other in zip(now, expected, strict=True))


def _more(seen: Evidence, key: str) -> str:
    """More images of the object than runs that have asked for it: each run wants one."""
    images = [i for i in seen.restore.images.values() if i.tags["archiver:object-key"] == key]
    runs = {image.tags[RESTORE_ID].rpartition(".")[0] for image in images}
    return "one for each run" if len(images) == len(runs) else f"{len(images)} images"


def _fault(name: str, _: World, number: int) -> Disturbance:
    return FAULTS[name](number)
