"""One call's audio on the network: sockets, keys, RTP and its negotiation, as an `AudioPort`."""

from __future__ import annotations

import asyncio
import functools
import random
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import attrs

from siptg.rtp.audio import Frame
from siptg.rtp.certificate import Certificate
from siptg.rtp.clock import MediaClock
from siptg.rtp.codecs import CODECS
from siptg.rtp.digits import Way
from siptg.rtp.latch import Latch
from siptg.rtp.offer import Agreed, Direction, MediaTerms, Negotiator
from siptg.rtp.packet import RtpPacket
from siptg.rtp.session import Hearing, RtpSession
from siptg.rtp.shield import Shield
from siptg.rtp.stats import StreamStats
from siptg.rtp.wire import Address, Wire, open_socket

DEFAULT_CODECS = ("pcmu", "pcma", "g722", "opus")
MOST_TRIES = 50
"""Pairs of ports that are tried where the kernel chooses."""
_NAME = struct.Struct(">H4xI").unpack_from
"""Sequence number and SSRC, from the third byte on."""


@functools.cache
def certificate() -> Certificate:
    """Of the process: its fingerprint is in every offer of DTLS."""
    return Certificate.make(datetime.now(UTC))


class MediaStream:
    """A telephone's mouth and ear. It fits signalling's `Media` by its shape: offer, answer,
    accept.

    Made by `open`. On a clock its sockets are emptied by the beat, without one by the event loop.
    """

    def __init__(
        self,
        terms: MediaTerms,
        rtp: Callable[[Callable[[bytes, Address, float], None]], Wire],
        rtcp: Callable[[Callable[[bytes, Address, float], None]], Wire] | None,
        clock: MediaClock | None,
        seed: int | None,
    ) -> None:
        chance = random.SystemRandom() if seed is None else random.Random(seed)
        now = time.monotonic()
        self.on_hold: Callable[[bool], None] | None = None
        self.on_failure: Callable[[str], None] | None = None
        """There will be no sound: the reason, for people."""
        self._wire = rtp(self._receive)
        self._rtcp_wire = rtcp(self._receive_rtcp) if rtcp is not None else None
        self._clock = clock
        host, port = self._wire.address
        self._negotiator = Negotiator(
            terms, host, port, chance.getrandbits(62), chance.randbytes
        )
        self._session = RtpSession(
            self._send, self._send_rtcp, chance, now, effort=clock.effort if clock else None
        )
        self._latch, self._shield = Latch(), Shield(certificate, self._send_dtls)
        self._agreed: Agreed | None = None
        self._rtcp_to: Address | None = None
        self._dtls_from: Address | None = None
        self._held = self._failed = False
        self._timer: asyncio.TimerHandle | None = None
        self._session.hear(self._first_hearing(), terms.codecs[0].rates[0])

    @classmethod
    async def open(
        cls,
        host: str,
        *,
        codecs: Iterable[str] = DEFAULT_CODECS,
        terms: MediaTerms | None = None,
        ports: range | None = None,
        clock: MediaClock | None = None,
        seed: int | None = None,
    ) -> MediaStream:
        """Bind two sockets, RTP's port even: of `ports` one that is free, else the kernel's choice.
        `terms` say all that is wanted, `codecs` alone the codecs by their keys.

        ValueError for an unknown codec, OSError where no port is to be had.
        """
        terms = terms or MediaTerms(codecs_named(codecs))
        rtp, rtcp = _pair(host, ports)
        return cls(
            terms,
            lambda receive: Wire(rtp, receive),
            lambda receive: Wire(rtcp, receive),
            clock,
            seed,
        )

    # what it is like

    @property
    def address(self) -> Address:
        return self._wire.address

    @property
    def stats(self) -> StreamStats:
        """What is known now."""
        stats, wire = self._session.counted(), self._wire
        stats.elsewhere, stats.refused = self._latch.refused, self._shield.refused
        stats.unreachable, stats.dropped = wire.unreachable, wire.dropped
        return stats

    @property
    def codec_name(self) -> str | None:
        """Of what was agreed."""
        return self._agreed.codec.name if self._agreed else None

    @property
    def suite(self) -> str:
        """What encrypts it, by the RFC's name; empty for nothing."""
        return self._shield.suite

    @property
    def held_by_remote(self) -> bool:
        return self._held

    @property
    def heard(self) -> float:
        """When the last good packet came (monotonic seconds)."""
        return self._session.heard

    @property
    def on_digit(self) -> Callable[[str], None] | None:
        return self._session.on_digit

    @on_digit.setter
    def on_digit(self, told: Callable[[str], None] | None) -> None:
        self._session.on_digit = told

    # offer and answer: ValueError (SdpError) where nothing fits

    @property
    def terms(self) -> MediaTerms:
        """What the next offer or answer says may be changed in mid-call."""
        return self._negotiator.terms

    @terms.setter
    def terms(self, terms: MediaTerms) -> None:
        self._negotiator.terms = terms

    def offer(self) -> bytes:
        made = self._negotiator.offer()
        if self._agreed is None:
            self._session.hear(self._first_hearing(), self._session.rate)
        return made

    def answer(self, offer: bytes) -> bytes:
        answer = self._negotiator.answer(offer)
        self._agree()
        return answer

    def accept(self, answer: bytes) -> None:
        self._negotiator.accept(answer)
        self._agree()

    def hold(self, on: bool) -> None:
        """What our next offer says: hold the other end, or take it back."""
        self._negotiator.direction = Direction.SENDONLY if on else Direction.SENDRECV

    # the beat

    @property
    def rate(self) -> int:
        return self._session.rate

    @property
    def payload_format(self) -> str | None:
        """Of the packets that may be carried as they are; None where there are none."""
        agreed = self._agreed
        if agreed is None or agreed.ptime != 20 or self._session.codec is not agreed.codec:
            return None
        return agreed.codec.key

    def tune(self, rate: int) -> None:
        """Opus follows; ValueError where the codec has one rate."""
        self._session.tune(rate)
        if self._agreed is not None:
            self._speak(self._agreed)

    def read(self) -> Frame:
        now = time.monotonic()
        if now >= self._session.chores_at:
            self._chores(now)
        return self._session.read(now)

    def write(self, frame: Frame) -> None:
        self._session.write(frame, time.monotonic())

    def pull(self) -> RtpPacket | None:
        now = time.monotonic()
        if now >= self._session.chores_at:
            self._chores(now)
        return self._session.pull(now)

    def carry(self, packets: Sequence[RtpPacket]) -> None:
        self._session.carry(packets, time.monotonic())

    @property
    def between_packets(self) -> bool:
        return self._session.between_packets

    def past(self) -> Frame | None:
        return self._session.past()

    def prime(self, past: Frame) -> None:
        self._session.outbound.prime(past)

    def press(self, digits: str) -> None:
        """Keys to the other end, 100 ms each; ValueError for what is not a key."""
        self._session.press(digits)

    def pressed(self, symbol: str, way: Way) -> None:
        """A key of the other end that came by signalling: told once, though it may come twice."""
        self._session.pressed(symbol, way, time.monotonic())

    def close(self) -> None:
        if self._wire.fileno() < 0:
            return
        if self._timer is not None:
            self._timer.cancel()
        now = time.monotonic()
        self._session.leave(now, time.time())
        self._shield.close()
        self._wire.close()
        if self._rtcp_wire is not None:
            self._rtcp_wire.close()

    # the network

    def _receive(self, data: bytes, source: Address, arrived: float) -> None:
        latch = self._latch
        if source != latch.source:
            self._stranger(data, source, arrived)
            return
        if len(data) < 12 or data[0] < 128:
            self._other(data, source, arrived)
            return
        if 191 < data[1] < 224:
            self._receive_rtcp(data, source, arrived)
            return
        if self._agreed is None:
            return
        opened = self._shield.open(data)
        if opened is not None:
            self._session.receive(opened, arrived)

    def _stranger(self, data: bytes, source: Address, arrived: float) -> None:
        """From elsewhere than we listen to: perhaps it is they, seen through a NAT."""
        if len(data) < 12 or data[0] < 128:
            self._other(data, source, arrived)
            return
        if 191 < data[1] < 224:
            self._receive_rtcp(data, source, arrived)
            return
        if self._agreed is None or not self._shield.ready:
            return
        opened = self._shield.open(data)
        if opened is None:
            return
        if not self._session.knows(opened):
            self._session.stats.garbage += 1
            return
        sequence, ssrc = _NAME(opened, 2)
        proven = not self._shield.plain
        if self._latch.believes(source, ssrc, sequence, arrived, proven=proven):
            self._session.receive(opened, arrived)

    def _other(self, data: bytes, source: Address, arrived: float) -> None:
        """DTLS, which proves itself; anything else has no business here."""
        if data and 19 < data[0] < 64 and not self._shield.plain:
            if not self._shield.ready:
                self._dtls_from = source
            self._shield.receive_dtls(data, arrived)
            self._watch_handshake()
        else:
            self._session.stats.garbage += 1

    def _receive_rtcp(self, data: bytes, source: Address, arrived: float) -> None:
        latch = self._latch
        known = latch.source or latch.target
        if known is None or (source[0] != known[0] and self._shield.plain):
            latch.refused += 1
            return
        opened = self._shield.open_rtcp(data)
        if opened is not None:
            self._session.receive_rtcp(opened, arrived)

    def _send(self, data: bytes) -> None:
        target = self._latch.target
        if target is None:
            return
        sealed = self._shield.seal(data)
        if sealed is not None:
            self._wire.send(sealed, target)

    def _send_rtcp(self, data: bytes) -> None:
        agreed, target = self._agreed, self._latch.target
        if agreed is None or target is None:
            return
        sealed = self._shield.seal_rtcp(data)
        if sealed is None:
            return
        if agreed.rtcp_mux or self._rtcp_wire is None:
            self._wire.send(sealed, target)
        else:
            port = agreed.remote_rtcp[1]
            self._rtcp_wire.send(sealed, (target[0], port))

    def _send_dtls(self, data: bytes) -> None:
        target = self._dtls_from or self._latch.target
        if target is not None:
            self._wire.send(data, target)

    # what was agreed

    def _first_hearing(self) -> Hearing:
        expected = self._negotiator.expected
        if expected is None:
            return Hearing({})
        return Hearing(expected.codecs, expected.events, frozenset(expected.noise))

    def _agree(self) -> None:
        """Take what the negotiation came to."""
        agreed = self._negotiator.agreed
        if agreed is None:
            return
        now, before, self._agreed = time.monotonic(), self._agreed, agreed
        session = self._session
        if self._clock is not None:
            self._wire.give_to(self._clock.poller)
            if self._rtcp_wire is not None:
                self._rtcp_wire.give_to(self._clock.poller)
        if agreed.rtcp_mux and self._rtcp_wire is not None:
            self._rtcp_wire.close()
            self._rtcp_wire = None
        self._latch.name(agreed.remote, now)
        heard = {n: c for n, c in agreed.receive.items() if c is agreed.codec}
        codecs = {**heard, **agreed.receive}
        rate = session.rate if session.rate in agreed.codec.rates else agreed.codec.rates[0]
        hearing = Hearing(codecs, agreed.event_receive, frozenset(agreed.noise_receive))
        session.hear(hearing, rate)
        if before is None or _said_so(before) != _said_so(agreed):
            self._speak(agreed)
        session.outbound.silent = not agreed.direction.sends
        self._shield.agree(agreed.security, now)
        self._watch_handshake()
        if agreed.held != self._held:
            self._held = agreed.held
            if self.on_hold is not None:
                self.on_hold(agreed.held)

    def _speak(self, agreed: Agreed) -> None:
        self._session.outbound.speak(
            agreed.codec,
            agreed.send_type,
            self._session.rate,
            fmtp=agreed.fmtp,
            ptime=agreed.ptime,
            event_type=agreed.event_type,
            event_rate=agreed.event_rate,
        )

    def _watch_handshake(self) -> None:
        """Until there are keys the loop reads and keeps time: a beat's delay would add up."""
        shield = self._shield
        if shield.failed and not self._failed:
            self._failed = True
            if self.on_failure is not None:
                self.on_failure(shield.failed)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = shield.deadline()
        if shield.ready:
            if self._clock is not None and self._agreed is not None:
                self._wire.give_to(self._clock.poller)
            return
        if self._agreed is not None:
            self._wire.listen()
        if deadline is not None:
            wait = max(0.0, deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._shield_tick)

    def _shield_tick(self) -> None:
        self._shield.tick(time.monotonic())
        self._watch_handshake()

    def _chores(self, now: float) -> None:
        self._session.chores(now, time.time())
        latch, current = self._latch, self._session.reports.sources.current
        if latch.source is not None and current is not None:
            latch.heard(current.ssrc, current.heard)
        deadline = self._shield.deadline()
        if deadline is not None and now >= deadline:
            self._shield.tick(now)


