"""What the steps of a restore hand to each other through the state machine: ids and counts, and what was confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from ami_archiver import sharing
from ami_archiver.errors import BadInput
from ami_archiver.restore.request import EXAMPLE, RestoreRequest, parse
from ami_archiver.run_state import Next, Outcome, State, identify
from ami_archiver.serialization import SHOWN


@dataclass(frozen=True, slots=True)
class RestoreState(State):
    """The state between two steps; `loops` counts the looks at the restores."""

    dry_run: bool
    progressed_at: datetime
    """When a restore of this run last started, ended or thawed: a run that stands still for too long gives up."""
    outcome: Outcome = Outcome.WORKED
    loops: int = 0
    wait_seconds: int = 0
    refused_starts: int = 0
    """Starts in a row of which EC2 took nothing: the wait doubles with each."""
    restores_denied: int = 0
    restores_taken: bool = False
    """Whether EC2 took any: then what it denied was those restores' own."""
    position: int = 0
    """How many of the request's objects are planned."""
    planned: int = 0
    refused: int = 0
    planned_gib: float = 0.0
    share_with: tuple[str, ...] = ()
    """What the execution's input confirms, as `share_publicly`: it is not read back from the table."""
    share_publicly: bool = False

    @property
    def confirmed(self) -> tuple[str, ...]:
        """Launch permissions that the caller confirms, as RestoreFacts writes them."""
        return sharing.permissions(self.share_with, self.share_publicly)

    @classmethod
    def from_json(cls, raw: object) -> Self:
        """Raises BadInput, also where it shares with what is nobody."""
        state = super(RestoreState, cls).from_json(raw)
        return replace(state, share_with=sharing.share_with("share_with", state.share_with))


def begin(event: object) -> tuple[RestoreState, RestoreRequest]:
    """The first state of a run and its request, from what the state machine hands to the first step. Raises BadInput.

    `event` is {"input": the execution's input, "execution_name": …, "execution_started_at": …}.
    """
    if not isinstance(event, Mapping) or "input" not in event:
        raise BadInput(f"a restore takes an object like {EXAMPLE}, not {event!r:.{SHOWN}}")
    request = parse(event["input"])
    run_id, started = identify(event, "restore")
    state = RestoreState(
        run_id=run_id,
        dry_run=request.dry_run,
        started_at=started,
        next=Next.PLAN_MORE,
        progressed_at=started,
        outcome=Outcome.DRY_RUN if request.dry_run else Outcome.WORKED,
        share_with=request.options.share_with,
        share_publicly=request.options.share_publicly,
    )
    return state, request
