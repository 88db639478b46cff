"""Calls of an account through the lab: Telegram gone for a while, two hundred at once."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import attrs
import pytest

from siptg.rtp.sounds.goertzel import Ear
from siptg.rtp.sounds.tones import sound
from siptg.telegram.account.client import Account
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.events import Answered, Ended, Lost
from siptg.telegram.lab import Lab
from siptg.telegram.media.opus import OpusSettings
from tests.support.lab import settings, signed_in
from tests.support.two import Two, two, until

pytestmark = pytest.mark.world

GONE = 8.0
"""Seconds; 30 were tried as well."""
CALLS, GROUP = 200, 25
"""At once; and how many talk at a time."""
FIRST_HZ, STEP_HZ = 300.0, 10.0


def talk(scene: Two, call: TelegramCall, hz: float) -> Ear:
    tone, ear = sound(f"tone:{hz:g}/600000", call.audio.rate), Ear(call.audio.rate)

    def beat() -> None:
        ear.write(call.audio.read())
        call.audio.write(next(tone))

    scene.clock.add(beat)
    return ear


async def test_telegram_may_be_gone_for_a_while_and_the_sound_goes_on() -> None:
    async with two() as scene:
        call = await scene.call()
        theirs = await anext(scene.bob.calls())
        await theirs.answer()
        await asyncio.gather(until(call, Answered), until(theirs, Answered))
        ears = (talk(scene, call, 440), 880.0), (talk(scene, theirs, 880), 440.0)
        lost = asyncio.create_task(until(call, Lost, 100.0))
        await scene.lab.down()
        begun, heard = time.monotonic(), 0
        while time.monotonic() - begun < GONE:
            await asyncio.sleep(2.0)
            assert all(abs(ear.hz() - hz) < 3 for ear, hz in ears), time.monotonic() - begun
            heard += 1
        assert heard >= GONE // 2 - 1 and not lost.done()
        counted = call.audio.session.counted()
        assert counted.concealed < 25, counted
        await scene.lab.up()
        lost.cancel()
        await theirs.hangup()
        await until(call, Ended, 30.0)


class Telephone:
    """One end of one call: says its tone when it is its turn, and keeps what it hears."""

    def __init__(self, call: TelegramCall, hz: float) -> None:
        self.call, self.hz = call, hz
        self._tone = sound(f"tone:{hz:g}/600000", call.audio.rate)
        self.ear = Ear(call.audio.rate, 0.5)

    def beat(self) -> None:
        self.ear.write(self.call.audio.read())
        self.call.audio.write(next(self._tone))


async def test_two_hundred_calls_on_one_account_are_heard_each_by_its_own() -> None:
    """All stand at once; who talks changes, for two cores are too few to code 400 streams."""
    begun = time.monotonic()
    async with Lab() as lab, AsyncExitStack() as stack:
        us = lab.add_user("Siptg", "+100", "siptg")
        them = [lab.add_user(f"U{n}", f"+2{n:04}", f"user{n}") for n in range(CALLS)]
        slow = OpusSettings(60)

        def account(session: str) -> Account:
            return Account(attrs.evolve(settings(lab, session), opus=slow))

        ours = await stack.enter_async_context(account(await signed_in(lab, us)))
        users = []
        for user in them:
            users.append(await stack.enter_async_context(account(await signed_in(lab, user))))
        print(f"signed in after {time.monotonic() - begun:.1f} s")
        mine: dict[int, TelegramCall] = {}
        hers: dict[int, TelegramCall] = {}

        async def connect(n: int) -> None:
            call = mine[n] = await ours.call(await ours.find(f"user{n}"))
            theirs = hers[n] = await anext(users[n].calls())
            await theirs.answer()
            await asyncio.gather(until(call, Answered, 40.0), until(theirs, Answered, 40.0))

        for first in range(0, CALLS, GROUP):
            await asyncio.gather(*(connect(n) for n in range(first, first + GROUP)))
        print(f"all stand after {time.monotonic() - begun:.1f} s")
        assert len({call.emoji for call in mine.values()}) > CALLS - 5  # keys of their own
        assert all(mine[n].emoji == hers[n].emoji for n in range(CALLS))
        for first in range(0, CALLS, GROUP):
            group = range(first, first + GROUP)
            here = [Telephone(mine[n], FIRST_HZ + STEP_HZ * n) for n in group]
            there = [Telephone(hers[n], FIRST_HZ + STEP_HZ * n + STEP_HZ / 2) for n in group]
            await _talk([*here, *there])
            for one, other in (*zip(here, there, strict=True), *zip(there, here, strict=True)):
                assert abs(one.ear.hz() - other.hz) < 2.4, (one.ear.hz(), other.hz)
        print(f"all heard after {time.monotonic() - begun:.1f} s")
        assert not any(call.is_over for call in (*mine.values(), *hers.values()))
        await asyncio.gather(*(call.hangup() for call in mine.values()))
        await asyncio.gather(*(call.wait_over(10.0) for call in (*mine.values(), *hers.values())))
        assert all(call.is_over for call in (*mine.values(), *hers.values()))
    print(f"over after {time.monotonic() - begun:.1f} s")


async def _talk(telephones: list[Telephone], seconds: float = 1.2) -> None:
    """On beats of their own that may be late: nothing here is measured by the clock."""
    loop = asyncio.get_running_loop()
    next_at = loop.time()
    for _ in range(int(seconds * 50)):
        for one in telephones:
            one.beat()
        next_at += 0.02
        await asyncio.sleep(max(0.0, next_at - loop.time()))
