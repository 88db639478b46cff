"""Our Telegram call and ntgcalls, the engine of Telegram's clients: keys, versions, tones, ends."""

from __future__ import annotations

import asyncio

import pytest

from siptg.telegram.call.events import Back, Ended, Lost
from siptg.telegram.people import TelegramCause
from tests.world.engine import Engine
from tests.world.paper import talking, until, we_hear_her

pytestmark = [pytest.mark.world, pytest.mark.netns]


@pytest.mark.parametrize("version", ["8.0.0", "9.0.0", "12.0.0", "13.0.0"])
@pytest.mark.parametrize("outgoing", [True, False], ids=["we call", "she calls"])
async def test_both_hear_the_other_in_both_roles(version: str, outgoing: bool) -> None:
    async with talking(Engine, version, outgoing=outgoing) as (call, olga, told, ear):
        await asyncio.gather(we_hear_her(ear), olga.engine.hears(440))
        await call.hangup()
        ended = await until(told, Ended)
    assert (ended.cause, olga.discarded) == (TelegramCause.HANGUP, "hangup")
    assert ended.duration > 0.5


async def test_her_hanging_up_ends_the_call_before_the_server_says_so() -> None:
    async with talking(Engine, "9.0.0", outgoing=True) as (_, olga, told, ear):
        await we_hear_her(ear)
        await olga.engine.stop()
        ended = await until(told, Ended)
    assert ended.cause is TelegramCause.HANGUP


async def test_mute_is_no_loss() -> None:
    """A muted engine sends no sound at all; its ICE still shows that it lives."""
    async with talking(Engine, "9.0.0", outgoing=True) as (call, olga, told, ear):
        await we_hear_her(ear)
        olga.engine.mute(True)
        news = asyncio.create_task(until(told, Lost))
        await asyncio.sleep(12)
        assert call.muted
        assert not news.done()
        news.cancel()
        olga.engine.mute(False)
        await we_hear_her(ear)


async def test_a_frozen_engine_is_lost_and_comes_back() -> None:
    async with talking(Engine, "9.0.0", outgoing=True) as (_, olga, told, ear):
        await we_hear_her(ear)
        olga.engine.freeze(True)
        await until(told, Lost)
        olga.engine.freeze(False)
        await until(told, Back)
        await asyncio.gather(we_hear_her(ear), olga.engine.hears(440))
