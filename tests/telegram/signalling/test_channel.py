"""A framing on the loop's clock: it repeats, it bears floods, it is silent once closed."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

import pytest

from siptg.telegram.signalling.acknowledged import AcknowledgedFraming
from siptg.telegram.signalling.channel import Framing, TimedChannel
from siptg.telegram.signalling.cipher import SignallingCipher
from siptg.telegram.signalling.gate import A_SECOND, BURST, Gate
from siptg.telegram.signalling.simple import SimpleFraming
from tests.support.signals import LossyLink, cipher

Make = Callable[[SignallingCipher], Framing]
FRAMINGS: list[Make] = [AcknowledgedFraming, SimpleFraming]
FIVE = [b'{"n":%d}' % n for n in range(5)]


class Pair:
    """Caller and callee, their packets carried by one link."""

    def __init__(self, make: Make, link: LossyLink) -> None:
        self.got: tuple[list[bytes], list[bytes]] = [], []
        self.caller = TimedChannel(
            make(cipher(caller=True)),
            lambda packet: link.carry(packet, lambda packet: self.callee.receive(packet)),
            self.got[0].append,
        )
        self.callee = TimedChannel(
            make(cipher(caller=False)),
            lambda packet: link.carry(packet, lambda packet: self.caller.receive(packet)),
            self.got[1].append,
        )

    def close(self) -> None:
        self.caller.close()
        self.callee.close()


@pytest.mark.looptime
@pytest.mark.parametrize("make", FRAMINGS)
@pytest.mark.parametrize(
    "link",
    [
        LossyLink(7, 0.3, 0.2, 0.2),
        LossyLink(7, latest=5.0, doubled=0.5),
        LossyLink(7, held=5.0),
        LossyLink(7, torn=(0.0, 4.0)),
    ],
    ids=["lost, doubled, late", "five seconds late", "held for five seconds", "torn"],
)
async def test_all_messages_come_once_on_a_bad_link(make: Make, link: LossyLink) -> None:
    pair = Pair(make, link)
    for text in FIVE:
        pair.caller.post(text)
        pair.callee.post(text)
    await asyncio.sleep(90)
    assert sorted(pair.got[0]) == sorted(pair.got[1]) == FIVE
    pair.close()


@pytest.mark.looptime
@pytest.mark.parametrize("make", FRAMINGS)
async def test_a_closed_channel_is_silent(make: Make) -> None:
    sent: list[bytes] = []
    channel = TimedChannel(make(cipher(caller=True)), sent.append, sent.append)
    channel.post(b"{}")
    channel.close()
    channel.post(b"{}")
    channel.receive(cipher(caller=False).seal(b"\0\0\0\1\xfe"))
    await asyncio.sleep(60)
    assert len(sent) == 1


@pytest.mark.looptime
async def test_ten_thousand_packets_are_counted_and_hardly_answered() -> None:
    them, sent, got = cipher(caller=False), list[bytes](), list[bytes]()
    channel = TimedChannel(AcknowledgedFraming(cipher(caller=True)), sent.append, got.append)
    for n in range(1, 10_001):
        channel.receive(them.seal(struct.pack(">IBI", n | 1 << 30, 0x7F, 2) + b"{}"))
    assert channel.counters["flooded"] == 10_000 - BURST
    assert len(sent) == len(got) == BURST
    await asyncio.sleep(1)
    channel.receive(them.seal(struct.pack(">IBI", 20_000, 0x7F, 2) + b"{}"))
    assert len(got) == BURST + 1
    channel.close()


@pytest.mark.looptime
@pytest.mark.parametrize("make", FRAMINGS)
async def test_another_framing_is_told_once_in_words(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    channel = TimedChannel(make(cipher(caller=True)), print, print)
    for _ in range(3):
        channel.receive(b"\x13\x88\x13\x88" + bytes(60))
    (line,) = caplog.messages
    assert "SCTP" in line
    assert channel.counters["other_framing"] == channel.counters["undecryptable"] == 3


def test_a_gate_lets_a_burst_through_and_then_so_many_a_second() -> None:
    gate = Gate()
    assert sum(gate.lets(10.0) for _ in range(1000)) == BURST
    assert sum(gate.lets(11.0) for _ in range(1000)) == A_SECOND
    assert sum(gate.lets(1e6) for _ in range(1000)) == BURST
