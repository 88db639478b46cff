"""The user of the demo: a person of the lab with a voice and an ear."""

from __future__ import annotations

import asyncio
from typing import Self

from siptg.app.demo.report import USER_HZ
from siptg.rtp.clock import MediaClock
from siptg.rtp.sounds.goertzel import Ear
from siptg.rtp.sounds.tones import tone
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.events import Answered, Ended
from siptg.telegram.lab.user import LabUser

RATE = 8000


class Talking:
    """She is in a call: says her tone, measures what she hears. As a block it ends with it."""

    def __init__(self, call: TelegramCall, clock: MediaClock, hz: float = USER_HZ) -> None:
        self.call = call
        self.ear = Ear(RATE, 0.5)
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self._clock, self._said = clock, tone([hz], RATE)
        call.audio.tune(RATE)
        self._task = asyncio.create_task(self._follow())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up, if nobody did."""
        await self.call.hangup()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        try:
            async for event in self.call.events():
                if isinstance(event, Answered):
                    self._clock.add(self._beat)
                    self.answered.set()
                if isinstance(event, Ended):
                    self.ended.set()
        finally:
            self._clock.remove(self._beat)

    def _beat(self) -> None:
        self.ear.write(self.call.audio.read())
        self.call.audio.write(next(self._said))


async def next_call(person: LabUser, clock: MediaClock, seconds: float) -> Talking:
    """Her phone rings; TimeoutError where it does not."""
    async with asyncio.timeout(seconds):
        call = await anext(person.calls())
    return Talking(call, clock)
