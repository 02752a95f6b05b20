"""Who works off the queue: one run at a time, which others of other policies may join."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from ami_archiver.app import App
from ami_archiver.errors import ArchiverError, TemporarilyUnavailable
from ami_archiver.model import ActiveRun, Lease
from ami_archiver.run_state import Outcome, RunState

logger = logging.getLogger(__name__)

STEP_SECONDS = 900
"""The longest a step may take: Lambda's limit."""
CLOCK_SKEW_SECONDS = 300
"""How far apart two workers' clocks may be without one taking what the other still holds."""


def until(app: App) -> datetime:
    """When a lease taken or renewed now ends by itself: a step's time after it would have to be renewed."""
    return app.clock.now() + _needed(app) + timedelta(seconds=STEP_SECONDS)


def _needed(app: App) -> timedelta:
    """How long a lease must last at least: for the longest wait, a step, and the step once more."""
    return timedelta(seconds=app.settings.wait_max_seconds + 2 * STEP_SECONDS + CLOCK_SKEW_SECONDS)


def active_run(state: RunState) -> ActiveRun:
    return ActiveRun(state.run_id, state.policy, state.started_at, state.execution_arn)


def enter(app: App, state: RunState) -> tuple[Outcome, str | None]:
    """Take the lease, or see whose run holds it: (WORKED, None), (JOINED, holder) or (MET, holder).

    JOINED only says that the run may select; it joins when its selection is in the queue (`settle`). From a run whose
    execution was stopped, the lease is taken at once. A step of that one may still be at work for minutes: it starts no
    more than what it has announced on the lease, and whatever it writes is conditional.
    """
    run, now = active_run(state), app.clock.now()
    if app.leases.take(run, now, until(app)) is not None:
        return Outcome.WORKED, None
    lease = app.leases.read()
    if lease.holder is None:
        raise TemporarilyUnavailable("the lease was given back just now; the step is tried again")
    if _has_ended(app, lease.runs.get(lease.holder)):
        if app.leases.take(run, now, until(app), instead_of=lease.holder) is None:
            raise TemporarilyUnavailable("the lease was taken by another run just now; the step is tried again")
        logger.warning("lease taken from a run whose execution has ended", extra={"ended_run": lease.holder})
        return Outcome.WORKED, None
    same_policy = any(run.policy == state.policy and run.run_id != state.run_id for run in lease.runs.values())
    return (Outcome.MET if same_policy else Outcome.JOINED), lease.holder


def _has_ended(app: App, run: ActiveRun | None) -> bool:
    """Whether nobody works on the run any more. What Step Functions does not answer, or not yet, says nothing: the
    lease then ends by itself."""
    if run is None or run.execution_arn is None:
        return False
    try:
        ended = app.executions.has_ended(run.execution_arn)
    except ArchiverError as error:
        logger.warning("execution not described", extra={"run_id": run.run_id, "reason": str(error)})
        return False
    if ended is None:
        return app.clock.now() - run.started_at > timedelta(seconds=CLOCK_SKEW_SECONDS)
    return ended


def settle(app: App, state: RunState) -> tuple[Outcome, str | None]:
    """After the selection: join the working run or, where it has ended meanwhile, work.

    The working run gives the lease back only if no run joined since its last look at the queue, so either it sees
    this selection, or this run gets the lease.
    """
    outcome, holder = enter(app, state)
    if holder is None:
        return outcome, None
    if not app.leases.join(holder, active_run(state), app.clock.now()):
        raise TemporarilyUnavailable(f"run {holder} ended just now; the step is tried again")
    return Outcome.JOINED, holder


def held(app: App, state: RunState) -> Lease:
    """The lease as it is, for a step that renews it when it is done: one write less per look. Raises LeaseLost."""
    lease = app.leases.read()
    return lease if lease.holder == state.run_id else renew(app, state)


def renew(app: App, state: RunState, *, add: Collection[str] = (), remove: Collection[str] = ()) -> Lease:
    """Prolong the run's lease. Raises LeaseLost."""
    return app.leases.renew(state.run_id, until(app), add=add, remove=remove)


def prolong(app: App, state: RunState, lease: Lease, *, remove: Collection[str]) -> None:
    """Renew it where it has to be: a look that found nothing ended, soon after another, writes nothing."""
    if remove or lease.expires_at is None or lease.expires_at - app.clock.now() < _needed(app):
        renew(app, state, remove=remove)


def closed_policies(app: App, lease: Lease, state: RunState) -> set[str]:
    """The policies whose images are not started now: their store window has closed, or they are paused.

    A policy that has no run tonight (its backlog is drained along) goes by the working run's window. A paused one has
    no schedule: where it has a run, a person started that. What a policy selected that is not configured any more is
    drained too: it was asked for, and nobody else would take it.
    """
    now = app.clock.now()
    begun = {run.policy: run.started_at for run in lease.runs.values()}

    def closes(name: str) -> datetime | None:
        """By the window that is configured now, whatever it was when the run began."""
        policy = app.settings.policy(name)
        if policy is None or policy.window_hours is None or name not in begun:
            return None
        return begun[name] + timedelta(hours=policy.window_hours)

    return {
        policy.name
        for policy in app.settings.policies
        if (policy.paused and policy.name not in begun)
        or ((at := closes(policy.name if policy.name in begun else state.policy)) is not None and now >= at)
    }
