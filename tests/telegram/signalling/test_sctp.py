"""Signalling over SCTP: it comes once and in order over bad links, and bears what is injected."""

from __future__ import annotations

import asyncio
import random
import struct
from typing import Any

import pytest
from aiortc import rtcsctptransport as sctp

from siptg.telegram.signalling.chunks import are_sound
from siptg.telegram.signalling.sctp import LONGEST_T1, MOST_ANSWERS, MOST_CHUNKS, SctpChannel
from tests.support.sctp import data, forged
from tests.support.signals import OTHER_KEY, LossyLink, cipher

FIVE = [b'{"n":%d}' % n for n in range(5)]


class Pair:
    """Caller and callee, their packets carried by a link each way."""

    def __init__(self, there: LossyLink | None = None, back: LossyLink | None = None) -> None:
        self.links = there or LossyLink(), back or LossyLink()
        self.packets: list[bytes] = []
        self.got: tuple[list[bytes], list[bytes]] = [], []
        self.caller = SctpChannel(cipher(caller=True), True, self._to_callee, self.got[0].append)
        self.callee = SctpChannel(cipher(caller=False), False, self._to_caller, self.got[1].append)

    def _to_callee(self, packet: bytes) -> None:
        self.packets.append(packet)
        self.links[0].carry(packet, lambda packet: self.callee.receive(packet))

    def _to_caller(self, packet: bytes) -> None:
        self.packets.append(packet)
        self.links[1].carry(packet, lambda packet: self.caller.receive(packet))

    def close(self) -> None:
        self.caller.close()
        self.callee.close()

    async def exchange(self, within: float) -> None:
        """Five messages each way."""
        for text in FIVE:
            self.caller.post(text)
            self.callee.post(text)
        async with asyncio.timeout(within):
            while not self.got[0] == self.got[1] == FIVE:
                await asyncio.sleep(0.01)


@pytest.mark.looptime
async def test_what_is_posted_before_the_association_stands_comes_in_order() -> None:
    pair = Pair()
    await pair.exchange(1.0)
    pair.close()


@pytest.mark.looptime
@pytest.mark.parametrize("seed", range(8))
async def test_messages_come_in_order_over_lossy_doubling_reordering_links(seed: int) -> None:
    pair = Pair(*(LossyLink(seed * 2 + n, 0.3, 0.2, 0.2) for n in (1, 2)))
    await pair.exchange(60.0)
    await asyncio.sleep(30)
    assert pair.got == (FIVE, FIVE)
    pair.close()


@pytest.mark.looptime
async def test_five_seconds_each_way_are_borne() -> None:
    pair = Pair(LossyLink(1, latest=5.0), LossyLink(2, latest=5.0))
    await pair.exchange(90.0)
    pair.close()


@pytest.mark.looptime
async def test_a_link_that_is_torn_for_twenty_seconds_is_borne() -> None:
    pair = Pair(LossyLink(torn=(0.0, 20.0)), LossyLink(torn=(0.0, 20.0)))
    await pair.exchange(22.0)
    assert len(pair.packets) < 2 * 20 / LONGEST_T1 + 40, "it insists without measure"
    pair.close()


@pytest.mark.looptime
async def test_one_end_may_begin_long_before_the_other_is_there() -> None:
    early: list[bytes] = []
    caller = SctpChannel(cipher(caller=True), True, early.append, early.append)
    await asyncio.sleep(10)
    caller.close()
    assert 10 < len(early) < 20 and len(set(early)) == 1


@pytest.mark.looptime
async def test_nothing_is_left_after_closing() -> None:
    pair = Pair(LossyLink(1, 0.5), LossyLink(2, 0.5))
    for text in FIVE:
        pair.caller.post(text)
    await asyncio.sleep(0.5)
    pair.close()
    sent = len(pair.packets)
    pair.caller.post(b"{}")
    pair.callee.receive(pair.packets[0])
    await asyncio.sleep(120)
    assert len(pair.packets) == sent
    assert asyncio.all_tasks() == {asyncio.current_task()}
    for channel in (pair.caller, pair.callee):
        mine = channel._association
        assert not any((mine._t1_handle, mine._t2_handle, mine._t3_handle, mine._reconfig_handle))


