"""ffmpeg decodes what we send and we decode what it sends, in each codec that both have."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from siptg.rtp.clock import MediaClock
from siptg.rtp.codecs import CODECS, named
from siptg.rtp.offer import MediaTerms, Policy
from siptg.rtp.sounds.goertzel import Ear
from siptg.rtp.sounds.tones import sound
from siptg.rtp.stream import MediaStream
from tests.world.ffmpeg import HOST, Listener, Speaker, describe
from tests.world.process import free_ports
from tests.world.sounds import strength

pytestmark = pytest.mark.world

LIBRARIES = {"gsm": "libgsm1", "g726": "libspandsp2", "opus": "libopus0"}
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNk"
"""Thirty bytes of nobody in particular."""
SPOKEN = [
    *("pcmu", "pcma", "g722", "opus", "gsm", "l16/8000", "l16/16000", "l16/48000"),
    *("g726-32", "g726-16", "aal2-g726-32"),
]


def need_codec(key: str) -> None:
    if key not in CODECS:
        package = next(name for start, name in LIBRARIES.items() if start in key)
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse(f"{key} is missing: apt-get install {package}")


@contextlib.asynccontextmanager
async def stream(
    key: str, ptime: int = 20, security: Policy = Policy.PLAIN
) -> AsyncIterator[tuple[MediaStream, MediaClock]]:
    need_codec(key)
    terms = MediaTerms(named([key]), ptime=ptime, security=security)
    async with MediaClock() as clock:
        made = await MediaStream.open(HOST, terms=terms, clock=clock)
        yield made, clock
        made.close()


def saying(made: MediaStream, clock: MediaClock, what: str) -> None:
    said = sound(what, made.rate)
    clock.add(lambda: made.write(next(said)))


@pytest.mark.rfc(3551, "4.5")
@pytest.mark.parametrize(
    ("key", "ptime"),
    [*((key, 20) for key in SPOKEN), ("pcmu", 10), ("pcmu", 60), ("opus", 60), ("g722", 30)],
)
async def test_ffmpeg_hears_our_tone_at_its_level(key: str, ptime: int, tmp_path: Path) -> None:
    async with stream(key) as (ours, clock):
        codec = CODECS[key]
        port = free_ports(2, even=True)
        sdp = describe(port, codec.payload_type, codec.rtpmap, ptime=ptime)
        async with Listener(sdp, folder=tmp_path) as ffmpeg:
            ours.answer(sdp.encode())
            saying(ours, clock, "tone:440@-20")
            hz, dbfs = await ffmpeg.heard()
    assert hz == pytest.approx(440, rel=0.02)
    assert dbfs == pytest.approx(-20, abs=1.5)
    assert ffmpeg.complaints == []


@pytest.mark.rfc(4568, "6.2")
@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"])
async def test_ffmpeg_decrypts_what_we_send(suite: str, tmp_path: Path) -> None:
    async with stream("pcmu", security=Policy.SDES) as (ours, clock):
        port = free_ports(2, even=True)
        theirs = f"a=crypto:1 {suite} inline:{KEY}"
        answer = ours.answer(described(port, theirs).encode()).decode()
        (key,) = re.findall(r"a=crypto:.*", answer)
        # an ear only: what it needs is the key that we send under
        async with Listener(described(port, key.strip()), folder=tmp_path) as ffmpeg:
            saying(ours, clock, "tone:440@-20")
            hz, dbfs = await ffmpeg.heard()
    assert hz == pytest.approx(440, rel=0.02)
    assert dbfs == pytest.approx(-20, abs=1.5)
    assert ffmpeg.complaints == []


def described(port: int, key: str) -> str:
    return describe(port, 0, "PCMU/8000", protocol="RTP/SAVP", more=[key])


@pytest.mark.parametrize(
    ("key", "rate", "packet"),
    [
        ("pcmu", 8000, 1400),
        ("pcma", 8000, 172),
        ("g722", 16_000, 1400),
        ("opus", 48_000, 1400),
        ("l16/16000", 16_000, 1400),
        ("l16/8000", 8000, 172),  # 10 ms
        ("g726-32", 8000, 92),
        ("aal2-g726-32", 8000, 92),
    ],
)
async def test_we_hear_the_tone_of_ffmpeg_at_its_level(
    key: str, rate: int, packet: int, tmp_path: Path
) -> None:
    async with stream(key) as (ours, clock):
        number, rtpmap = CODECS[key].payload_type, CODECS[key].rtpmap
        ear, source = Ear(ours.rate, 0.4), free_ports(2, even=True)
        ours.answer(describe(source, number, rtpmap, direction="sendonly").encode())
        clock.add(lambda: ear.write(ours.read()))
        async with Speaker(
            number, rtpmap, ours.address, source, folder=tmp_path, rate=rate, packet=packet
        ) as ffmpeg:
            await heard(ear, ffmpeg)
        assert (ours.stats.lost, ours.stats.garbage, ours.stats.elsewhere) == (0, 0, 0)


@pytest.mark.rfc(3711, "3.3")
async def test_we_decrypt_what_ffmpeg_sends(tmp_path: Path) -> None:
    async with stream("pcma", security=Policy.SDES) as (ours, clock):
        source = free_ports(2, even=True)
        key = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"
        sdp = describe(
            source, 8, "PCMA/8000", direction="sendonly", protocol="RTP/SAVP", more=[key]
        )
        ours.answer(sdp.encode())
        ear = Ear(ours.rate, 0.4)
        clock.add(lambda: ear.write(ours.read()))
        async with Speaker(
            8, "PCMA/8000", ours.address, source, folder=tmp_path, key=KEY, packet=172
        ) as ffmpeg:
            await heard(ear, ffmpeg)
        assert (ours.stats.lost, ours.stats.refused) == (0, 0)


async def heard(ear: Ear, ffmpeg: Speaker, hz: float = 880, dbfs: float = -18) -> None:
    """Wait until the tone is there at its level."""
    try:
        async with asyncio.timeout(5):
            while not (
                ear.full
                and ear.hz() == pytest.approx(hz, rel=0.02)
                and strength(ear.samples) == pytest.approx(dbfs, abs=1.5)
            ):
                await asyncio.sleep(0.05)
    except TimeoutError:
        found = f"{ear.hz():.0f} Hz at {strength(ear.samples):.1f} dBFS"
        pytest.fail(f"we hear {found}\n{ffmpeg.last_words()}")
