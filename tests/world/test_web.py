"""Versions 4.0.0 and 4.0.1 against a browser, which plays Telegram Web."""

from __future__ import annotations

import asyncio
import logging

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


async def test_a_browser_mutes_and_follows_an_ice_restart(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with talking(Chromium, "4.0.0", outgoing=True) as (call, olga, _, ear):
        engine = olga.engine
        await asyncio.gather(we_hear_her(ear), engine.hears(440))
        # it would show us as muted had we not told
        await engine.until(lambda: bool(engine.channel), "state of ours")
        assert engine.channel[0]["isMuted"] is False
        engine.tell(do="mute", on=True)
        await engine.until(lambda: call.muted, "muted")
        engine.tell(do="mute", on=False)
        await engine.until(lambda: not call.muted, "to be heard")
        call.restart_media()
        await engine.until(lambda: "a new path stands" in caplog.text, "new path")
        engine.heard.clear()
        await asyncio.gather(we_hear_her(ear), engine.hears(440))
        assert engine.errors == []
