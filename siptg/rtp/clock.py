"""The one 20 ms beat of the process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Self

log = logging.getLogger(__name__)

BEAT = 0.02
MOST_CAUGHT_UP = 5
"""Beats that are made up for after a delay; older ones are skipped: nobody hears the past."""

Tick = Callable[[], None]


class MediaClock:
    """`async with MediaClock() as clock`: calls each tick fifty times a second, without drift."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.beats = self.skipped = self.failures = 0
        self.worst = 0.0
        """Seconds by which the latest beat was late."""
        self._ticks: dict[Tick, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="media clock")
        return self

    async def __aexit__(self, *why: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def add(self, tick: Tick) -> None:
        self._ticks[tick] = None
        self._wanted.set()

    def remove(self, tick: Tick) -> None:
        self._ticks.pop(tick, None)

    async def _run(self) -> None:
        while True:
            self._wanted.clear()
            if not self._ticks:
                await self._wanted.wait()  # an idle house does not beat
            await self._beat_on()

    async def _beat_on(self) -> None:
        due = self._now() + BEAT
        while self._ticks:
            await asyncio.sleep(max(0.0, due - self._now()))
            late = self._now() - due
            self.worst = max(self.worst, late)
            if late > MOST_CAUGHT_UP * BEAT:
                missed = int(late / BEAT)
                self.skipped += missed
                due += missed * BEAT
            self.beat()
            due += BEAT

    def beat(self) -> None:
        """One beat, also for tests. A tick that raises is logged, counted and taken off."""
        self.beats += 1
        for tick in list(self._ticks):
            if tick not in self._ticks:
                continue  # another tick of this beat took it off
            try:
                tick()
            except Exception:  # one call's fault must not silence the others
                log.exception("a tick broke and is taken off the beat")
                self.failures += 1
                self.remove(tick)
