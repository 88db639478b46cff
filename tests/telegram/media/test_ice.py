"""ICE on wires: what is told apart by its first byte, what strangers may send, what is left."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.clock import MediaClock
from siptg.telegram.media.ice import CallIce
from tests.support.background import open_files

LOOPBACK = ("127.0.0.1",)
Heard = list[bytes]


@asynccontextmanager
async def joined() -> AsyncIterator[tuple[CallIce, CallIce]]:
    ends = [CallIce(caller=n == 0, addresses=LOOPBACK, servers=(), p2p=True) for n in range(2)]
    try:
        for one in ends:
            await one.gather_candidates()
        for one, other in (ends, ends[::-1]):
            one.remote_username, one.remote_password = other.local_username, other.local_password
            for line in other.lines():
                assert await one.add_line(line)
        await asyncio.gather(*(one.connect() for one in ends))
        yield ends[0], ends[1]
    finally:
        for one in ends:
            await one.close()


def take(heard: Heard, ice: CallIce) -> None:
    ice.media = lambda data, arrived: heard.append(data)


def port_of(ice: CallIce) -> tuple[str, int]:
    wire = ice._ports[0].wire
    assert wire is not None
    return wire.address


async def test_srtp_goes_straight_to_whoever_takes_it_by_loop_and_by_beat() -> None:
    clock, heard = MediaClock(), Heard()
    async with joined() as (a, b):
        take(heard, b)
        a.send_now(b"\x80 by the loop")
        await asyncio.sleep(0.01)
        b.give_to(clock.poller)
        a.send_now(b"\xbf by the beat")
        clock.poller.fetch()
        a.send_now(b"\x16 no media")  # DTLS: to aiortc
        clock.poller.fetch()
        assert heard == [b"\x80 by the loop", b"\xbf by the beat"]
        assert await asyncio.wait_for(b.recv(), 1) == b"\x16 no media"
    clock.poller.close()


async def test_before_there_are_keys_it_waits_with_the_handshake() -> None:
    async with joined() as (a, b):
        a.send_now(b"\x80 early")
        assert await asyncio.wait_for(b.recv(), 1) == b"\x80 early"


async def test_without_a_path_what_is_sent_is_dropped() -> None:
    ice = CallIce(caller=True, addresses=LOOPBACK, servers=(), p2p=True)
    ice.send_now(b"\x80 to nobody")
    await ice.close()


@pytest.mark.parametrize(
    "line",
    [
        "candidate:1 1 tcp 1 192.0.2.1 9 typ host",
        "candidate:1 1 udp 1 x.local 9 typ host",
        "candidate:1 1 udp 1 x.reflector 9 typ relay",
        "candidate:1 1 udp 1 192.0.2.1 port typ host",
        "candidate:1 1 udp",
        "candidate:1 1 udp 1 nonsense 9 typ host",
        "",
        "candidate:" + "x" * 1000,
    ],
)
async def test_a_candidate_that_cannot_be_used_is_passed_over(line: str) -> None:
    ice = CallIce(caller=True, addresses=LOOPBACK, servers=(), p2p=True)
    assert not await ice.add_line(line)
    await ice.close()


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def message(kind: int, *attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return struct.pack(">HHI", kind, len(body), 0x2112A442) + bytes(12) + body


BROKEN = {
    "a priority of three bytes": message(1, attribute(0x24, b"abc")),
    "a role of one byte": message(1, attribute(0x802A, b"x")),
    "a fingerprint of nothing": message(1, attribute(0x8028, b"")),
    "a channel of one byte": message(9, attribute(0x0C, b"x")),
    "an address of nothing": message(1, attribute(0x20, b"")),
    "a name that is no text": message(1, attribute(0x06, b"\xff\xfe")),
    "an answer to nothing": message(0x101),
    "a request of nothing": message(1),
    "a method that is none": message(0x1FF),
    "cut short": message(1, attribute(0x24, b"abcd"))[:-1],
}


@pytest.mark.parametrize("how", ["loop", "beat"])
@pytest.mark.parametrize("broken", BROKEN)
async def test_no_datagram_of_a_stranger_stops_the_beat(
    broken: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One that raised would end it for all calls."""
    heard = Heard()
    async with MediaClock() as clock, joined() as (a, b):
        take(heard, b)
        if how == "beat":
            b.give_to(clock.poller)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(BROKEN[broken], port_of(b))
            await asyncio.sleep(0.03)
        a.send_now(b"\x80 still here")
        await asyncio.sleep(0.03)
        assert heard == [b"\x80 still here"] and clock.running and clock.failures == 0
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


async def test_only_the_peer_itself_counts_as_heard() -> None:
    async with joined() as (_, b):
        assert b.heard > 0
        b.heard = 0.0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(message(1, attribute(6, b"who"), attribute(8, bytes(20))), port_of(b))
            stranger.sendto(message(1), port_of(b))
            await asyncio.sleep(0.02)
        assert b.heard == 0.0


async def test_the_peer_itself_may_send_a_broken_check() -> None:
    """Of good integrity and without what every check has: a priority."""
    async with MediaClock() as clock, joined() as (a, b):
        b.give_to(clock.poller)
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{b.local_username}:{b.remote_username}"
        request.add_message_integrity(b.local_password.encode())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            elsewhere.sendto(bytes(request), port_of(b))
            await asyncio.sleep(0.03)
        assert clock.running and a is not b


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.builds(
                lambda kind, parts: message(kind, *(attribute(*part) for part in parts)),
                st.sampled_from([1, 0x11, 0x101, 0x111, 3, 0x103, 0x3EEF]),
                st.lists(
                    st.tuples(
                        st.sampled_from([1, 3, 6, 8, 9, 0xC, 0x20, 0x24, 0x25, 0x8028, 0x802A]),
                        st.binary(max_size=20),
                    ),
                    max_size=4,
                ),
            ),
        ),
        max_size=8,
    )
)
def test_whatever_comes_nothing_raises(datagrams: list[bytes]) -> None:
    async def receive() -> None:
        ice = CallIce(caller=False, addresses=LOOPBACK, servers=(), p2p=True)
        await ice.gather_candidates()
        ice.remote_username, ice.remote_password = "them", "secret" * 4
        for data in datagrams:
            if data:
                ice._ports[0].take(data, ("127.0.0.1", 9), 0.0)
        await ice.close()

    asyncio.run(receive())


async def test_after_the_end_nothing_is_left_open() -> None:
    before = open_files()
    clock = MediaClock()
    between = open_files()
    async with joined() as (a, b):
        for one in (a, b):
            one.give_to(clock.poller)
        a.send_now(random.Random(1).randbytes(20))
        clock.poller.fetch()
        assert len(open_files()) > len(between)
    assert open_files() == between and len(clock.poller) == 0
    a.send_now(b"\x80 late")  # a beat that was under way
    clock.poller.close()
    assert open_files() == before
