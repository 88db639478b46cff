"""Media streams on loopback: tones and keys across, strangers and garbage kept out."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from siptg.rtp.packet import RtpPacket
from siptg.rtp.sounds.goertzel import Ear
from siptg.rtp.sounds.tones import tone
from siptg.rtp.stream import MediaStream


@asynccontextmanager
async def pair(*codecs: str) -> AsyncIterator[tuple[MediaStream, MediaStream]]:
    names = codecs or ("PCMU",)
    a, b = await MediaStream.open("127.0.0.1", codecs=names), await MediaStream.open("127.0.0.1")
    a.accept(b.answer(a.offer()))
    yield a, b
    a.close()
    b.close()
    await asyncio.sleep(0)


async def beats(a: MediaStream, b: MediaStream, count: int, ear: Ear | None = None) -> None:
    """As fast as the loop can: a talks 440 Hz, b listens."""
    said = tone([440.0], a.rate)
    for _ in range(count):
        a.write(next(said))
        await asyncio.sleep(0.001)
        heard = b.read()
        if ear is not None:
            ear.write(heard)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "opus"])
async def test_a_tone_crosses(codec: str) -> None:
    async with pair(codec) as (a, b):
        ear = Ear(b.rate, 0.5)
        await beats(a, b, 90, ear)
        assert (a.codec_name, b.codec_name) == (codec, codec)
        assert ear.hz() == pytest.approx(440, abs=3)
        assert b.stats.packets_received == 90 and b.stats.garbage == 0


async def test_opus_follows_the_rate_of_whom_it_is_joined_with() -> None:
    async with pair("opus") as (a, b):
        for rate in (8000, 16_000, 48_000):
            a.tune(rate)
            b.tune(rate)
            ear = Ear(rate, 0.3)
            await beats(a, b, 60, ear)
            assert ear.hz() == pytest.approx(440, abs=4)
        with pytest.raises(ValueError, match="does not speak at 11025"):
            a.tune(11_025)


async def test_keys_cross_and_take_the_place_of_sound() -> None:
    async with pair() as (a, b):
        digits: list[str] = []
        b.on_digit = digits.append
        a.press("12#")
        await beats(a, b, 40)
        assert digits == ["1", "2", "#"]


async def test_hold_is_told_by_a_new_offer_and_its_sound_stops() -> None:
    async with pair() as (a, b):
        holds: list[bool] = []
        b.on_hold = holds.append
        a.hold(True)
        a.accept(b.answer(a.offer()))
        assert (holds, b.held_by_remote) == ([True], True)
        before = b.stats.packets_sent
        await beats(b, a, 5)
        assert b.stats.packets_sent == before
        a.hold(False)
        a.accept(b.answer(a.offer()))
        await beats(b, a, 5)
        assert b.stats.packets_sent == before + 5


async def test_garbage_and_strangers_are_counted_and_do_no_harm() -> None:
    async with pair() as (a, b):
        await beats(a, b, 3)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for data in (b"", b"x" * 5, b"\xff" * 200, bytes(RtpPacket(99, 1, 1, 1, b"x"))):
                stranger.sendto(data, b.address)
            stranger.sendto(bytes(RtpPacket(0, 1, 1, 1, b"\x00" * 160)), b.address)
            await asyncio.sleep(0.02)
        assert b.stats.garbage >= 3 and b.stats.elsewhere == 1
        ear = Ear(8000, 0.3)
        await beats(a, b, 60, ear)
        assert ear.hz() == pytest.approx(440, abs=3)


async def test_sound_goes_to_where_sound_comes_from() -> None:
    """Behind a NAT the address in the SDP is not the one that packets come from (RFC 4961)."""
    async with pair() as (a, b):
        offer = a.offer().replace(str(a.address[1]).encode(), b"9")
        b.answer(offer)
        await beats(a, b, 4)
        await beats(b, a, 5)
        assert a.stats.packets_received == 5


async def test_ports_are_even_and_from_the_range_that_was_given() -> None:
    first = await MediaStream.open("127.0.0.1", ports=range(42_100, 42_140))
    assert first.address[1] in range(42_100, 42_140, 2)
    first.close()
    with pytest.raises(ValueError, match="unknown codec 'G729'"):
        await MediaStream.open("127.0.0.1", codecs=["G729"])
    await asyncio.sleep(0)


async def test_a_path_that_is_silent_for_long_is_told_once_and_again_after_the_next_silence() -> (
    None
):
    async with pair() as (a, b):
        told: list[float] = []
        b.on_silent = told.append
        now = time.monotonic()
        b._chores(now + 19)
        assert told == []
        b._chores(now + 21)
        b._chores(now + 30)
        assert len(told) == 1 and 20 <= told[0] <= 22
        await beats(a, b, 3)
        b._chores(time.monotonic() + 25)
        assert len(told) == 2


async def test_an_end_that_is_held_need_not_be_heard() -> None:
    async with pair() as (a, b):
        told: list[float] = []
        a.on_silent = told.append
        a.hold(True)
        a.accept(b.answer(a.offer()))
        a._chores(time.monotonic() + 100)
        assert told == []
