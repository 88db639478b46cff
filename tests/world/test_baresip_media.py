"""Our phone and baresip in each codec that both have, with packets of each length, and keys."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from siptg.phone import Phone
from siptg.rtp.codecs import CODECS
from tests.world.baresip import Baresip
from tests.world.talk import LISTEN, bob_calls, still_heard, they_hear, they_part, we_call
from tests.world.test_ffmpeg import need_codec

pytestmark = pytest.mark.world
AUTO = ";answermode=auto"

CODEC = [
    ("pcmu", "PCMU/8000/1"),
    ("pcma", "PCMA/8000/1"),
    ("g722", "G722/16000/1"),
    ("opus", "opus/48000/2"),
    ("gsm", "GSM/8000/1"),
    ("l16/16000", "L16/16000/1"),
    ("l16/48000", "L16/48000/1"),
    ("g726-32", "G726-32/8000/1"),
]


@pytest.mark.parametrize(("ours", "theirs"), CODEC, ids=[key for key, _ in CODEC])
async def test_we_call_bob_and_he_calls_us_in_each_codec(
    tmp_path: Path, ours: str, theirs: str
) -> None:
    need_codec(ours)
    # baresip packs G.726 as AAL2 does, not as RFC 3551 §4.5.4 has it: the tone is there, but rough
    at_levels = not ours.startswith("g726")
    async with (
        Baresip("bob", folder=tmp_path / "bob", codec=theirs, account=AUTO) as bob,
        Phone(listen=LISTEN, codecs=[ours]) as phone,
    ):
        for connect in (we_call, bob_calls):
            call = await connect(phone, bob)
            assert call.audio.codec_name == CODECS[ours].name
            async with they_hear(call, bob, at_levels=at_levels):
                await they_part(call, bob)


LENGTHS = [
    ("pcmu", "PCMU/8000/1", 10, 60),
    ("pcma", "PCMA/8000/1", 60, 10),
    ("g722", "G722/16000/1", 30, 40),
    ("opus", "opus/48000/2", 40, 10),
    ("opus", "opus/48000/2", 60, 40),
]


@pytest.mark.rfc(8866, "6.4")
@pytest.mark.parametrize(("ours", "theirs", "wish", "his"), LENGTHS)
async def test_each_sends_packets_as_long_as_the_other_wishes(
    tmp_path: Path, ours: str, theirs: str, wish: int, his: int
) -> None:
    """As callee baresip would take up our wish as its own."""
    async with (
        Baresip("bob", folder=tmp_path / "bob", codec=theirs, ptime=his) as bob,
        Phone(listen=LISTEN, codecs=[ours], ptime=wish) as phone,
    ):
        call = await bob_calls(phone, bob)
        async with they_hear(call, bob):
            before = call.audio.stats
            sent, received = before.packets_sent, before.packets_received
            await asyncio.sleep(0.6)
            after = call.audio.stats
            assert after.packets_sent - sent == pytest.approx(600 / his, abs=3)
            assert after.packets_received - received == pytest.approx(600 / wish, abs=3)
            await they_part(call, bob)


@pytest.mark.rfc(4733, "2.5")
@pytest.mark.parametrize(("ours", "theirs"), [CODEC[0], CODEC[2], CODEC[3]])
async def test_keys_go_both_ways_and_sound_goes_on_behind_them(
    tmp_path: Path, ours: str, theirs: str
) -> None:
    """Of Opus, too, baresip's events run on a clock of 8 kHz (RFC 4733 §2.1 allows it)."""
    async with (
        Baresip("bob", folder=tmp_path / "bob", codec=theirs, account=AUTO) as bob,
        Phone(listen=LISTEN, codecs=[ours]) as phone,
    ):
        call = await we_call(phone, bob)
        async with they_hear(call, bob) as ear:
            await call.press("15#")
            await bob.press("0*D")
            keys: list[str] = []
            async with asyncio.timeout(5):
                async for key in call.digits():
                    keys.append(key)
                    if len(keys) == 3:
                        break
                while len(bob.digits()) < 3:
                    await asyncio.sleep(0.05)
            assert ("".join(keys), bob.digits()) == ("0*D", "15#")
            await still_heard(call, bob, ear)
            assert call.audio.stats.lost == 0
            await they_part(call, bob)
        assert bob.digits() == "15#"
