"""Versions that no foreign engine speaks: whole calls between two accounts of ours over the lab."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from siptg.rtp.clock import MediaClock
from siptg.rtp.sounds.goertzel import Ear
from siptg.rtp.sounds.tones import sound
from siptg.telegram.account.client import Account
from siptg.telegram.call import events
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.lab import Lab
from tests.support.lab import settings, signed_in

WORD = 20.0
"""Seconds for anything that must happen."""


async def answered(told: AsyncIterator[events.CallEvent]) -> events.Answered:
    async for event in told:
        if isinstance(event, events.Answered):
            return event
    raise AssertionError("the call ended without an answer")


def talks(clock: MediaClock, call: TelegramCall, hz: int) -> Ear:
    """It says a tone on the beat; what it hears."""
    said, ear = sound(f"tone:{hz}/600000", call.audio.rate), Ear(call.audio.rate)

    def beat() -> None:
        ear.write(call.audio.read())
        call.audio.write(next(said))

    clock.add(beat)
    return ear


@pytest.mark.world
@pytest.mark.parametrize("version", ["7.0.0", "14.0.0"])
async def test_caller_and_callee_hear_each_other(
    version: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "siptg.telegram.call")
    async with asyncio.timeout(WORD), Lab() as lab, MediaClock() as clock:
        ann, bob = lab.add_user("Ann", "+100", "ann"), lab.add_user("Bob", "+200", "bob")
        async with (
            Account(settings(lab, await signed_in(lab, ann), (version, "8.0.0"))) as a,
            Account(settings(lab, await signed_in(lab, bob), (version,))) as b,
        ):
            ours = await a.call(await a.find("bob"))
            theirs = await anext(b.calls())
            await theirs.answer()
            one, other = await asyncio.gather(answered(ours.events()), answered(theirs.events()))
            assert one.emoji == other.emoji
            ears = talks(clock, ours, 880), talks(clock, theirs, 440)
            while not (abs(ears[0].hz() - 440) < 4 and abs(ears[1].hz() - 880) < 4):
                await asyncio.sleep(0.05)
            await ours.hangup()
    assert sum(f"protocol {version}" in line for line in caplog.messages) == 2
