"""Deadlines of many machines in one heap. Time comes in as `now`; no clock is read here."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Protocol

import attrs

from siptg.machine import Symbol


class Owner(Protocol):
    """A machine that owns named timers; `fire` is its input when one of them is due."""

    def fire(self, timer: Symbol, now: float) -> None: ...


@attrs.define(eq=False)
class TimerQueue:
    """Named timers: one owner has at most one timer of a name, and setting it again moves it.

    After each call wake at `next_deadline()` and call `fire_due(now)` then.
    """

    _heap: list[tuple[float, int, int, Symbol]] = attrs.field(factory=list, init=False)
    """By deadline; owners by their `id`, so that a cancelled timer does not keep its owner."""
    _live: dict[tuple[int, Symbol], tuple[int, Owner]] = attrs.field(factory=dict, init=False)
    _serial: int = attrs.field(default=0, init=False)
    _sweep_at: int = attrs.field(default=64, init=False)

    def set(self, owner: Owner, timer: Symbol, deadline: float) -> None:
        key, heap = id(owner), self._heap
        self._serial = serial = self._serial + 1
        self._live[key, timer] = serial, owner
        heappush(heap, (deadline, serial, key, timer))
        if len(heap) > self._sweep_at:
            # cancelled timers lie in the heap until their time: throw them out before they outgrow
            if len(heap) > 2 * len(self._live):
                self._heap = [entry for entry in heap if self._is_live(entry)]
                heapify(self._heap)
            self._sweep_at = max(64, 2 * len(self._heap))

    def cancel(self, owner: Owner, *timers: Symbol) -> None:
        key, live = id(owner), self._live
        for timer in timers:
            live.pop((key, timer), None)

    def next_deadline(self) -> float | None:
        heap = self._heap
        while heap and not self._is_live(heap[0]):
            heappop(heap)
        return heap[0][0] if heap else None

    def fire_due(self, now: float) -> None:
        """Fire every timer whose deadline has come, in order, each with its own deadline as
        `now`.
        """
        while self._heap and self._heap[0][0] <= now:
            deadline, serial, key, timer = heappop(self._heap)
            found = self._live.get((key, timer))
            if found is not None and found[0] == serial:
                del self._live[key, timer]
                found[1].fire(timer, deadline)

    def __len__(self) -> int:
        return len(self._live)

    def _is_live(self, entry: tuple[float, int, int, Symbol]) -> bool:
        _, serial, key, timer = entry
        found = self._live.get((key, timer))
        return found is not None and found[0] == serial
