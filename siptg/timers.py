"""Deadlines of many machines in one heap. Time comes in as `now`; no clock is read here."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count
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

    _heap: list[tuple[float, int, Owner, Symbol]] = attrs.field(factory=list, init=False)
    _live: dict[tuple[int, Symbol], int] = attrs.field(factory=dict, init=False)
    _serial: Iterator[int] = attrs.field(factory=count, init=False)

    def set(self, owner: Owner, timer: Symbol, deadline: float) -> None:
        serial = next(self._serial)
        self._live[id(owner), timer] = serial
        heapq.heappush(self._heap, (deadline, serial, owner, timer))
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._live):
            # cancelled timers lie in the heap until their time: throw them out before they outgrow
            self._heap = [entry for entry in self._heap if self._is_live(entry)]
            heapq.heapify(self._heap)

    def cancel(self, owner: Owner, *timers: Symbol) -> None:
        for timer in timers:
            self._live.pop((id(owner), timer), None)

    def next_deadline(self) -> float | None:
        while self._heap and not self._is_live(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def fire_due(self, now: float) -> None:
        """Fire every timer whose deadline has come, in order, each with its own deadline as
        `now`.
        """
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            _, _, owner, timer = heapq.heappop(self._heap)
            self.cancel(owner, timer)
            owner.fire(timer, deadline)

    def __len__(self) -> int:
        return len(self._live)

    def _is_live(self, entry: tuple[float, int, Owner, Symbol]) -> bool:
        _, serial, owner, timer = entry
        return self._live.get((id(owner), timer)) == serial
