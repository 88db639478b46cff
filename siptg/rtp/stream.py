"""One call's audio: what was agreed, what is heard and said, as an `AudioPort`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence

from siptg.rtp.audio import Frame
from siptg.rtp.clock import MediaClock
from siptg.rtp.codecs import named
from siptg.rtp.digits.tones import ToneReceiver
from siptg.rtp.digits.ways import Way
from siptg.rtp.offer import Agreed, Direction, MediaTerms, Negotiator, Sdes
from siptg.rtp.offer.negotiator import State
from siptg.rtp.packet import RtpPacket
from siptg.rtp.path import MediaPath, open_pair
from siptg.rtp.session import Hearing, RtpSession
from siptg.rtp.stats import Quality, StreamStats, heard, told
from siptg.rtp.wire import Address

SILENT_AFTER = 20.0
"""Seconds; a muted telephone still sends comfort noise or RTCP now and then."""
DEFAULT_CODECS = ("pcmu", "pcma", "opus")


class MediaStream:
    """A telephone's mouth and ear. It fits signalling's `Media` by its shape: offer, answer,
    accept. Made by `open`.
    """

    def __init__(
        self, terms: MediaTerms, path: MediaPath, clock: MediaClock | None, seed: int | None
    ) -> None:
        chance = random.SystemRandom() if seed is None else random.Random(seed)
        self.on_hold: Callable[[bool], None] | None = None
        self.on_silent: Callable[[float], None] | None = None
        """Told once, with the seconds, when nothing at all came for `silent_after` although they
        should send; and again after the next silence.
        """
        self.silent_after = SILENT_AFTER
        self._path = path
        host, port = path.address
        self._negotiator = Negotiator(terms, host, port, chance.getrandbits(62), chance.randbytes)
        self._session = path.session = RtpSession(
            path.send,
            path.send_rtcp,
            chance,
            time.monotonic(),
            effort=clock.effort if clock else None,
        )
        self._agreed: Agreed | None = None
        self._held = self._hears_tones = False
        self._listening_since = 0.0
        """When they began to have to send."""
        self._told_of = 0.0
        """The last moment of sound before the silence that was told."""

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
        `terms` say all that is wanted, `codecs` alone the codecs by their keys. With a `clock` its
        beat empties the sockets, else the event loop.

        ValueError for an unknown codec, OSError where no port is to be had.
        """
        terms = terms or MediaTerms(named(codecs))
        return cls(terms, MediaPath(*open_pair(host, ports), clock), clock, seed)

    # what it is like

    @property
    def address(self) -> Address:
        return self._path.address

    @property
    def stats(self) -> StreamStats:
        """What is known now."""
        stats = self._session.counted()
        self._path.count(stats)
        return stats

    def quality(self, since: StreamStats | None = None) -> tuple[Quality, Quality]:
        """How good it is, and what the other end hears of us; `since` some stats of before."""
        agreed, stats = self._agreed, self.stats
        key = agreed.codec.key if agreed is not None else "pcmu"
        packet = agreed.ptime / 1000 if agreed is not None else 0.02
        return heard(stats, key, since=since), told(stats, key, packet, since)

    @property
    def codec_name(self) -> str | None:
        """Of what was agreed."""
        return self._agreed.codec.name if self._agreed else None

    @property
    def suite(self) -> str:
        """What encrypts it, by the RFC's name; empty for nothing."""
        return self._path.shield.suite

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

    @property
    def on_failure(self) -> Callable[[str], None] | None:
        """Told why there will be no sound: a handshake that failed, a wrong certificate."""
        return self._path.on_failure

    @on_failure.setter
    def on_failure(self, told: Callable[[str], None] | None) -> None:
        self._path.on_failure = told

    # offer and answer: ValueError (SdpError) where nothing fits

    @property
    def terms(self) -> MediaTerms:
        """What the next offer or answer says; it may be changed in mid-call."""
        return self._negotiator.terms

    @terms.setter
    def terms(self, terms: MediaTerms) -> None:
        self._negotiator.terms = terms

    def offer(self) -> bytes:
        made, expected = self._negotiator.offer(), self._negotiator.expected
        if self._agreed is None and expected is not None:  # its rate is known before the answer
            hearing = Hearing(expected.codecs, expected.events, frozenset(expected.noise))
            self._session.hear(hearing, self._session.rate)
        return made

    def answer(self, offer: bytes) -> bytes:
        negotiator = self._negotiator
        if negotiator.state is State.REOFFERED:
            # signalling asks while no offer of ours is under way: the last one was refused, or was
            # in the way of theirs (491)
            negotiator.refused()
        answer = negotiator.answer(offer)
        self._agree()
        return answer

    def accept(self, answer: bytes) -> None:
        self._negotiator.accept(answer)
        self._agree()

    def hold(self, on: bool) -> None:
        """What our next offer says: hold the other end, or take it back."""
        self._negotiator.direction = Direction.SENDONLY if on else Direction.SENDRECV

    def renew_keys(self) -> None:
        """The next offer brings new ones (SDES)."""
        self._negotiator.renew_keys()

    # the beat

    @property
    def rate(self) -> int:
        return self._session.rate

    @property
    def payload_format(self) -> str | None:
        """Of the packets that may be carried as they are; None where there are none."""
        agreed, session = self._agreed, self._session
        if agreed is None or agreed.ptime != 20 or session.codec is not agreed.codec:
            return None
        if session.tones is not None or session.outbound.tones is not None:
            return None  # these are in the samples
        return agreed.codec.key

    def tune(self, rate: int) -> None:
        """Opus follows; ValueError where the codec has one rate."""
        codec = self._agreed.codec if self._agreed is not None else self._session.codec
        if codec is None or rate not in codec.rates:
            raise ValueError(f"{codec.name if codec else 'nothing'} does not speak at {rate}")
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

    def pull(self) -> Sequence[RtpPacket]:
        now = time.monotonic()
        if now >= self._session.chores_at:
            self._chores(now)
        return self._session.pull(now)

    def carry(self, packets: Sequence[RtpPacket]) -> None:
        self._session.carry(packets, time.monotonic())

    def overhear(self, packets: Sequence[RtpPacket]) -> Frame:
        return self._session.overhear(packets, time.monotonic())

    @property
    def between_packets(self) -> bool:
        return self._session.between_packets

    def past(self) -> Frame | None:
        return self._session.past()

    def prime(self, past: Frame) -> None:
        self._session.outbound.prime(past)

    def _chores(self, now: float) -> None:
        self._session.chores(now, time.time())
        self._path.chores(now)
        agreed = self._agreed
        if agreed is None or not agreed.direction.receives:
            self._listening_since = now
            return
        last = max(self._session.heard, self._listening_since)
        if now - last > self.silent_after and last > self._told_of:
            self._told_of = last
            if self.on_silent is not None:
                self.on_silent(now - last)

    # keys

    @property
    def takes_events(self) -> bool:
        """Keys may go as events (RFC 4733)."""
        return self._agreed is not None and self._agreed.event_type is not None

    def press(self, digits: str, way: Way = Way.RFC4733) -> None:
        """Keys to the other end, 100 ms each; ValueError for what is not a key."""
        self._session.press(digits, way)

    def pressed(self, symbol: str, way: Way) -> None:
        """A key of the other end that came by signalling: told once, though it may come twice."""
        self._session.pressed(symbol, way, time.monotonic())

    def listen_for_tones(self, on: bool) -> None:
        """Keys in the audio count, of an end that does not send events."""
        self._hears_tones = on
        wanted = on and not (self._agreed is not None and self._agreed.event_receive)
        session = self._session
        if not wanted:
            session.tones = None
        elif session.tones is None:  # else it goes on: a key may be sounding
            session.tones = ToneReceiver(self.rate)

    def close(self) -> None:
        if not self._path.closed:
            self._session.leave(time.monotonic(), time.time())
            self._path.close()

    # what was agreed

    def _agree(self) -> None:
        """Take what the negotiation came to."""
        agreed = self._negotiator.agreed
        if agreed is None:
            return
        before, self._agreed = self._agreed, agreed
        if before is None:
            self._listening_since = time.monotonic()
        session, codec = self._session, agreed.codec
        own = {number: one for number, one in agreed.receive.items() if one is codec}
        rate = session.rate if session.rate in codec.rates else codec.rates[0]
        codecs = {**own, **agreed.receive}  # the one that is agreed is heard from the beginning
        events, noise = dict(agreed.event_receive), frozenset(agreed.noise_receive)
        if before is not None:  # what is on its way comes under the numbers of before
            codecs |= {n: one for n, one in before.receive.items() if n not in codecs}
            events |= {n: rate for n, rate in before.event_receive.items() if n not in codecs}
        session.hear(Hearing(codecs, events, noise), rate)
        if before is None or _said_so(before) != _said_so(agreed):
            self._speak(agreed)
        session.outbound.silent = not agreed.direction.sends
        if before is not None and before.remote != agreed.remote:
            session.digits.forget()  # somebody else may be there now
        if before is not None and _key(before) and _key(before) != _key(agreed):
            session.rekeyed()
        self._path.agree(agreed, time.monotonic())
        self.listen_for_tones(self._hears_tones)
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


def _said_so(agreed: Agreed) -> tuple[object, ...]:
    """What the encoder depends on."""
    codec, events = agreed.codec, (agreed.event_type, agreed.event_rate)
    return codec, agreed.send_type, agreed.fmtp, agreed.ptime, events


def _key(agreed: Agreed) -> bytes:
    """Ours; empty where none is in the descriptions."""
    return agreed.security.send_key if isinstance(agreed.security, Sdes) else b""
