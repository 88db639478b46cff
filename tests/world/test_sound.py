"""Our phone and SIPp: tones and digits, each heard by the other's own reading of G.711."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from siptg.phone import Incoming, Phone
from siptg.rtp.sounds.goertzel import Ear
from tests.world.process import sip_uri
from tests.world.sipp import Sipp
from tests.world.sounds import RtpEar, sine, write_digits, write_ulaw

pytestmark = pytest.mark.world


async def first_call(phone: Phone) -> Incoming:
    async for call in phone.incoming():
        return call
    raise LookupError("the phone was closed")


async def test_the_tone_of_sipp_is_heard_at_440(tmp_path: Path) -> None:
    write_ulaw(tmp_path / "tone440.ulaw", sine(440, 8000, 2.0))
    async with (
        Phone(listen=("127.0.0.1", 0)) as phone,
        Sipp("uac_tone", phone.address, folder=tmp_path, hold=1.5) as sipp,
    ):
        ear = Ear(8000)
        call = await (await first_call(phone)).answer()
        call.listen(ear.write)
        await sipp.done()
        await call.ended()
    assert ear.hz() == pytest.approx(440, abs=2)
    assert ear.dbfs() == pytest.approx(-12, abs=1)  # the RMS of a sine of -9 dBFS
    assert call.audio.stats.lost == 0
    assert call.audio.stats.garbage == 0


async def test_our_tone_and_digits_are_heard_by_whom_we_call(tmp_path: Path) -> None:
    async with (
        RtpEar() as ear,
        Phone(listen=("127.0.0.1", 0)) as phone,
        Sipp("uas_call", folder=tmp_path, hold=0.05, keys={"ear": ear.port}) as sipp,
    ):
        call = await (await phone.dial(sip_uri("bob", sipp.address))).answered()
        await call.press("159#")
        await call.play("tone:880/2000")
        await call.hangup()
        await sipp.done()
    assert ear.digits == "159#"
    assert ear.hz() == pytest.approx(880, abs=3)


async def test_what_we_say_comes_back_from_an_echo(tmp_path: Path) -> None:
    async with (
        Phone(listen=("127.0.0.1", 0)) as phone,
        Sipp("uac_call", phone.address, folder=tmp_path, hold=2.0, echo=True) as sipp,
    ):
        ear = Ear(8000)
        ringing = await first_call(phone)
        await ringing.ring()
        call = await ringing.answer()
        call.listen(ear.write)
        await asyncio.gather(call.play("tone:1000/1500"), sipp.done())
    assert ear.hz() == pytest.approx(1000, abs=2)


@pytest.mark.netns  # SIPp plays captures through a raw socket
async def test_the_digits_of_sipp_are_read_once_each(tmp_path: Path) -> None:
    write_digits(tmp_path / "digits.pcap", "1590*#D")
    read = ""
    async with (
        Phone(listen=("127.0.0.1", 0)) as phone,
        Sipp("uac_digits", phone.address, folder=tmp_path, hold=3.0) as sipp,
    ):
        call = await (await first_call(phone)).answer()
        async for digit in call.digits():
            read += digit
        await sipp.done()
    assert read == "1590*#D"
