"""Strangers on loopback: who tries to be heard, who floods, who sends nonsense."""

from __future__ import annotations

import asyncio
import random
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import pytest

from siptg.rtp.offer import Policy, Setup
from siptg.rtp.packet import RtpPacket
from siptg.rtp.rtcp.packets import Goodbye, ReceiverReport, SenderReport, compound
from siptg.rtp.stream import MediaStream
from siptg.rtp.wire import Address
from tests.support.streams import Ends, Time, ends, loud, plain_socket, received, spray, wants


@attrs.define
class Enemy:
    """Sends loud, orderly RTP from a port of its own."""

    sock: socket.socket
    number: int = 1

    def spray(self, to: MediaStream, count: int) -> None:
        spray(self.sock, to.address, count, first=self.number)
        self.number += count

    def attack(self, pair: Ends, beats: int) -> None:
        """All the while, to both ends, before they hear one another."""
        for _ in range(beats):
            begun = self.number
            for one in (pair.a, pair.b):
                self.number = begun
                self.spray(one, 2)
            pair.talk(1)

    def heard(self) -> list[bytes]:
        return received(self.sock)


def tones(pair: Ends, beats: int) -> None:
    """Nothing but each other's tone was heard."""
    for one in (pair.a, pair.b):
        assert pair.tone_in(one, beats).rest.max() < -25
        assert loud(pair.sound(one, beats)) < 4000


@contextmanager
def somebody() -> Iterator[Enemy]:
    with plain_socket() as sock:
        yield Enemy(sock)


async def test_a_stranger_is_never_heard_and_never_hears(hours: Time) -> None:
    """RTP bleed: before, during and after a talk, over holds and new agreements."""
    with somebody() as enemy:
        async with ends(hours) as pair:
            offer = pair.a.offer()
            enemy.spray(pair.a, 30)
            enemy.spray(pair.b, 30)
            await asyncio.sleep(0.02)
            pair.a.accept(pair.b.answer(offer))
            enemy.attack(pair, 100)
            tones(pair, 80)
            for on in (True, False):
                pair.a.hold(on)
                pair.agree()
                enemy.attack(pair, 70)
            tones(pair, 50)
            pair.talk(700)  # the window is closed by now
            enemy.attack(pair, 60)
            tones(pair, 50)
            hours.now += 5.0  # both were silent for long
            enemy.attack(pair, 60)
            tones(pair, 40)
            pair.b.close()
            enemy.attack(pair, 100)
            assert loud(pair.sound(pair.a, 100)) < 4000
            assert pair.a.stats.elsewhere > 300
            pair.a.close()
        assert enemy.heard() == []


async def test_whoever_is_there_before_the_other_end_hears_us_only_until_that_speaks(
    hours: Time,
) -> None:
    """Inside the window a stranger may be a telephone behind a NAT: four packets in a row are
    believed. Whoever was named hears us as well, and takes over with its first packet, for good.
    """
    with somebody() as enemy:
        async with ends(hours) as pair:
            pair.agree()
            for _ in range(10):
                enemy.spray(pair.a, 1)
                pair.talk(1, pair.a)
            assert 0 < len(enemy.heard()) < 8
            assert pair.b.stats.packets_received == 9
            enemy.attack(pair, 5)
            enemy.heard()
            enemy.attack(pair, 100)
            assert enemy.heard() == []
            tones(pair, 80)


async def test_who_talks_to_both_before_they_do_does_not_part_them(hours: Time) -> None:
    with somebody() as enemy:
        async with ends(hours) as pair:
            pair.agree()
            for one in (pair.a, pair.b):
                enemy.number = 1
                enemy.spray(one, 30)
            hours.now += 0.1
            for _ in range(20):
                pair.clock.poller.fetch()
            assert (
                pair.a._path.latch.target == pair.b._path.latch.target == enemy.sock.getsockname()
            )
            enemy.attack(pair, 5)
            enemy.heard()
            enemy.attack(pair, 100)
            assert enemy.heard() == []
            tones(pair, 80)


@pytest.mark.parametrize("policy", [Policy.SDES, Policy.DTLS])
async def test_under_srtp_strangers_get_nowhere_even_if_they_are_first(
    hours: Time, policy: Policy
) -> None:
    terms = wants(security=policy)
    with somebody() as enemy:
        async with ends(hours, terms, terms) as pair:
            pair.agree()
            for _ in range(4):
                enemy.spray(pair.a, 10)
                pair.talk(1, pair.a)
            await pair.shake()
            enemy.attack(pair, 80)
            tones(pair, 50)
            assert enemy.heard() == []
            assert pair.a.stats.refused > 50


async def test_packets_recorded_on_their_way_and_sent_again_are_not_heard(hours: Time) -> None:
    """By one who saw them go by: SRTP knows that they came before."""
    terms = wants(security=Policy.SDES)
    with somebody() as enemy:
        async with ends(hours, terms, terms) as pair:
            pair.agree()
            seen = list[bytes]()
            wire = pair.b._path._wire
            take = wire._receive

            def watch(data: bytes, source: Address, arrived: float) -> None:
                seen.append(data)
                take(data, source, arrived)

            wire._receive = watch
            pair.talk(60)
            moved = pair.b._path.latch.moved
            for data in seen[:50]:
                enemy.sock.sendto(data, pair.b.address)
            pair.talk(60)
            assert pair.b._path.latch.moved == moved and enemy.heard() == []
            assert pair.b.stats.refused == 50
            tones(pair, 100)