@pytest.mark.looptime
async def test_a_message_that_closes_the_channel_is_the_last() -> None:
    pair = Pair()

    def take(text: bytes) -> None:
        pair.got[1].append(text)
        pair.callee.close()

    pair.callee._deliver = take
    for text in FIVE:
        pair.caller.post(text)
    await asyncio.sleep(1)
    assert pair.got[1] == FIVE[:1]
    pair.close()


@pytest.mark.looptime
async def test_other_keys_deliver_nothing_and_are_counted() -> None:
    got: list[bytes] = []
    pair = Pair()
    pair.callee._cipher = cipher(caller=False, key=OTHER_KEY)
    pair.caller._deliver = got.append
    for text in FIVE:
        pair.caller.post(text)
        pair.callee.post(text)
    await asyncio.sleep(2)
    assert pair.got == ([], []) and got == []
    assert pair.caller.counters["undecryptable"] == pair.callee.counters["undecryptable"] == 5
    pair.close()


def injected(channel: SctpChannel) -> dict[str, bytes]:
    """What anybody on the way could send who saw the packets before."""
    last = channel._association._last_received_tsn or 0
    heartbeats = b"".join([struct.pack(">BBH", 4, 0, 4)] * 60)
    stranger = sctp.InitChunk(0, struct.pack("!LLHHL", 7, 1 << 20, 9, 9, 7))
    future = (channel._association._local_tsn + 1000) % 2**32
    gaps = struct.pack("!LLHH", channel._association._last_sacked_tsn, 1 << 20, 200, 0)
    return {
        "abort": forged(channel, sctp.AbortChunk()),
        "shutdown": forged(channel, sctp.ShutdownChunk(0, struct.pack("!L", last))),
        "error": forged(channel, sctp.ErrorChunk()),
        "reset": forged(channel, sctp.ReconfigChunk(0, struct.pack("!HHLLLH", 13, 18, 1, 1, 1, 0))),
        "forward": forged(
            channel, sctp.ForwardTsnChunk(0, struct.pack("!L", (last + 1000) % 2**32))
        ),
        "another INIT": forged(channel, stranger, tag=0),
        "two INITs": forged(channel, stranger, stranger, tag=0),
        "a parameter of no length": forged(channel, struct.pack(">BBHHH", 4, 0, 8, 1, 0)),
        "a chunk of no length": forged(channel, struct.pack(">BBH", 0, 0, 0)),
        "a chunk too long": forged(channel, struct.pack(">BBH", 0, 0, 400)),
        "data cut off": forged(channel, struct.pack(">BBHH", 0, 3, 6, 1) + b"\0\0"),
        "many heartbeats": forged(channel, heartbeats),
        "far ahead": forged(channel, data(last + 100_000)),
        "another stream": forged(channel, data(last + 1, stream=9)),
        "no content": forged(channel, data(last + 1, b"")),
        "gaps without end": forged(
            channel, struct.pack(">BBH", 3, 0, 816) + gaps + struct.pack("!HH", 1, 65_535) * 200
        ),
        "acknowledges the future": forged(
            channel, sctp.SackChunk(0, struct.pack("!LLHH", future, 1, 0, 0))
        ),
        "a sealed packet": cipher(caller=True).seal(b"\0\0\0\1{}"),
        "nothing": b"",
        "only ports": b"\x13\x88\x13\x88",
        "large": b"\x13\x88\x13\x88" + bytes(120_000),
    }


