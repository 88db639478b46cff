"""The one beat of the process: every 20 ms for each call, in four turns of 5 ms."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Self

from siptg.rtp.effort import Effort
from siptg.rtp.wire import Poller

log = logging.getLogger(__name__)

BEAT = 0.02
TURNS = 4
"""A beat is cut into turns, each serving its share of the calls: signalling never waits longer than
a turn's work, and packets leave evenly instead of all at once."""
TURN = BEAT / TURNS
MOST_CAUGHT_UP = 5 * TURNS
"""Turns that are made up for after a delay; older ones are skipped: nobody hears the past."""
LATEST = 64
"""Milliseconds of lateness that are told apart."""

Tick = Callable[[], None]


class MediaClock:
    """`async with MediaClock() as clock`: calls each tick fifty times a second, without drift.

    Before each turn it empties the wires that were given to its `poller`.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._wanted = asyncio.Event()
        self.poller = Poller(self._wanted.set)
        self.effort = Effort()
        """How much encoders may spend: it follows the load."""
        self.turns = self.skipped = self.failures = 0
        self._late = [0] * (LATEST + 1)
        self._slots: list[dict[Tick, None]] = [{} for _ in range(TURNS)]
        self._where: dict[Tick, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="media clock")
        return self

    async def __aexit__(self, *why: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.poller.close()

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def beats(self) -> int:
        return self.turns // TURNS

    def add(self, tick: Tick) -> None:
        """To the turn with the fewest."""
        if tick in self._where:
            return
        turn = min(range(TURNS), key=lambda n: len(self._slots[n]))
        self._slots[turn][tick] = None
        self._where[tick] = turn
        self._wanted.set()

    def remove(self, tick: Tick) -> None:
        turn = self._where.pop(tick, None)
        if turn is not None:
            del self._slots[turn][tick]

    def lateness(self, share: float = 0.99) -> float:
        """Seconds that turns were late by at most, but for the worst `1 - share` of them."""
        total = sum(self._late)
        left = total * share
        for milliseconds, count in enumerate(self._late):
            left -= count
            if left <= 0 and total:
                return milliseconds / 1000
        return 0.0

    def forget_lateness(self) -> None:
        self._late = [0] * (LATEST + 1)

    async def _run(self) -> None:
        while True:
            self._wanted.clear()
            if not self._where and not len(self.poller):
                await self._wanted.wait()  # an idle house does not beat
            await self._beat_on()

    async def _beat_on(self) -> None:
        due = self._now() + TURN
        while self._where or len(self.poller):
            await asyncio.sleep(max(0.0, due - self._now()))
            begun = self._now()
            late = begun - due
            self._late[min(LATEST, max(0, int(late * 1000)))] += 1
            if late > MOST_CAUGHT_UP * TURN:
                missed = int(late / TURN)
                self.skipped += missed
                due += missed * TURN
            self.turn()
            effort, before = self.effort, self.effort.complexity
            effort.spent((self._now() - begun) / TURN)
            if effort.complexity != before:
                load, now = round(effort.load * 100), effort.complexity
                log.info("%% the beat takes %d %% of its time: Opus at complexity %d", load, now)
            due += TURN

    def turn(self) -> None:
        """One turn, also for tests. A tick that raises is logged, counted and taken off."""
        self.poller.fetch()
        slot = self._slots[self.turns % TURNS]
        self.turns += 1
        for tick in list(slot):
            if tick not in slot:
                continue  # another tick of this turn took it off
            try:
                tick()
            except Exception:  # one call's fault must not silence the others
                log.exception("a tick broke and is taken off the beat")
                self.failures += 1
                self.remove(tick)

    def beat(self) -> None:
        """All turns of one beat."""
        for _ in range(TURNS):
            self.turn()
