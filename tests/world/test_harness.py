"""The foreign programs against one another, before anything of ours is blamed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.world.baresip import Baresip
from tests.world.engine import Engine
from tests.world.sipp import Sipp, SippFailed
from tests.world.sounds import RtpEar, sine, write_ulaw

pytestmark = pytest.mark.world

REPEATS: dict[str, Any] = {"repeats": True}
PAIRS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("uas_call", {"calls": 10, "hold": 0.05}, "uac_call", {"calls": 10}),
    ("uas_call", {"hold": 0.05}, "uac_lost_ack", REPEATS),
    ("uas_lost_200", REPEATS, "uac_call", {}),
    ("uas_lost_invite", REPEATS, "uac_call", {}),
    ("uas_cancel", {"calls": 5}, "uac_cancel", {"calls": 5}),
    ("uas_auth", {}, "uac_auth", {"credentials": ("alice", "secret")}),
]


@pytest.mark.parametrize(("uas", "for_uas", "uac", "for_uac"), PAIRS)
async def test_sipp_scenarios_are_right_about_one_another(
    tmp_path: Path, uas: str, for_uas: dict[str, Any], uac: str, for_uac: dict[str, Any]
) -> None:
    async with (
        Sipp(uas, folder=tmp_path, **for_uas) as server,
        Sipp(uac, server.address, folder=tmp_path, **for_uac) as caller,
    ):
        await caller.done()
        await server.done()


async def test_repeated_requests_against_sipp_itself(tmp_path: Path) -> None:
    async with (
        Sipp("uas_call", folder=tmp_path, hold=0.3) as server,
        Sipp("uac_duplicates", server.address, folder=tmp_path, repeats=True) as caller,
    ):
        await caller.done()  # as UAS it does not forgive the stray ACK: only the UAC counts


async def test_sipp_says_which_message_it_did_not_expect(tmp_path: Path) -> None:
    async with (
        Sipp("uas_busy", folder=tmp_path) as server,
        Sipp("uac_call", server.address, folder=tmp_path) as caller,
    ):
        with pytest.raises(SippFailed, match="486 Busy Here"):
            await caller.done()


async def test_the_ear_hears_the_tone_of_sipp(tmp_path: Path) -> None:
    write_ulaw(tmp_path / "tone440.ulaw", sine(440, 8000, 2.0))
    async with (
        RtpEar() as ear,
        Sipp("uas_call", folder=tmp_path, hold=0.0, keys={"ear": ear.port}) as server,
        Sipp("uac_tone", server.address, folder=tmp_path, hold=1.5) as caller,
    ):
        await caller.done()
        await server.done()
    assert ear.hz() == pytest.approx(440, abs=3)


async def test_two_baresips_hear_one_another_and_read_digits(tmp_path: Path) -> None:
    async with (
        Baresip("alice", folder=tmp_path / "a", hz=440) as alice,
        Baresip("bob", folder=tmp_path / "b", hz=880) as bob,
    ):
        await alice.dial(bob.uri)
        await bob.wait("CALL_INCOMING")
        await bob.accept()
        await alice.wait("CALL_ESTABLISHED")
        await alice.press("15#")
        await asyncio.sleep(1.5)
        assert (alice.hz(), bob.hz()) == pytest.approx((880, 440), abs=3)
        assert bob.digits() == "15#"
        await alice.hangup()
        await bob.wait("CALL_CLOSED")


@pytest.mark.netns
async def test_two_engines_of_telegram_hear_one_another() -> None:
    key = os.urandom(256)
    async with (
        Engine(lambda packet: callee.signal(packet)) as caller,
        Engine(caller.signal) as callee,
    ):
        callee.start(key, outgoing=False, hz=880, versions=["9.0.0"])
        caller.start(key, outgoing=True, hz=440, versions=["9.0.0"])
        await callee.hears(440)
        await caller.hears(880)
