"""A night of the real steps, in virtual time: how long it takes, and how often it looks."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ami_archiver.run_state import Next, RunState
from ami_archiver.steps.check import check_store_tasks
from ami_archiver.steps.select import select_images
from ami_archiver.steps.start import start_store_tasks
from benchmarks.fleets import NOBODY, Foreign
from benchmarks.makespan_world import World


@dataclass(frozen=True, slots=True)
class Night:
    """What a night came to. Times are seconds from its beginning."""

    makespan: float
    """When the last image was stored."""
    noticed: float
    """When the run knew."""
    looks: int
    fills: int
    refused: int
    describes: int
    """Calls of DescribeStoreImageTasks."""
    order_gib: tuple[float, ...]
    """The sizes in the order in which they were started."""


def night(
    sizes_gib: Sequence[float],
    model: str = "per-task",
    foreign: Foreign = NOBODY,
    *,
    refill_at_once: bool = False,
    **settings: Any,
) -> Night:
    """Store a fleet. With `refill_at_once` the run looks whenever a task has ended: what its waiting costs is left out.

    Raises RuntimeError unless every image is stored in the end.
    """
    world = World(sizes_gib, model, foreign, **settings)
    with _quiet():
        looks, fills = _play(world, refill_at_once)
    world.tasks.settle()
    ours = world.tasks.ended
    if len(ours) != len(sizes_gib) or any(task.state != "Completed" for task in ours):
        raise RuntimeError(f"{len(ours)} of {len(sizes_gib)} images were stored")
    calls = world.tasks.calls
    return Night(
        world.last_end_seconds(),
        world.clock.seconds(),
        looks,
        fills,
        calls["refused"],
        calls["DescribeStoreImageTasks"],
        tuple(round(task.size_gib, 3) for task in sorted(ours, key=lambda task: task.number)),
    )


def _play(world: World, refill_at_once: bool) -> tuple[int, int]:
    looks = fills = 0
    state = _begin(world)
    while state.next is not Next.REPORT:
        match state.next:
            case Next.SELECT_MORE:
                state = select_images(world.app, {"input": state.to_json()}, lambda: 900.0)
            case Next.CHECK | Next.HAND_OVER:
                looks += 1
                state = check_store_tasks(world.app, state)[0]
            case Next.START:
                fills += 1
                state = start_store_tasks(world.app, state)[0]
            case Next.WAIT:
                if not refill_at_once or not world.advance_to_next_end():
                    world.advance(state.wait_seconds)
                state = state.then(Next.CHECK)
            case other:
                if other is not getattr(Next, "RETIRE", None):
                    raise RuntimeError(f"a night has no step {other}")
                state = state.then(Next.REPORT)
    return looks, fills


def _begin(world: World) -> RunState:
    event = {
        "input": {"policy": "nightly", "dry_run": False},
        "execution_name": "night",
        "execution_started_at": world.clock.now().isoformat(),
    }
    return select_images(world.app, event, lambda: 900.0)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the steps' log lines: half of the time would go into them."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