def codecs_named(keys: Iterable[str]) -> tuple:  # type: ignore[type-arg]
    """Codecs by the keys that accounts write, as `g722` or `l16/16000`. ValueError names what is
    not known, and what is.
    """
    found = []
    for key in keys:
        if key.lower() not in CODECS:
            raise ValueError(f"unknown codec {key!r}; there are {', '.join(CODECS)}")
        found.append(CODECS[key.lower()])
    return tuple(found)


def _said_so(agreed: Agreed) -> tuple[object, ...]:
    """What the encoder depends on."""
    return (
        agreed.codec,
        agreed.send_type,
        agreed.fmtp,
        agreed.ptime,
        agreed.event_type,
        agreed.event_rate,
    )


def _pair(host: str, ports: range | None) -> tuple:  # type: ignore[type-arg]
    """Sockets on an even port and the one above it (RFC 3550 §11). OSError where there are none."""
    candidates = [port for port in ports or () if port % 2 == 0 and port + 1 in (ports or ())]
    random.shuffle(candidates)
    if ports is None:
        candidates = [0] * MOST_TRIES
    error = OSError("no two ports in a row to try")
    for port in candidates:
        try:
            rtp = open_socket((host, port))
        except OSError as refused:
            error = refused
            continue
        number = rtp.getsockname()[1]
        if number % 2 == 0:
            try:
                return rtp, open_socket((host, number + 1))
            except OSError as refused:
                error = refused
        rtp.close()
    raise error


__all__ = ["DEFAULT_CODECS", "MediaStream", "attrs", "codecs_named"]
