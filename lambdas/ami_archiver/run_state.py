"""What a run's steps hand to each other through the state machine: ids and counts, never lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Self

from ami_archiver.errors import BadInput
from ami_archiver.serialization import SHOWN, Unreadable, dump, read
from ami_archiver.settings import Settings

Metrics = dict[str, float]
"""Figures of one step, by CloudWatch metric name."""
DRY = "dry"
"""What the run only says of a policy's originals, and does not do: in a dry run, and in a policy's first run."""
HAND_OVER_LOOPS = 1000
"""Looks per execution: at about 12 events each, well under Step Functions' 25,000 events of history."""


class Next(StrEnum):
    """What the state machine does after a step; each value is a branch of a Choice."""

    SELECT_MORE = "select_more"
    PLAN_MORE = "plan_more"
    WATCH_MORE = "watch_more"
    STORE = "store"
    """A look at the stores that are under way."""
    RESTORE = "restore"
    """A look at the restores that are under way."""
    FINISH = "finish"
    """Restores have ended."""
    WAIT = "wait"
    HAND_OVER = "hand_over"
    RETIRE = "retire"
    """Originals' turn: they are planned first, then let go."""
    REPORT = "report"
    AWAIT_APPROVAL = "await_approval"
    END = "end"
    FAIL = "fail"
    """As END, but the execution is to end as failed: a person has to do something about the whole run."""


class RetirePhase(StrEnum):
    """How far a run is with the originals that are due."""

    PLAN = "plan"
    ACT = "act"
    """On what the plan says; what needs a person's approval comes after the report."""
    DONE = "done"


class Outcome(StrEnum):
    """What became of a run."""

    WORKED = "worked"
    JOINED = "joined"
    """It selected into the queue that another policy's run was working off."""
    MET = "met"
    """It met a run of the same policy and did nothing."""
    DRY_RUN = "dry_run"
    NOTHING_MATCHED = "nothing_matched"
    """A restore's query found no archive record."""


@dataclass(frozen=True, slots=True)
class State:
    """What is the same for runs of every workflow."""

    run_id: str
    started_at: datetime
    next: Next

    def then(self, step: Next, **changes: Any) -> Self:
        return replace(self, next=step, **changes)

    def to_json(self) -> dict[str, Any]:
        state: dict[str, Any] = dump(self)
        return state

    @classmethod
    def from_json(cls, raw: object) -> Self:
        """Raises BadInput, which names what is missing, unknown or of the wrong type."""
        try:
            return read(cls, raw, closed=True)
        except Unreadable as error:
            raise BadInput(f"the state of a run cannot be read: {error}; {BY_HAND}") from error


BY_HAND = "leave out 'run_id' when you start an execution by hand: only a run that hands over to itself gives one"


@dataclass(frozen=True, slots=True)
class RunState(State):
    """The state between two steps; `loops` counts the looks at the store tasks."""

    policy: str
    dry_run: bool
    execution_arn: str | None = None
    """The execution that began the run."""
    outcome: Outcome = Outcome.WORKED
    working_run: str | None = None
    """The run that works off the queue, where it is another one."""
    loops: int = 0
    runs: int = 0
    """How many runs were on the lease when the queue was last looked at: who joins later is not drained yet."""
    wait_seconds: int = 0
    refused_starts: int = 0
    """Starts in a row of which EC2 took nothing: the wait doubles with each."""
    stores_denied: int = 0
    stores_taken: bool = False
    """Whether EC2 took any: then what it denied was those images' own."""
    problem: str | None = None
    """Why the run starts nothing more, and ends as failed once it is reported."""
    page: int = 0
    next_token: str | None = None
    selected_images: int = 0
    selected_gib: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    """Decisions of a dry run, which keeps no pages."""
    retire: RetirePhase = RetirePhase.PLAN
    retire_after: str | None = None
    """Where in the archive's index the plan goes on."""
    retiring: dict[str, str] = field(default_factory=dict)
    """The policies whose originals the run looks at: each one's `original` when the plan began, or DRY."""
    retire_looks: int = 0
    """How often the run has waited for usage reports."""
    left_after: str | None = None
    """The last one looked at of the snapshots of deregistered images that are still there."""
    awaiting_approval: int = 0
    """Originals that go only when a person says so."""
    approval_seconds: int = 0
    approval: dict[str, Any] | None = None
    """What the person said: {"approved": true, "by": …}; or the state machine's time-out."""


@dataclass(frozen=True, slots=True)
class RunInput:
    """What an execution takes."""

    policy: str
    dry_run: bool = False


def begin(event: Any, settings: Settings) -> RunState:
    """The first state of a run, from what the state machine hands to the first step. Raises BadInput.

    `event` is {"input": the execution's input, "execution_name": …, "execution_started_at": …, "execution_arn": …}. The
    run's id sorts by time and is the same however often the step is repeated.
    """
    try:
        given = read(RunInput, event.get("input") if isinstance(event, Mapping) else None, closed=True)
    except Unreadable as error:
        raise BadInput(f"a run takes an object like {EXAMPLE}: {error}") from error
    if settings.policy(given.policy) is None:
        names = ", ".join(repr(policy.name) for policy in settings.policies)
        raise BadInput(f"'policy' is {given.policy!r:.{SHOWN}}, must be one of {names}")
    run_id, started_at = identify(event, given.policy)
    return RunState(
        run_id=run_id,
        policy=given.policy,
        dry_run=given.dry_run,
        started_at=started_at,
        next=Next.SELECT_MORE,
        execution_arn=event.get("execution_arn"),
        outcome=Outcome.DRY_RUN if given.dry_run else Outcome.WORKED,
    )


def identify(event: Mapping[str, Any], about: str) -> tuple[str, datetime]:
    """(run id, start) by the execution that the run is: the id sorts by time and says what it is about."""
    try:
        started = datetime.fromisoformat(event["execution_started_at"]).astimezone(UTC)
        execution = str(event["execution_name"])
    except (KeyError, ValueError, TypeError) as error:
        raise BadInput(f"the state machine must hand over the execution's name and start: {error!r}") from error
    return f"{started:%Y%m%dT%H%M%S}-{about}-{sha256(execution.encode()).hexdigest()[:8]}", started


EXAMPLE = '{"policy": "nightly", "dry_run": false}'
