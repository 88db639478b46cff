"""Versions 10.0.0 and 11.0.0 against other engines that speak by session descriptions."""

from __future__ import annotations

import asyncio

import pytest

from siptg.telegram.call.events import Ended
from siptg.telegram.people import TelegramCause
from tests.world.paper import talking, until, we_hear_her
from tests.world.reference import Reference

pytestmark = [pytest.mark.world, pytest.mark.netns]


@pytest.mark.parametrize("version", ["10.0.0", "11.0.0"])
@pytest.mark.parametrize("outgoing", [True, False], ids=["we call", "she calls"])
async def test_aiortc_and_we_hear_each_other(version: str, outgoing: bool) -> None:
    async with talking(Reference, version, outgoing=outgoing) as (call, olga, told, ear):
        await asyncio.gather(we_hear_her(ear), olga.engine.hears(440))
        assert olga.engine.channels == 1
        await call.hangup()
        ended = await until(told, Ended)
    assert ended.cause is TelegramCause.HANGUP