@pytest.mark.looptime
async def test_nothing_injected_breaks_an_association_or_costs_much() -> None:
    pair = Pair()
    await pair.exchange(1.0)
    for name, packet in injected(pair.callee).items():
        before = len(pair.packets)
        pair.callee.receive(packet)
        assert len(pair.packets) - before <= MOST_ANSWERS, name
        text = b'{"after": "%s"}' % name.encode()
        pair.caller.post(text)
        pair.callee.post(text)
        async with asyncio.timeout(5):
            while pair.got[0][-1] != text or pair.got[1][-1] != text:
                await asyncio.sleep(0.01)
    assert pair.callee._association.stands
    pair.close()


@pytest.mark.looptime
@pytest.mark.parametrize("late", range(1, 6))
async def test_packets_of_the_beginning_that_come_again_change_nothing(late: int) -> None:
    pair = Pair()
    await pair.exchange(1.0)
    for packet in pair.packets[:40]:
        for _ in range(late):
            pair.callee.receive(packet)
            pair.caller.receive(packet)
    for channel in (pair.caller, pair.callee):
        channel.post(b'{"after":1}')
    await asyncio.sleep(3)
    assert pair.got == ([*FIVE, b'{"after":1}'],) * 2
    pair.close()


@pytest.mark.looptime
async def test_pieces_that_never_become_a_message_are_bounded() -> None:
    pair = Pair()
    await pair.exchange(1.0)
    mine = pair.callee._association
    last = mine._last_received_tsn or 0
    for n in range(3000):
        pair.callee.receive(
            forged(
                pair.callee, *(data(last + 2 + n * 3 + k, b"y" * 900, flags=0) for k in range(3))
            )
        )
        await asyncio.sleep(0.1)
    kept = mine._inbound_streams[0].reassembly
    assert len(kept) <= MOST_CHUNKS and sum(len(c.user_data) for c in kept) <= 256 * 1024
    assert len(mine._sack_misordered) <= MOST_CHUNKS and len(mine._inbound_streams) == 1
    pair.close()


@pytest.mark.looptime
async def test_ten_thousand_packets_are_counted_and_hardly_looked_at() -> None:
    pair, chance = Pair(), random.Random(3)
    await pair.exchange(1.0)
    before = len(pair.packets)
    for _ in range(10_000):
        pair.callee.receive(forged(pair.callee, sctp.HeartbeatChunk()))
        pair.callee.receive(b"\x13\x88\x13\x88" + chance.randbytes(40))
    assert pair.callee.counters["flooded"] > 19_000
    assert len(pair.packets) - before < 300
    pair.close()


@pytest.mark.looptime
async def test_who_never_acknowledges_is_not_sent_to_without_end() -> None:
    pair = Pair()
    await pair.exchange(1.0)
    pair.links[0].torn = (0.0, 1e9)
    before = len(pair.packets)
    for n in range(1000):
        pair.caller.post(b'{"n":%d}' % n)
    await asyncio.sleep(300)
    assert pair.caller.counters["unacknowledged"] > 400
    assert len(pair.packets) - before < 120
    pair.close()


@pytest.mark.looptime
async def test_another_framing_is_told_once_in_words(caplog: pytest.LogCaptureFixture) -> None:
    pair = Pair()
    for n in range(3):
        pair.caller.receive(cipher(caller=False).seal(b"\0\0\0%c{}" % n))
    (line,) = caplog.messages
    assert "before 11" in line and pair.caller.counters["other_framing"] == 3
    pair.close()


def test_lengths_of_chunks_are_looked_at_before_they_are_believed() -> None:
    header = bytes(12)
    heartbeat = sctp.HeartbeatChunk()
    heartbeat.params = [(1, b"abc"), (2, b"")]
    assert are_sound(header + bytes(heartbeat) * 64) and are_sound(header)
    assert not are_sound(header + bytes(heartbeat) * 65)
    for kind in (1, 2, 4, 5, 6, 9, 130):
        init = bytes(16) if kind < 3 else b""
        for length in range(4):
            content = init + struct.pack(">HHHH", 1, 4, 1, length)
            chunk: Any = struct.pack(">BBH", kind, 0, 4 + len(content)) + content
            assert not are_sound(header + chunk)
