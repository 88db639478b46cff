"""What is fuzzed of media: packets, reports, encryption, keys, descriptions on a whole stream."""

from __future__ import annotations

import asyncio
import functools
import random
import struct
from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from siptg.rtp import path
from siptg.rtp.codecs import CODECS, OPUS, PCMU
from siptg.rtp.digits.events import DtmfReceiver
from siptg.rtp.digits.keypad import KEYS
from siptg.rtp.digits.tones import ToneReceiver
from siptg.rtp.keys.shield import Shield
from siptg.rtp.keys.srtp import SUITES, SrtpError, SrtpSession
from siptg.rtp.offer import Dtls, MediaTerms, Policy, Sdes, Setup
from siptg.rtp.packet import RtpPacket
from siptg.rtp.rtcp.packets import Other, compound, parse
from siptg.rtp.rtcp.reports import Reports
from siptg.rtp.sdp.fingerprint import Fingerprint
from siptg.rtp.session import Hearing, RtpSession
from siptg.rtp.stats import StreamStats, heard, told
from siptg.rtp.stream import MediaStream

EVENT, NOISE = 101, 13
KEY = bytes(range(46))
SEPARATOR = b"\n==\n"
"""Between the messages that one input brings."""


def pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    """What to do, and with which bytes: two bytes say how many and what."""
    at = 0
    while at + 2 <= len(data):
        size, what = data[at], data[at + 1]
        yield what, data[at + 2 : at + 2 + size]
        at += 2 + size


