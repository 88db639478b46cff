"""Our phone and linphone, in a namespace of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from siptg.phone import Call, Phone
from siptg.rtp.sounds.goertzel import Ear
from tests.world.linphone import Linphone
from tests.world.namespace import ADDRESSES

pytestmark = [pytest.mark.world, pytest.mark.netns]


async def hears(call: Call, bob: Linphone) -> None:
    """Until both have heard the other."""
    ear = Ear(call.audio.rate)
    call.listen(ear.write)
    talking = asyncio.create_task(call.play("tone:440/60000"))
    try:
        async with asyncio.timeout(10):
            while not (abs(ear.hz() - 880) < 4 and abs(bob.hz() - 440) < 4):
                await asyncio.sleep(0.1)
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)


async def test_linphone_calls_us_and_is_called(tmp_path: Path) -> None:
    async with (
        Linphone(folder=tmp_path, host=ADDRESSES[0]) as bob,
        Phone(listen=(ADDRESSES[1], 0)) as phone,
    ):
        await bob.tell(f"call sip:alice@{ADDRESSES[1]}:{phone.address[1]}")
        incoming = await asyncio.wait_for(anext(phone.incoming()), 8)
        await incoming.ring()
        call = await incoming.answer()
        await hears(call, bob)
        await bob.tell("terminate")
        assert (await asyncio.wait_for(call.ended(), 5)).by_remote
        outgoing = await phone.dial(bob.uri)
        await asyncio.wait_for(outgoing.ringing(), 5)
        await bob.tell("answer")
        second = await asyncio.wait_for(outgoing.answered(), 5)
        await hears(second, bob)
        await second.hangup()
        assert (await asyncio.wait_for(second.ended(), 5)).status == 200
