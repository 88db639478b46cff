"""The data channel against an end that is encrypted and authentic, and hostile all the same."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import struct
from collections import Counter

import pytest
from google_crc32c import value as crc32c
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.keys.srtp import SrtpError
from siptg.telegram.media.state_channel import CONTROL, LARGEST_TEXT, TEXT, StateChannel
from siptg.telegram.signalling.sctp import run
from tests.support.engines import both_hear, two_ends


class Side:
    def __init__(self, *, caller: bool) -> None:
        self.sent: list[bytes] = []
        self.heard: list[bytes] = []
        self.opened = 0
        self.counters: Counter[str] = Counter()
        self.channel = StateChannel(
            caller=caller, client=caller, send=self.sent.append, counters=self.counters
        )
        self.channel.on_text = self.heard.append
        self.channel.on_open = self._open

    def _open(self) -> None:
        self.opened += 1


async def carry(a: Side, b: Side) -> None:
    """Until nothing is under way."""
    while a.sent or b.sent:
        for one, other in ((a, b), (b, a)):
            packets = one.sent.copy()
            one.sent.clear()
            for packet in packets:
                await other.channel._handle_data(packet)


async def joined() -> tuple[Side, Side]:
    a, b = Side(caller=True), Side(caller=False)
    a.channel.start()
    b.channel.start()
    await carry(a, b)
    return a, b


async def test_it_opens_once_for_both_and_carries_texts_both_ways() -> None:
    a, b = await joined()
    a.channel.say(b"one")
    b.channel.say(b"two")
    await carry(a, b)
    assert (a.opened, b.opened, a.heard, b.heard) == (1, 1, [b"two"], [b"one"])
    a.channel.close()
    b.channel.close()


async def test_other_channels_and_what_is_huge_are_left_out() -> None:
    a, b = await joined()
    rogue = a.channel._association
    for stream in range(1, 200):
        run(rogue._send(stream, CONTROL, struct.pack(">BBHIHH", 3, 0, 0, 0, 4, 0) + b"more"))
        run(rogue._send(stream, TEXT, b"x" * 1000))
        await carry(a, b)
    run(rogue._send(0, TEXT, b"x" * (LARGEST_TEXT + 1)))
    await carry(a, b)
    assert b.heard == [] and len(b.channel._association._inbound_streams) <= 1
    a.channel.close()
    b.channel.close()


async def test_a_flood_is_looked_at_for_a_moment_only() -> None:
    a, b = await joined()
    for n in range(2000):
        run(a.channel._association._send(0, TEXT, b"%d" % n))
        for packet in a.sent:
            await b.channel._handle_data(packet)
        a.sent.clear()
    assert len(b.heard) < 400 and b.counters["channel_flooded"] > 500
    a.channel.close()
    b.channel.close()


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 2, 3, 4, 6, 7, 8, 10, 11, 130, 192]), st.binary()),
        max_size=12,
    )
)
def test_whatever_chunks_come_nothing_raises(chunks: list[tuple[int, bytes]]) -> None:
    async def receive() -> None:
        a, b = await joined()
        tag = b.channel._association._local_verification_tag
        for kind, content in chunks:
            body = struct.pack(">BBH", kind, len(content) % 8, 4 + len(content)) + content
            body += bytes(-len(body) % 4)
            head = struct.pack(">HHI", 5000, 5000, 0 if kind == 1 else tag)
            summed = struct.pack("<I", crc32c(head + bytes(4) + body))
            await b.channel._handle_data(head + summed + body)
            await b.channel._handle_data(content)
        b.channel.say(b"still here")
        a.channel.close()
        b.channel.close()

    asyncio.run(receive())


@pytest.mark.parametrize("seed", range(3))
async def test_an_authentic_peer_that_sends_rubbish_ends_nothing(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """DTLS records, SRTP, SRTCP, STUN and data, all from the peer's own socket."""
    caplog.set_level(logging.WARNING)
    chance = random.Random(seed)
    async with two_ends(talking=True) as (a, b):
        await both_hear(a, b)
        path = a.media._path.connection
        for n in range(300):
            rubbish = chance.randbytes(chance.randrange(1, 200))
            first = chance.choice((0, 1, 20, 21, 22, 23, 63, 128, 144, 191))
            path.send_now(bytes((first,)) + rubbish)
            path.send_now(b"\x80" + bytes((chance.choice((111, 200, 201, 63)),)) + rubbish)
            a.media._send_sctp(rubbish)
            with contextlib.suppress(SrtpError):  # not even our own SRTP takes all of it
                a.audio._out_rtcp(b"\x80" + bytes((200 + n % 8,)) + rubbish + bytes(8))
            head = struct.pack(">BBHII", 0x80, n % 128, chance.getrandbits(16), n, 1 + n % 3)
            with contextlib.suppress(SrtpError):
                a.audio.session.outbound.send(head + rubbish)
            b.media.receive(rubbish)
            if n % 10 == 0:
                await asyncio.sleep(0.01)
        await both_hear(a, b)
        assert a.told == b.told == ["up"]
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]
