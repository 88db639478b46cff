"""Deadlines of many machines, in order. Time comes in as `now`; no clock is read here."""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from typing import Protocol

import attrs

from siptg.machine import Symbol


class Owner(Protocol):
    """A machine that owns named timers; `fire` is its input when one of them is due."""

    def fire(self, timer: Symbol, now: float) -> None: ...


Chain = tuple[Symbol, int, Owner, "Chain | None"]
"""The timers of one owner: name and serial of one, and the others. Nearly all have but one."""
Entry = tuple[float, int, int, Symbol]
"""Deadline, serial, owner by its `id` (a cancelled timer does not keep its owner), name."""
MOST_LANES = 16


@attrs.define(eq=False)
class TimerQueue:
    """Named timers: one owner has at most one timer of a name, and setting it again moves it.

    After each call wake at `next_deadline()` and call `fire_due(now)` then.
    """

    _heap: list[Entry] = attrs.field(factory=list, init=False)
    _lanes: dict[float, deque[Entry]] = attrs.field(factory=dict, init=False)
    """By their length: what takes equally long is due in the order in which it began."""
    _live: dict[int, Chain] = attrs.field(factory=dict, init=False)
    _serial: int = attrs.field(default=0, init=False)
    _sweep_at: int = attrs.field(default=64, init=False)

    def set(self, owner: Owner, timer: Symbol, deadline: float) -> None:
        heap = self._heap
        heappush(heap, self._entry(owner, timer, deadline))
        if len(heap) > self._sweep_at:
            # cancelled timers lie in the heap until their time: throw them out before they outgrow
            if len(heap) > 2 * len(self._live):
                self._heap = [entry for entry in heap if self._is_live(entry)]
                heapify(self._heap)
            self._sweep_at = max(64, 2 * len(self._heap))

    def after(self, owner: Owner, timer: Symbol, seconds: float, now: float) -> None:
        """As `set`, for times that many have in common: a heap of the tens of thousands that wait
        for repetitions would cost more than all else about them.
        """
        lane, deadline = self._lanes.get(seconds), now + seconds
        if lane is None and len(self._lanes) < MOST_LANES:
            lane = self._lanes[seconds] = deque()
        if lane is None or (lane and lane[-1][0] > deadline):
            self.set(owner, timer, deadline)
        else:
            lane.append(self._entry(owner, timer, deadline))

    def cancel(self, owner: Owner, *timers: Symbol) -> None:
        key = id(owner)
        chain = self._live.pop(key, None)
        if chain is not None:
            kept = _without(chain, timers)
            if kept is not None:
                self._live[key] = kept

    def next_deadline(self) -> float | None:
        found = self._first()
        return None if found is None else found[0][0]

    def fire_due(self, now: float) -> None:
        """Fire every timer whose deadline has come, in order, each with its own deadline as
        `now`.
        """
        while (found := self._first()) is not None and found[0][0] <= now:
            (deadline, _, key, timer), lane = found
            if lane is None:
                heappop(self._heap)
            else:
                lane.popleft()
            owner = self._live[key][2]
            self.cancel(owner, timer)
            owner.fire(timer, deadline)

    def __len__(self) -> int:
        return sum(_length(chain) for chain in self._live.values())

    def _entry(self, owner: Owner, timer: Symbol, deadline: float) -> Entry:
        key, live = id(owner), self._live
        self._serial = serial = self._serial + 1
        others = live.get(key)
        if others is not None:
            others = _without(others, (timer,))
        live[key] = timer, serial, owner, others
        return deadline, serial, key, timer

    def _first(self) -> tuple[Entry, deque[Entry] | None] | None:
        """The earliest of all, and the lane that it is in; those that were cancelled go."""
        heap = self._heap
        found: tuple[Entry, deque[Entry] | None] | None = None
        while heap and not self._is_live(heap[0]):
            heappop(heap)
        if heap:
            found = heap[0], None
        for lane in self._lanes.values():
            while lane and not self._is_live(lane[0]):
                lane.popleft()
            if lane and (found is None or lane[0] < found[0]):
                found = lane[0], lane
        return found

    def _is_live(self, entry: Entry) -> bool:
        chain = self._live.get(entry[2])
        while chain is not None:
            if chain[1] == entry[1]:
                return True
            chain = chain[3]
        return False


def _without(chain: Chain, timers: tuple[Symbol, ...]) -> Chain | None:
    if chain[3] is None:
        return None if chain[0] in timers else chain
    kept: Chain | None = None
    link: Chain | None = chain
    while link is not None:
        if link[0] not in timers:
            kept = link[0], link[1], link[2], kept
        link = link[3]
    return kept


def _length(chain: Chain | None) -> int:
    return 0 if chain is None else 1 + _length(chain[3])
