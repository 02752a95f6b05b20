"""At each call of a play, or between its steps, fork the process once for everything that may happen there.

The child goes on with what happened and is judged when all is quiet; the parent goes on undisturbed. So a disturbance
costs only what comes after it, and calls that nobody thought of are disturbed too.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Mapping
from typing import Any

from botocore.awsrequest import AWSResponse

from tests.chaos.wire import Call, Disturbance, Step
from tests.chaos.world import World

SECONDS_PER_CHILD = 120
"""Of the wall's time: a disturbed play that takes longer hangs."""

Makers = Mapping[str, Callable[[World, int], Disturbance]]
"""What may happen at a call or before a step, by name, made for its number."""
Play = Callable[[Disturbance, Callable[[World], None]], list[str]]
"""Plays with a disturbance and judges; calls back with the world as soon as there is one."""


def split(
    play: Play, makers: Makers, at: Collection[str] = (), *, between_steps: bool = False
) -> list[tuple[str, str, list[str]]]:
    """(what happened, at which call, what is wrong then) for every call and everything that may happen there.

    `at`: only at calls of these operations. `between_steps`: not at calls, but before every step.
    """
    splits = _Splits(makers, at, between_steps=between_steps)
    gc.collect()
    gc.freeze()  # the children share what is there
    try:
        found = play(splits, splits.enter)
    except BaseException as error:
        if splits.child is None:
            raise
        found = [f"the play ended with {error!r}", traceback.format_exc()]
    finally:
        gc.unfreeze()
    if splits.child is not None:
        splits.tell(found)
    return splits.verdicts


class _Splits(Disturbance):
    def __init__(self, makers: Makers, at: Collection[str], *, between_steps: bool) -> None:
        self._makers = makers
        self._between_steps = between_steps
        self._at = at
        self._world: World | None = None
        self._pipe = -1
        self.child: Disturbance | None = None
        self.verdicts: list[tuple[str, str, list[str]]] = []

    def enter(self, world: World) -> None:
        self._world = world

    def between(self, step: Step) -> None:
        if self.child is None and self._between_steps:
            self._split(step)
        if self.child is not None:
            self.child.between(step)

    def before(self, call: Call) -> None:
        if self.child is None and not self._between_steps and (not self._at or call.operation in self._at):
            self._split(call)
        if self.child is not None:
            self.child.before(call)

    def _split(self, moment: Call | Step) -> None:
        """Fork for everything that may happen now; returns in each child and, when they have ended, in the parent."""
        assert self._world is not None
        for name, make in self._makers.items():
            disturbance = make(self._world, moment.number)
            if not disturbance.applies(moment):
                continue
            found = self._fork(disturbance)
            if found is None:
                return
            self.verdicts.append((name, str(moment), found))

    def answer(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        return self.child.answer(call, attempt, send) if self.child else send()

    def after(self, call: Call) -> None:
        if self.child:
            self.child.after(call)

    @property
    def struck(self) -> Disturbance:
        return self.child or self

    def next_night(self) -> None:
        if self.child:
            self.child.next_night()

    def tell(self, found: list[str]) -> None:
        """The child's last words."""
        if not getattr(self.child, "hits", 1):
            found = [*found, "nothing happened: the play is not the same twice"]
        with os.fdopen(self._pipe, "w") as pipe:
            json.dump(found, pipe)
        os._exit(0)

    def _fork(self, disturbance: Disturbance) -> Any:
        """What the child found, in the parent; None in the child."""
        sys.stdout.flush()
        sys.stderr.flush()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self.child, self._pipe = disturbance, writing
            signal.alarm(SECONDS_PER_CHILD)
            return None
        os.close(writing)
        with os.fdopen(reading) as pipe:
            text = pipe.read()
        _, status = os.waitpid(pid, 0)
        return json.loads(text) if text else [f"the play did not end: exit status {status}"]
