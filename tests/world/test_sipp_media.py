"""SIPp's RTP: captures that it plays, keys on clocks of 8 and 48 kHz, both ways."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from siptg.phone import Phone
from siptg.rtp.sounds.goertzel import Ear
from tests.support.captures import capture
from tests.world.process import sip_uri
from tests.world.sipp import Sipp
from tests.world.sounds import RtpEar, alaw, sine, strength, write_digits, write_voice
from tests.world.talk import LISTEN, first_call

pytestmark = pytest.mark.world

PCMA = {"codec": 8, "rtpmap": "PCMA/8000"}
OPUS = {"codec": 107, "rtpmap": "opus/48000/2", "clock": 48_000}


async def heard(phone: Phone, folder: Path, keys: dict[str, object], seconds: float) -> Heard:
    """All that comes of said.pcap."""
    async with Sipp("uac_capture", phone.address, folder=folder, hold=seconds, keys=keys) as sipp:
        call = await (await first_call(phone)).answer()
        found = Heard(call.audio.rate)
        call.listen(found.ear.write)
        async for digit in call.digits():
            found.digits += digit
        await sipp.done()
    stats = call.audio.stats
    found.packets, found.lost, found.garbage = stats.packets_received, stats.lost, stats.garbage
    return found


class Heard:
    def __init__(self, rate: int) -> None:
        self.ear, self.digits = Ear(rate, 0.5), ""
        self.packets = self.lost = self.garbage = 0


@pytest.mark.netns  # SIPp plays captures through a raw socket
async def test_sound_of_captures_is_heard_at_its_level(tmp_path: Path) -> None:
    """Our tone in packets of 10 and of 30 ms, and SIPp's own voice in such of 30."""
    coded = bytes(alaw(int(sample)) for sample in sine(440, 8000, 1.2))
    async with Phone(listen=LISTEN, codecs=["pcma"]) as phone:
        for size in (80, 240):
            write_voice(tmp_path / "said.pcap", coded, 8, size)
            found = await heard(phone, tmp_path, PCMA, 0.8)
            assert found.ear.hz() == pytest.approx(440, rel=0.02)
            assert strength(found.ear.samples) == pytest.approx(-9, abs=1.5)
            assert (found.lost, found.garbage) == (0, 0)
        shutil.copy(capture("14-sipp-g711a-rtp.pcap"), tmp_path / "said.pcap")
        voice = await heard(phone, tmp_path, PCMA, 1.5)
        assert voice.packets > 45
        assert (voice.digits, voice.lost, voice.garbage) == ("", 0, 0)
        assert strength(voice.ear.samples) > -40


@pytest.mark.netns
@pytest.mark.rfc(7587, "6.1")
async def test_keys_of_captures_are_read_once_each_on_either_clock(tmp_path: Path) -> None:
    """Ours beside Opus, and the one that comes with SIPp."""
    write_digits(tmp_path / "said.pcap", "1590*#D", held=5, gap=3, clock=48_000)
    async with Phone(listen=LISTEN, codecs=["opus", "pcma"]) as phone:
        found = await heard(phone, tmp_path, OPUS, 1.5)
        assert (found.digits, found.lost, found.garbage) == ("1590*#D", 0, 0)
        shutil.copy(capture("15-sipp-dtmf-2833-1.pcap"), tmp_path / "said.pcap")
        key = await heard(phone, tmp_path, PCMA, 0.3)
        assert (key.digits, key.packets, key.lost, key.garbage) == ("1", 10, 0, 0)


@pytest.mark.rfc(4733, "2.3.5")
@pytest.mark.parametrize(("keys", "ticks"), [({}, 800), (OPUS, 4800)])
async def test_our_keys_last_as_long_on_the_clock_of_the_codec(
    tmp_path: Path, keys: dict[str, object], ticks: int
) -> None:
    async with (
        RtpEar() as ear,
        Phone(listen=LISTEN) as phone,
        Sipp("uas_call", folder=tmp_path, hold=0.05, keys={"ear": ear.port, **keys}) as sipp,
    ):
        call = await (await phone.dial(sip_uri("bob", sipp.address))).answered()
        await call.press("159#")
        async with asyncio.timeout(3):
            while ear.digits != "159#":
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        await call.hangup()
        await sipp.done()
    assert (ear.digits, ear.held) == ("159#", [ticks] * 4)
