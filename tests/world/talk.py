"""A call with baresip, measured: what each end hears, at what frequency and how loud."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from siptg.phone import Call, Incoming, Phone
from siptg.rtp.sounds.goertzel import Ear
from tests.world.baresip import Baresip
from tests.world.process import sip_uri
from tests.world.sounds import loudest, strength

LISTEN = ("127.0.0.1", 0)
OURS, THEIRS = 440, 880
SAID, SPOKEN = -20.0, -9.0
"""dBFS of our tone and of theirs."""
WINDOW = 0.4
"""Seconds that are measured."""


async def first_call(phone: Phone) -> Incoming:
    return await asyncio.wait_for(anext(phone.incoming()), 5)


async def we_call(phone: Phone, bob: Baresip) -> Call:
    return await asyncio.wait_for((await phone.dial(bob.uri)).answered(), 5)


async def bob_calls(phone: Phone, bob: Baresip) -> Call:
    await bob.dial(sip_uri("alice", phone.address))
    return await (await first_call(phone)).answer()


def is_tone(measured: tuple[float, float], hz: float, dbfs: float | None) -> bool:
    """Within 2 % and 1.5 dB."""
    near = abs(measured[0] - hz) <= hz / 50
    return near and (dbfs is None or abs(measured[1] - dbfs) <= 1.5)


async def still_heard(
    call: Call, bob: Baresip, ear: Ear, *, at_levels: bool = True, seconds: float = 5.0
) -> None:
    """Wait until both hear the other's tone, at the level that it was said with."""

    def measured() -> tuple[tuple[float, float], tuple[float, float]]:
        samples, rate = bob.heard(WINDOW)
        return (ear.hz(), strength(ear.samples)), (loudest(samples, rate), strength(samples))

    levels = (SPOKEN, SAID) if at_levels else (None, None)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        ours, theirs = measured()
        if is_tone(ours, THEIRS, levels[0]) and is_tone(theirs, OURS, levels[1]):
            return
        if loop.time() > deadline:
            pytest.fail(f"we hear {ours}, bob {theirs} (Hz, dBFS); {call.audio.stats}")
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def they_hear(call: Call, bob: Baresip, *, at_levels: bool = True) -> AsyncIterator[Ear]:
    """We say 440 Hz, bob 880: within it both have heard the other, and nothing was lost or
    strange.
    """
    ear = Ear(call.audio.rate, WINDOW)
    call.listen(ear.write)
    talking = asyncio.create_task(call.play(f"tone:{OURS}@{SAID:.0f}/60000"))
    await still_heard(call, bob, ear, at_levels=at_levels)
    stats = call.audio.stats
    assert stats.lost == stats.garbage == stats.elsewhere == 0, stats
    yield ear
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)


async def they_part(call: Call, bob: Baresip) -> None:
    await call.hangup()
    await bob.wait("CALL_CLOSED")
    await asyncio.wait_for(call.ended(), 3)