def rtp(data: bytes) -> None:
    """A session that hears all kinds of payload, read and carried by turns, while time goes by."""
    session, now = _session(), 0.0
    for what, part in pieces(data):
        match what % 6:
            case 0:
                session.receive(part, now)
            case 1:
                session.receive(b"\x80" + part, now)
            case 2:
                now += len(part) * 0.01
                frame = session.read(now)
                assert len(frame) * 50 == session.rate and frame.dtype == np.int16
            case 3:
                now += 0.02
                session.carry(session.pull(now), now)
            case 4:
                session.write(np.zeros(session.outbound.rate // 50, np.int16), now)
                session.chores(now, now)
            case _:
                session.tune((8000, 16_000, 48_000)[len(part) % 3])
    counted = session.counted()
    assert heard(counted, "opus").packets >= 0 and told(counted, "opus").packets >= 0
    assert session.playout is None or len(session.playout.buffer.waiting) <= 500


def _session() -> RtpSession:
    session = RtpSession(lambda data: None, lambda data: None, random.Random(1), 0.0)
    session.hear(Hearing({0: PCMU, 111: OPUS}, {EVENT: 8000}, frozenset({NOISE})), 8000)
    session.outbound.speak(OPUS, 111, 8000, event_type=EVENT)
    session.tones = ToneReceiver(8000)
    return session


def rtcp(data: bytes) -> None:
    """Read, written, read again; and taken by a session that reports itself."""
    reports, stats, now = Reports.join(random.Random(1), 0.0), StreamStats(), 0.0
    for n, part in enumerate(data.split(SEPARATOR)[:20]):
        try:
            packets = parse(part)
        except ValueError:
            packets = ()
        if packets and not any(isinstance(one, Other) for one in packets):
            try:
                written = compound(packets)
            except ValueError:  # text that was no UTF-8 may be longer now
                written = b""
            assert not written or parse(written) == packets
        reports.sources.receive(7, n, n * 160, now)
        reports.sources.sender.sent(n * 160, 160, now)
        reports.receive(part, now)
        now += 1.5
        said = reports.tick(now, now) if now >= reports.deadline() else b""
        assert not said or parse(said)
    reports.count(stats)
    assert stats.round_trip is None or stats.round_trip >= 0.0
    assert not (last := reports.bye(now)) or parse(last)


def srtp(data: bytes) -> None:
    """Every suite opens what comes, under keys that change; and a handshake is disturbed."""
    suite = list(SUITES)[len(data) % len(SUITES)]
    ours, theirs = KEY[: SUITES[suite].length], KEY[-SUITES[suite].length :]
    session = SrtpSession(suite, ours, theirs)
    shield = Shield(path.certificate, lambda sent: None)
    if data[:1] > b"\x80":
        shield.agree(Sdes(suite, ours, theirs), 0.0)
    else:
        shield.agree(Dtls((_fingerprint(),), Setup.PASSIVE, "", "", 1), 0.0)
    now = 0.0
    for what, part in pieces(data):
        now += 0.5
        match what % 5:
            case 0:
                _refuses(session.unprotect, part)
            case 1:
                _refuses(session.unprotect_rtcp, part)
            case 2:
                _refuses(session.protect, part)
            case 3:
                session.rekey(suite, ours, (theirs, ours)[len(part) % 2], now)
            case _:
                shield.receive_dtls(part, now)
        for go in (shield.open, shield.open_rtcp, shield.seal_rtcp):
            go(part)
        session.tick(now)
        shield.tick(now)
    shield.close()


def _fingerprint() -> Fingerprint:
    return Fingerprint(*path.certificate().fingerprint)


def _refuses(function: Any, part: bytes) -> None:
    try:
        function(part)
    except SrtpError as error:
        assert error.reason


def events(data: bytes) -> None:
    """Packets of a keypad: their numbers, times and payloads are anybody's."""
    receiver, now = DtmfReceiver(flash=True), 0.0
    for what, part in pieces(data):
        now += 0.005 * (what % 16)
        head = part[:7].ljust(7, b"\0")
        sequence, stamp, source = struct.unpack(">HIB", head)
        packet = RtpPacket(EVENT, sequence, stamp, source % 3, part[7:], what > 127)
        told = receiver.receive(packet, now)
        assert told is None or set(told) <= set(KEYS + "!")
        for key in receiver.ended(now):
            assert key.symbol in KEYS + "!" and key.milliseconds >= 0
    assert len(receiver._events) <= receiver.MOST_REMEMBERED
    session = _session()
    session.on_digit = lambda symbol: None
    for what, part in pieces(data):
        session.receive(bytes(RtpPacket(EVENT, what, what * 160, 1, part)), now)


def sdp_offer(data: bytes) -> None:
    """Offers and answers, one behind the other, to a whole stream on sockets of its own."""
    _loop().run_until_complete(_agreements(data))


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop: Any = asyncio.new_event_loop()

    async def nobody(*args: Any, **named: Any) -> list[Any]:
        raise OSError("no names here")

    loop.getaddrinfo = nobody
    return loop  # type: ignore[no-any-return]


async def _agreements(data: bytes) -> None:
    policies = list(Policy)
    terms = MediaTerms(
        tuple(CODECS.values()),
        security=policies[len(data) % len(policies)],
        fingerprint=_fingerprint(),
        noise=True,
        one_codec=bool(len(data) % 2),
    )
    stream = await MediaStream.open("127.0.0.1", terms=terms, seed=1)
    for wire in (stream._path._wire, stream._path._rtcp_wire):
        assert wire is not None
        wire._sendto = cast(Any, _nowhere)  # what is fuzzed may name anybody's address
    try:
        for n, part in enumerate(data.split(SEPARATOR)[:6]):
            try:
                if n % 3 == 2:
                    stream.offer()
                    stream.accept(part)
                else:
                    stream.answer(part)
            except ValueError:
                if n % 3 == 2:
                    stream.offer()  # the last one came to nothing
            stream.listen_for_tones(bool(n % 2))
            for _ in range(3):
                frame = stream.read()
                assert len(frame) * 50 == stream.rate
                stream.write(frame)
            if stream.payload_format is not None:
                stream.carry(stream.pull())
            stream.press("1")
            assert stream.quality()
    finally:
        stream.close()
        await asyncio.sleep(0)


def _nowhere(data: bytes, to: object) -> None:
    assert isinstance(data, bytes)


MEDIA = {"rtp": rtp, "rtcp": rtcp, "srtp": srtp, "events": events, "sdp-offer": sdp_offer}
