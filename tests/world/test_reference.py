"""Versions 10.0.0 and 11.0.0 against other engines that speak by session descriptions."""

from __future__ import annotations

import asyncio
import logging

import pytest

from siptg.telegram.call.events import Ended
from siptg.telegram.people import TelegramCause
from tests.world.chromium import Chromium
from tests.world.paper import talking, until, we_hear_her
from tests.world.reference import Reference

pytestmark = [pytest.mark.world, pytest.mark.netns]


@pytest.mark.parametrize("version", ["10.0.0", "11.0.0"])
@pytest.mark.parametrize("outgoing", [True, False], ids=["we call", "she calls"])
async def test_aiortc_and_we_hear_each_other(version: str, outgoing: bool) -> None:
    async with talking(Reference, version, outgoing=outgoing) as (call, olga, told, ear):
        await asyncio.gather(we_hear_her(ear), olga.engine.hears(440))
        assert olga.engine.channels == 1
        kinds = [said["@type"] for said in olga.engine.got if said["@type"] != "candidate"]
        # who is called offers a second section for its own sound
        assert kinds == (["offer", "answer"] if outgoing else ["answer"])
        await call.hangup()
        ended = await until(told, Ended)
    assert ended.cause is TelegramCause.HANGUP


NEW_PATH = "a new path stands"


class Filming(Chromium):
    """Its camera is on."""

    video = True


@pytest.mark.parametrize(
    ("version", "outgoing"), [("10.0.0", True), ("11.0.0", False)], ids=["we call", "she calls"]
)
async def test_a_browser_offers_pictures_and_restarts_ice_and_sound_goes_on(
    version: str, outgoing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The reference engine is libwebrtc's connection, which a browser has as well."""
    caplog.set_level(logging.INFO)
    async with talking(Filming, version, outgoing=outgoing) as (call, olga, _, ear):
        engine = olga.engine
        await asyncio.gather(we_hear_her(ear), engine.hears(440))
        await engine.until(lambda: bool(engine.opened), "data channel")
        last = [said["sdp"] for said in engine.got if said["@type"] == "answer"][-1]
        assert "m=video 0 " in last and "m=audio 9 " in last
        for paths, restart in enumerate((lambda: engine.tell(do="restart"), call.restart_media), 1):
            restart()
            await engine.until(lambda n=paths: caplog.text.count(NEW_PATH) == n, "new path")  # type: ignore[misc]
            assert len(_ufrags(engine.got)) == paths + 1
            engine.heard.clear()
            came = call.audio.packets_received
            await asyncio.gather(we_hear_her(ear), engine.hears(440))
            assert call.audio.packets_received > came
        assert engine.errors == []


def _ufrags(got: list[dict[str, str]]) -> set[str]:
    """Of all descriptions that we made."""
    lines = [line for said in got for line in said.get("sdp", "").split("\r\n")]
    return {line for line in lines if line.startswith("a=ice-ufrag:")}
