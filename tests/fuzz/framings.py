"""What is fuzzed of signalling below the messages: cipher, framings, SCTP, by a peer with the key
and by one without.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import looptime

from siptg.telegram.signalling.acknowledged import (
    LARGEST_OUT,
    MOST_ACKS,
    MOST_UNACKED,
    AcknowledgedFraming,
)
from siptg.telegram.signalling.sctp import MOST_ANSWERS, MOST_CHUNKS, WINDOW, SctpChannel
from siptg.telegram.signalling.simple import MOST_REPEATED, SimpleFraming
from tests.fuzz.media import pieces
from tests.support.sctp import data as data_chunk
from tests.support.sctp import forged, next_tsn
from tests.support.signals import cipher


def framings(data: bytes) -> None:
    """The acknowledged one and the simple one hear the same, while time goes by."""
    ours, theirs, now = cipher(caller=True), cipher(caller=False), 0.0
    acknowledged, simple = AcknowledgedFraming(ours), SimpleFraming(ours)
    for what, part in pieces(data):
        for end in (acknowledged, simple):
            match what % 4:
                case 0:
                    heard = end.receive(part, now)
                case 1 | 2:
                    heard = end.receive(theirs.seal(part), now)
                case _:
                    end.post(part, now)
                    heard = []
            assert all(isinstance(text, bytes) for text in heard)
            end.tick(now)
            assert all(len(packet) <= LARGEST_OUT for packet in end.outgoing())
            deadline = end.deadline()
            assert deadline is None or deadline > now
        now += len(part) * 0.05
    assert len(acknowledged._unacked) <= MOST_UNACKED and len(acknowledged._acks) <= MOST_ACKS
    assert len(simple._repeated) <= MOST_REPEATED


def sctp(data: bytes) -> None:
    """An association that stands, or is yet to: chunks, packets and messages of a peer."""
    _loop().run_until_complete(_associated(data))


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop: Any = looptime.new_event_loop()

    def broken(loop: Any, context: dict[str, Any]) -> None:
        raise AssertionError(str(context))

    loop.set_exception_handler(broken)
    return loop  # type: ignore[no-any-return]


async def _associated(data: bytes) -> None:
    sent: list[bytes] = []
    theirs: list[bytes] = []
    got: list[bytes] = []
    peer_cipher = cipher(caller=False)
    us = SctpChannel(cipher(caller=True), True, sent.append, got.append)
    peer = SctpChannel(peer_cipher, False, theirs.append, lambda text: None)
    if data[:1] < b"\xc0":
        while sent or theirs:
            for packet, to in [(p, peer) for p in sent] + [(p, us) for p in theirs]:
                (sent if packet in sent else theirs).remove(packet)
                to.receive(packet)
    mine = us._association
    for what, part in pieces(data[1:]):
        sent.clear()
        match what % 7:
            case 0:
                us.receive(part)
            case 1:
                us.receive(forged(us, part))
            case 2:
                us.receive(forged(us, part, tag=0))
            case 3:
                us.receive(forged(us, data_chunk(next_tsn(us) + what // 7, part)))
            case 4:
                us.receive(forged(us, data_chunk(next_tsn(us), peer_cipher.seal(part))))
            case 5:
                us.post(part)
            case _:
                await asyncio.sleep(len(part) * 0.1)
        assert what % 7 > 4 or len(sent) <= MOST_ANSWERS + MOST_CHUNKS
        kept = [chunk for stream in mine._inbound_streams.values() for chunk in stream.reassembly]
        assert len(kept) <= MOST_CHUNKS and sum(len(c.user_data) for c in kept) <= WINDOW
        assert len(mine._sack_misordered) <= MOST_CHUNKS
    us.close()
    peer.close()
    sent.clear()
    await asyncio.sleep(30)
    assert not sent and asyncio.all_tasks() == {asyncio.current_task()}


FRAMINGS = {"framings": framings, "sctp": sctp}


def seeds(target: str) -> list[bytes]:
    """Good packets of each kind, and chunks."""
    if target == "framings":
        record = b"\x40\0\0\1\x7f\0\0\0\2{}"
        parts = [record, b"\0\0\0\2\xfe" + record, b"\0\0\0\3\xfe\x40\0\0\1\xff", b"\0\0\0\4{}  "]
        how: tuple[int, ...] = (1, 3)
    else:
        parts = [
            bytes.fromhex("0100001800000007001000000009000900000007c0000004"),
            bytes.fromhex("03000014000000010010000000010000000100020000"),
            bytes.fromhex("0400000c0001000831323334"),
            bytes.fromhex("0600000407000008000000010e000004"),
            b"{}",
        ]
        how = (1, 2, 3, 4, 5, 10)
    wholes = [bytes([len(part), what]) + part for part in parts for what in how]
    head = b"" if target == "framings" else b"\0"
    return [head + whole for whole in wholes] + [head + b"".join(wholes)]
