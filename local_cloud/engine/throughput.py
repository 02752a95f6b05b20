"""How tasks move their bytes: every task at its own rate, or all of an account's tasks sharing one.

A pool measures *work*, in GiB, that a running transfer gets done as time passes: at the full rate, or at the rate
divided by how many run. A transfer that began at work `w` and has `s` GiB to move ends at work `w + s`, whatever
begins and ends meanwhile; so a heap of those ends is all it takes, and each event costs O(log n).
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

TOLERANCE_SECONDS = 1e-6
"""Events this little ahead of the clock have happened: it makes up for the rounding of floats."""


@dataclass(slots=True, eq=False)
class Transfer:
    """A task's bytes on their way. Sizes in GiB."""

    size_gib: float
    stop_at_gib: float
    """Where it ends: all of it, or earlier when a fault says so."""
    phase: Literal["waiting", "queued", "starting", "running", "frozen", "ended"] = "waiting"
    hangs: bool = False
    _origin: float = 0.0
    """The pool's work at which nothing was moved yet (while running)."""
    _moved_gib: float = 0.0
    """What was moved (while not running)."""
    _entry: int = 0
    """Number of its valid heap entry: older entries are void."""


class Pool:
    """The transfers of one account and kind, with what they share: the rate, and (if limited) the places."""

    def __init__(
        self, gib_per_second: float, overhead_seconds: float, *, shared: bool, places: int | None = None
    ) -> None:
        self._rate = gib_per_second
        self._overhead = overhead_seconds
        self._shared = shared
        self._places = math.inf if places is None else places
        self._taken = 0
        self._running = 0
        self._queue: deque[Transfer] = deque()
        self._work = 0.0
        self._at = 0.0
        self._entries = 0
        self._starting: list[tuple[float, int, Transfer]] = []
        """By the second at which its overhead is over (shared rate only)."""
        self._ending: list[tuple[float, int, Transfer]] = []
        """By the work at which it ends."""

    def add(self, transfer: Transfer, now: float) -> None:
        """Begin the transfer, or queue it while all places are taken."""
        if self._taken < self._places:
            self._begin(transfer, now)
        else:
            transfer.phase = "queued"
            self._queue.append(transfer)

    def next_event(self) -> float | None:
        """When, in seconds, a transfer next ends or (shared rate) begins to take its share; None: never."""
        self._drop_void(self._starting)
        self._drop_void(self._ending)
        times = []
        if self._starting:
            times.append(self._starting[0][0])
        if self._ending:
            times.append(self._time_of(self._ending[0][0]))
        return min(times, default=None)

    def step(self) -> Transfer | None:
        """Let the next event happen; the transfer that ended by it, if one did."""
        at = self.next_event()
        if at is None:
            return None
        if self._starting and self._starting[0][0] <= at:
            transfer = heapq.heappop(self._starting)[2]
            self._run(transfer, at)
            return None
        transfer = heapq.heappop(self._ending)[2]
        self._catch_up(at)
        transfer._moved_gib = transfer.stop_at_gib
        self._leave(transfer, max(at, self._at))
        return transfer

    def end(self, transfer: Transfer, now: float) -> None:
        """Take the transfer out before its end."""
        self._pause(transfer, now)
        if transfer.phase == "queued":
            self._queue.remove(transfer)
            transfer.phase = "ended"
        else:
            self._leave(transfer, now)

    def stop_at(self, transfer: Transfer, gib: float, now: float) -> None:
        """Let the transfer end when it has moved this much, or now if it already has."""
        transfer.stop_at_gib = gib
        if transfer.phase == "running":
            self._pause(transfer, now)
            self._run(transfer, now)

    def freeze(self, transfer: Transfer, now: float) -> None:
        """Let it move nothing more; it keeps its place, but takes no share of the rate."""
        transfer.hangs = True
        if transfer.phase in ("starting", "running"):
            self._pause(transfer, now)
            transfer.phase = "frozen"

    def thaw(self, transfer: Transfer, now: float) -> None:
        """Let a frozen transfer go on from where it was."""
        transfer.hangs = False
        if transfer.phase == "frozen":
            self._run(transfer, now)

    def moved_gib(self, transfer: Transfer, now: float) -> float:
        """What the transfer has moved by now; the pool must have been stepped up to then."""
        moved = transfer._moved_gib
        if transfer.phase == "running":
            moved = self._work_at(now) - transfer._origin
        return min(max(moved, 0.0), transfer.stop_at_gib)

    def _begin(self, transfer: Transfer, now: float) -> None:
        self._taken += 1
        if transfer.hangs:
            transfer.phase = "frozen"
        elif self._shared:
            transfer.phase = "starting"
            self._push(self._starting, now + self._overhead, transfer)
        else:
            # Alone with its rate, the overhead is as good as a bit of work that moves nothing.
            transfer._moved_gib = -self._overhead * self._rate
            self._run(transfer, now)

    def _run(self, transfer: Transfer, now: float) -> None:
        self._catch_up(now)
        transfer.phase = "running"
        transfer._origin = self._work - transfer._moved_gib
        self._running += 1
        self._push(self._ending, transfer._origin + transfer.stop_at_gib, transfer)

    def _pause(self, transfer: Transfer, now: float) -> None:
        """Take the transfer off its heap, keeping what it has moved."""
        transfer._entry = 0
        if transfer.phase == "running":
            self._catch_up(now)
            transfer._moved_gib = min(self._work - transfer._origin, transfer.stop_at_gib)
            self._running -= 1
            transfer.phase = "frozen"

    def _leave(self, transfer: Transfer, now: float) -> None:
        if transfer.phase == "running":
            self._running -= 1
        transfer.phase = "ended"
        self._taken -= 1
        while self._queue and self._taken < self._places:
            self._begin(self._queue.popleft(), now)

    def _push(self, heap: list[tuple[float, int, Transfer]], key: float, transfer: Transfer) -> None:
        self._entries += 1
        transfer._entry = self._entries
        heapq.heappush(heap, (key, self._entries, transfer))

    @staticmethod
    def _drop_void(heap: list[tuple[float, int, Transfer]]) -> None:
        while heap and heap[0][2]._entry != heap[0][1]:
            heapq.heappop(heap)

    def _catch_up(self, now: float) -> None:
        self._work = self._work_at(now)
        self._at = max(self._at, now)

    def _work_at(self, now: float) -> float:
        if not self._shared:
            return self._rate * max(self._at, now)
        if not self._running:
            return self._work
        return self._work + self._rate / self._running * max(now - self._at, 0.0)

    def _time_of(self, work: float) -> float:
        if not self._shared:
            return work / self._rate
        return self._at + max(work - self._work, 0.0) * self._running / self._rate


class Pools:
    """Every account's pools, as one simulation: events come in the order of time, however far it jumped."""

    def __init__(self) -> None:
        self._pools: list[Pool] = []

    def add(self, pool: Pool) -> None:
        self._pools.append(pool)

    def next_event(self) -> float | None:
        return min((at for pool in self._pools if (at := pool.next_event()) is not None), default=None)

    def run_until(self, now: float) -> Iterator[tuple[float, Transfer]]:
        """Let everything up to `now` happen; yields (second, transfer) for each that ended, in order."""
        while True:
            events = [(at, i) for i, pool in enumerate(self._pools) if (at := pool.next_event()) is not None]
            if not events:
                return
            at, index = min(events)
            if at > now + TOLERANCE_SECONDS:
                return
            transfer = self._pools[index].step()
            if transfer is not None:
                yield at, transfer
