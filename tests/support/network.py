"""RTP sessions and networks between them, in simulated time: delay, jitter, loss as a list."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterable, Iterator

import attrs

from siptg.rtp.audio import Frame
from siptg.rtp.codecs import PCMU, Codec
from siptg.rtp.packet import RtpPacket
from siptg.rtp.rtcp.packets import Packet, parse
from siptg.rtp.session import Hearing, RtpSession

BEAT = 0.02
EPOCH = 1_700_000_000.0
"""The wall clock's seconds when ours are 0."""
EVENT = 101


def losing(pattern: Iterable[bool], *, again: bool = False) -> Iterator[bool]:
    """As the list says; then nothing more is lost, or the list begins anew."""
    return itertools.cycle(pattern) if again else itertools.chain(pattern, itertools.repeat(False))


@attrs.define(eq=False)
class Way:
    """One direction between two sessions, and all that was sent on it."""

    delay: float = 0.03
    lost: Iterator[bool] = attrs.field(factory=lambda: itertools.repeat(False))
    """Of RTP; reports always come through."""
    late: Callable[[int], float] = attrs.field(default=lambda number: 0.0)
    """Seconds on top, by the number of the packet."""
    doubled: bool = False
    sent: list[bytes] = attrs.field(factory=list)
    reports: list[tuple[float, bytes]] = attrs.field(factory=list)

    @property
    def packets(self) -> list[RtpPacket]:
        return [RtpPacket.parse(data) for data in self.sent]

    @property
    def said(self) -> list[tuple[Packet, ...]]:
        """The reports, read."""
        return [parse(data) for _, data in self.reports]


@attrs.define(eq=False)
class Network:
    """One clock for all that is joined by it; `beat` moves it on by 20 ms."""

    now: float = 1000.0
    sessions: list[RtpSession] = attrs.field(factory=list)
    _flying: list[tuple[float, int, Callable[[bytes, float], object], bytes]] = attrs.field(
        factory=list
    )
    _serial: Iterator[int] = attrs.field(factory=itertools.count)

    def ends(
        self, there: Way | None = None, back: Way | None = None, *, seed: int = 1
    ) -> tuple[RtpSession, RtpSession]:
        """Two sessions; by `there` packets go from the first to the second."""
        made: list[RtpSession] = []
        for number, way in enumerate((there or Way(), back or Way())):
            send, report = self._sender(way, made, 1 - number)
            made.append(RtpSession(send, report, random.Random(seed + number), self.now))
        self.sessions += made
        return made[0], made[1]

    def _sender(
        self, way: Way, ends: list[RtpSession], to: int
    ) -> tuple[Callable[[bytes], None], Callable[[bytes], None]]:
        def send(data: bytes) -> None:
            number = len(way.sent)
            way.sent.append(data)
            if not next(way.lost):
                for _ in range(2 if way.doubled else 1):
                    self._fly(way.delay + way.late(number), ends[to].receive, data)

        def report(data: bytes) -> None:
            way.reports.append((self.now, data))
            self._fly(way.delay, ends[to].receive_rtcp, data)

        return send, report

    def _fly(self, delay: float, take: Callable[[bytes, float], object], data: bytes) -> None:
        heapq.heappush(self._flying, (self.now + delay, next(self._serial), take, data))

    def beat(self) -> float:
        """What has arrived by then is received, and what is due beside the beat is done."""
        self.now += BEAT
        while self._flying and self._flying[0][0] <= self.now:
            arrived, _, take, data = heapq.heappop(self._flying)
            take(data, arrived)
        for session in self.sessions:
            if self.now >= session.chores_at:
                session.chores(self.now, EPOCH + self.now)
        return self.now


def agree(
    a: RtpSession,
    b: RtpSession,
    codec: Codec = PCMU,
    rate: int | None = None,
    *,
    ptime: int = 20,
    fmtp: str = "",
    events: bool = True,
) -> None:
    """Both speak and hear that codec, at that rate, and keys."""
    rate = rate or codec.rates[0]
    for session in (a, b):
        heard = {EVENT: 8000} if events else {}
        session.hear(Hearing({codec.payload_type: codec}, heard), rate)
        session.outbound.speak(
            codec,
            codec.payload_type,
            rate,
            fmtp=fmtp,
            ptime=ptime,
            event_type=EVENT if events else None,
        )


def say(
    network: Network, speaker: RtpSession, listener: RtpSession, frames: Iterable[Frame]
) -> list[Frame]:
    """One frame a beat, and what is heard of it in the meantime."""
    heard = []
    for frame in frames:
        now = network.beat()
        heard.append(listener.read(now))
        speaker.write(frame, now)
    return heard
