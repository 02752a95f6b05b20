"""What random histories have in common: runs go on state by state, are stopped or hit, and are judged each time."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ami_archiver.policy import Policy
from tests.chaos.evidence import Evidence, collect
from tests.chaos.faults import FAULTS
from tests.chaos.invariants import breaches
from tests.chaos.wire import Disturbance
from tests.chaos.world import Theatre, World
from tests.support.state_machine import Running

EXPECTED_ERRORS = {None, "AccessDenied", "LeaseLost"}
"""How an execution may end: a permission that was missing, or a lease that went stale because nobody did a step."""
WHICH = st.integers(0, 7)


class Runs(RuleBasedStateMachine):
    """`theatre` is set by whoever runs it; who inherits from this enters a world, and says how it comes to rest."""

    theatre: ClassVar[Theatre]
    world: World

    def enter(self, *policies: Policy, **world: Any) -> None:
        """An empty account with the stack in it."""
        self._stack = contextlib.ExitStack()
        self.world = self._stack.enter_context(self.theatre.world(*policies, **world))
        self.running: list[Running] = []
        self.before: Evidence | None = None

    def come_to_rest(self) -> None:
        """When everybody leaves the archive alone and all runs have ended."""
        raise NotImplementedError

    @precondition(lambda self: self.running)
    @rule(which=WHICH, states=st.integers(1, 12))
    def a_run_goes_on(self, which: int, states: int) -> None:
        running = self.one(self.running, which)
        for _ in range(states):
            if not self._step(running):
                return

    @precondition(lambda self: self.running)
    @rule(which=WHICH)
    def a_run_goes_on_to_its_end(self, which: int) -> None:
        self.end(self.one(self.running, which))

    @precondition(lambda self: len(self.running) > 1)
    @rule(which=WHICH)
    def a_person_stops_a_run(self, which: int) -> None:
        self.world.stop(self.running.pop(which % len(self.running)).execution)

    @rule(fault=st.sampled_from(sorted(FAULTS)), calls=st.integers(1, 12))
    def a_call_will_be_hit(self, fault: str, calls: int) -> None:
        self.world.wire.disturbance = FAULTS[fault](len(self.world.wire.calls) + calls)

    @invariant()
    def all_invariants_hold(self) -> None:
        if hasattr(self, "world"):
            self._judge(at_rest=False)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.world.wire.disturbance = Disturbance()
            self.world.cloud.service.faults.clear()
            self.come_to_rest()
            self._judge(at_rest=True)
        finally:
            self._stack.close()

    def end(self, running: Running) -> None:
        while self._step(running):
            pass

    def one(self, many: list[Any], which: int) -> Any:
        return many[which % len(many)]

    def _step(self, running: Running) -> bool:
        """A run that has ended makes room for another one."""
        going_on = self.world.step(running)
        if not going_on and running in self.running:
            self.running.remove(running)
        return going_on

    def _judge(self, *, at_rest: bool) -> None:
        seen = collect(self.world)
        found = breaches(seen, at_rest=at_rest, before=self.before)
        runs = (*seen.runs, *seen.restore.runs)
        errors = {run.execution.last.error for run in runs} - EXPECTED_ERRORS
        self.before = seen
        assert not found, "\n".join(found)
        assert not errors, [run.execution for run in runs]
