"""Versions 4.0.0 and 4.0.1 against a browser, which plays Telegram Web."""

from __future__ import annotations

import asyncio

import pytest

from siptg.telegram.call.events import Ended
from siptg.telegram.people import TelegramCause
from tests.world.chromium import Chromium
from tests.world.paper import talking, until, we_hear_her

pytestmark = [pytest.mark.world, pytest.mark.netns]


@pytest.mark.parametrize("version", ["4.0.0", "4.0.1"])
@pytest.mark.parametrize("outgoing", [True, False], ids=["we call", "she calls"])
async def test_a_browser_and_we_hear_each_other(version: str, outgoing: bool) -> None:
    async with talking(Chromium, version, outgoing=outgoing) as (call, olga, told, ear):
        await asyncio.gather(we_hear_her(ear), olga.engine.hears(440))
        assert olga.engine.errors == []
        await call.hangup()
        ended = await until(told, Ended)
    assert ended.cause is TelegramCause.HANGUP