def nonsense(chance: random.Random) -> bytes:
    """What a scanner, a fuzzer or a broken device sends."""
    kind = chance.randrange(7)
    size = chance.choice([1, 4, 8, 11, 12, 13, 20, 60, 172, 1400])
    body = chance.randbytes(size)
    if kind == 0:
        return body
    if kind == 1:
        return b"\x80" + body  # RTP, perhaps
    if kind == 2:
        return bytes([0x80 | chance.randrange(64), 200 + chance.randrange(8)]) + body
    if kind == 3:
        return bytes([chance.randrange(20, 64)]) + body  # DTLS
    if kind == 4:
        return b"\x00\x01" + body  # STUN
    if kind == 5:
        ssrc = chance.getrandbits(32)
        return compound([ReceiverReport(ssrc), Goodbye((ssrc,))])
    return bytes(RtpPacket(chance.randrange(128), chance.getrandbits(16), 1, 1, body))


@pytest.mark.parametrize("policy", [Policy.PLAIN, Policy.SDES, Policy.DTLS])
@pytest.mark.parametrize("own", [True, False], ids=["the same host", "the other end itself"])
async def test_ten_thousand_datagrams_of_nonsense_cost_counters_only(
    hours: Time, policy: Policy, own: bool
) -> None:
    """Over five seconds; from elsewhere, or out of the socket of the other end."""
    chance = random.Random(8)
    terms = wants(security=policy)
    with somebody() as enemy:
        async with ends(hours, terms, terms) as pair:
            pair.agree()
            await pair.shake()
            pair.talk(60)
            sender = enemy.sock if own else pair.b._path._wire.socket
            junk = [nonsense(chance) for _ in range(500)]
            if not own:  # what is of the right numbers is theirs to say
                junk = [data for data in junk if len(data) < 2 or data[1] & 0x7F not in (0, 101)]
            for n in range(250):
                for m in range(40):
                    sender.sendto(junk[(n * 40 + m) % len(junk)], pair.a.address)
                pair.talk(1)
            tones(pair, 200)
            assert pair.a.stats.concealed == pair.a.stats.lost == 0
            counted = pair.a.stats
            assert counted.garbage + counted.refused + counted.elsewhere > 5000
            assert enemy.heard() == []


async def test_ten_thousand_at_once_and_the_tone_is_back_in_half_a_second(hours: Time) -> None:
    with somebody() as enemy:
        async with ends(hours) as pair:
            pair.agree()
            pair.talk(60)
            for _ in range(10_000):
                enemy.sock.sendto(b"\x80\x00flood of the same", pair.a.address)
            pair.talk(75)
            tones(pair, 40)
            assert pair.a.stats.elsewhere + pair.a.stats.garbage > 100


async def test_a_flood_does_not_make_memory_grow(hours: Time) -> None:
    chance = random.Random(9)
    terms = wants(security=Policy.SDES)
    with somebody() as enemy:
        async with ends(hours, terms, terms) as pair:
            pair.agree()
            pair.talk(60)
            sizes = []
            tracemalloc.start()
            for _ in range(4):
                for n in range(1000):
                    enemy.sock.sendto(nonsense(chance), pair.a.address)
                    if n % 10 == 0:
                        pair.talk(1)
                pair.heard.clear()
                sizes.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
            assert sizes[-1] - sizes[0] < 60_000


async def test_a_goodbye_of_theirs_does_not_end_the_sound(hours: Time) -> None:
    """Some telephones say it at a hold or a re-INVITE, and talk on."""
    async with ends(hours) as pair:
        pair.agree()
        pair.talk(60)
        ssrc = pair.b._session.ssrc
        report = compound([SenderReport(ssrc, 1, 1, 1, 1), Goodbye((ssrc,), "hold")])
        pair.b._path._wire.send(report, pair.a.address)
        pair.talk(60)
        tones(pair, 100)
        assert pair.a.stats.changes == 0


async def test_a_hostile_peer_fills_no_more_than_its_buffer(hours: Time) -> None:
    """Its own packets, each of another source, time or number."""
    chance = random.Random(3)
    async with ends(hours, wants(one_codec=False), wants()) as pair:
        pair.agree()
        pair.talk(20)
        for _ in range(100):
            for _ in range(16):
                data = bytes(
                    RtpPacket(
                        chance.choice([0, 101]),
                        chance.getrandbits(16),
                        chance.getrandbits(32),
                        chance.getrandbits(32),
                        chance.randbytes(160),
                    )
                )
                pair.b._path._wire.socket.sendto(data, pair.a.address)
            pair.talk(1, pair.a)
        assert pair.a._session.playout is not None
        assert len(pair.a._session.playout.buffer.waiting) <= 500
        assert pair.a.stats.strays + pair.a.stats.changes > 1000


ALERT = b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28"
"""Of DTLS, fatal, and in the clear as all is before there are keys."""


@pytest.mark.parametrize("part", [Setup.ACTIVE, Setup.PASSIVE])
async def test_a_handshake_is_not_ended_by_a_stranger_once_the_other_end_was_heard(
    hours: Time, part: Setup
) -> None:
    """Of two ends `b` begins it, or `a`; both are shot at while it lasts."""
    terms = wants(security=Policy.DTLS)
    with somebody() as enemy, plain_socket("127.0.0.2") as elsewhere:
        async with ends(hours, terms, attrs.evolve(terms, setup=part)) as pair:
            told: list[str] = []
            pair.a.on_failure = pair.b.on_failure = told.append
            pair.agree()
            first, second = (pair.b, pair.a) if part is Setup.ACTIVE else (pair.a, pair.b)
            elsewhere.sendto(ALERT, first.address)  # it knows to whom it spoke
            async with asyncio.timeout(5):
                while not second._path._dtls_from:
                    await asyncio.sleep(0)
            for _ in range(3):
                enemy.sock.sendto(ALERT, second.address)
            await pair.shake()
            assert told == []
            pair.talk(60)
            tones(pair, 40)
            assert pair.a.stats.elsewhere + pair.b.stats.elsewhere == 4
