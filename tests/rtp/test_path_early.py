"""The way of a stream's packets, before and after there is an agreement."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from siptg.rtp.codecs import named
from siptg.rtp.offer import MediaTerms, Policy
from siptg.rtp.path import MOST_EARLY, certificate
from siptg.rtp.sdp.fingerprint import Fingerprint
from siptg.rtp.stream import MediaStream

HOST = "127.0.0.1"


@asynccontextmanager
async def two() -> AsyncIterator[tuple[MediaStream, MediaStream]]:
    """Of DTLS; nothing is said yet."""
    shown = Fingerprint(*certificate().fingerprint)
    terms = MediaTerms(named(["pcmu"]), security=Policy.DTLS, fingerprint=shown)
    a, b = [await MediaStream.open(HOST, terms=terms) for _ in range(2)]
    yield a, b
    a.close()
    b.close()
    await asyncio.sleep(0)


async def come_up(*streams: MediaStream) -> None:
    async with asyncio.timeout(5):
        while not all(stream.suite for stream in streams):
            await asyncio.sleep(0.005)


@pytest.mark.rfc(5763, "5")
async def test_a_handshake_that_begins_before_their_answer_is_here_is_not_begun_anew() -> None:
    async with two() as (a, b):
        answer = b.answer(a.offer())
        assert b._path._timer is not None
        b._path._timer.cancel()  # it says it once: who does not listen now never hears it
        await asyncio.sleep(0.05)
        a.accept(answer)
        await come_up(a, b)
        assert a.stats.garbage == b.stats.garbage == 0


async def test_what_is_kept_of_strangers_before_the_answer_is_little() -> None:
    async with two() as (a, b):
        offer = a.offer()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for n in range(3 * MOST_EARLY):
                stranger.sendto(b"\x16\xfe\xfd" + bytes([n]) * 40, a.address)
        await asyncio.sleep(0.05)
        assert len(a._path._early) == MOST_EARLY
        a.accept(b.answer(offer))
        await come_up(a, b)
        assert a._path._early == []
