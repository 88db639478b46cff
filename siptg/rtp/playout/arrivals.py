"""Packets as they come: in order by timestamp, doubles and strangers told apart (RFC 3550 §5.1).

The timestamps of one timeline are unwrapped to numbers that go on. Another source, or a clock that
jumps, begins another timeline.
"""

from __future__ import annotations

from collections import deque

import attrs

from siptg.rtp.packet import RtpPacket
from siptg.rtp.playout.transit import Transit
from siptg.rtp.sequence import ahead

TOO_MUCH = 0.2
"""Seconds: what is later than this is no jitter."""
JUMP = 3.0
"""Seconds: a transit that differs by more is another timeline, not a late packet."""
PAUSE = 0.12
"""Seconds without sound after which all begins again as it did at first."""
MOST_PACKETS = 500
MOST_LOST = 1000
"""A greater step of the sequence is a new numbering, not loss."""
NEVER = -(1 << 62)
"""The next timestamp before anything was played."""
NOTHING = RtpPacket(-1, 0, 0, -1, b"")

_MASK, _HALF = (1 << 32) - 1, 1 << 31


@attrs.define(eq=False)
class Arrivals:
    """What waits to be played, by its unwrapped timestamp."""

    clock_rate: int
    lost: int = attrs.field(default=0, init=False)
    """Packets that never came; those that did come, but too late, count as late."""
    late: int = attrs.field(default=0, init=False)
    duplicate: int = attrs.field(default=0, init=False)
    reordered: int = attrs.field(default=0, init=False)
    """Packets that came behind a later one, in time or not."""
    dropped: int = attrs.field(default=0, init=False)
    """Packets that were there and were left out, to catch up."""
    waiting: dict[int, RtpPacket] = attrs.field(factory=dict, init=False)
    next: int = attrs.field(default=NEVER, init=False)
    """Where sound goes on: the timestamp behind the last packet taken."""
    held: int = attrs.field(default=0, init=False)
    """Ticks that were made up since then."""
    recent: deque[RtpPacket] = attrs.field(factory=lambda: deque(maxlen=16), init=False)
    """Those taken last: a decoder that starts in the middle is primed with them."""
    transit: Transit = attrs.field(factory=Transit, init=False)
    tick: float = attrs.field(init=False)
    """Seconds of one tick."""
    _newest: RtpPacket = attrs.field(default=NOTHING, init=False)
    _stamp: int = attrs.field(default=0, init=False)
    """Of the newest packet, unwrapped."""
    _far: int = attrs.field(init=False)
    _pause: int = attrs.field(init=False)
    _stranger: tuple[RtpPacket, float, RtpPacket] | None = attrs.field(default=None, init=False)
    """A packet that does not belong to the timeline, when it came, and the newest that does."""
    _missing: deque[int] = attrs.field(factory=lambda: deque(maxlen=64), init=False)
    """Sequence numbers that were given up."""
    _aside: deque[int] = attrs.field(factory=lambda: deque(maxlen=64), init=False)

    def __attrs_post_init__(self) -> None:
        self.tick = 1.0 / self.clock_rate
        self._far, self._pause = int(JUMP * self.clock_rate), int(PAUSE * self.clock_rate)

    def push(self, packet: RtpPacket, arrived: float) -> None:
        """A packet came. Doubles and what is too late are counted and dropped."""
        newest = self._newest
        step = (packet[2] - newest[2]) & _MASK
        stamp = self._stamp + step
        if packet[3] != newest[3] or not 0 < step < self._far or stamp < self.next:
            self._push_unusual(packet, arrived)
            return
        transit = self.transit
        behind = arrived - stamp * self.tick - transit.base
        if 0.0 <= behind < TOO_MUCH:
            transit.late.append(behind)
        else:
            self._saw(behind)
        self._newest, self._stamp = packet, stamp
        self.waiting[stamp] = packet
        if len(self.waiting) > MOST_PACKETS:
            self._overflow()

    def aside(self, sequence: int) -> None:
        """A packet of this stream that is no sound, an event or comfort noise, had this number: it
        is not missed.
        """
        self._aside.append(sequence)

    def _push_unusual(self, packet: RtpPacket, arrived: float) -> None:
        newest = self._newest
        if packet.ssrc != newest.ssrc:
            if newest is NOTHING:
                self._begin(packet, arrived)
            else:
                self._push_stranger(packet, arrived)
            return
        step = (packet.timestamp - newest.timestamp) & _MASK
        stamp = self._stamp + (step if step < _HALF else step - _MASK - 1)
        behind = arrived - stamp * self.tick - self.transit.base
        if not step or stamp in self.waiting:
            self.duplicate += 1
        elif not -JUMP < behind < JUMP:
            self._push_stranger(packet, arrived)
        elif stamp < self.next:
            self._push_late(packet, arrived, stamp, behind)
        else:
            self._saw(behind)
            if step < _HALF:
                self._newest, self._stamp = packet, stamp
            else:
                self.reordered += 1
            self.waiting[stamp] = packet
            if len(self.waiting) > MOST_PACKETS:
                self._overflow()

    def _push_late(self, packet: RtpPacket, arrived: float, stamp: int, behind: float) -> None:
        sequence = packet.sequence
        fresh = ahead(sequence, self._newest.sequence) > 0
        if fresh and self.next - stamp > TOO_MUCH * self.clock_rate:
            self._push_stranger(packet, arrived)  # numbers go on, time went back
            return
        if sequence in self._missing:
            self._missing.remove(sequence)
            self.lost -= 1
        elif any(one.sequence == sequence for one in self.recent):
            self.duplicate += 1
            return
        self.late += 1
        self.reordered += not fresh
        self._saw(behind)
        self.transit.learn(close=False)

    def _push_stranger(self, packet: RtpPacket, arrived: float) -> None:
        """Another source, or a jump of the clock: believed once a second packet says the same while
        the old timeline is dumb, or at once where nobody is heard.
        """
        if self._stranger is not None:
            first, at, newest = self._stranger
            if (
                newest is self._newest
                and first.ssrc == packet.ssrc
                and 0 < ahead(packet.sequence, first.sequence) < 100
                and 0 < ahead(packet.timestamp, first.timestamp, 32) < self._far
            ):
                self._begin(first, at)
                self.push(packet, arrived)
                return
        if not self.waiting and self.held:
            self._begin(packet, arrived)
        else:
            self._stranger = packet, arrived, self._newest

    def _begin(self, packet: RtpPacket, arrived: float) -> None:
        self.dropped += len(self.waiting)
        self.waiting.clear()
        self._missing.clear()
        self._stranger = None
        self._newest, self._stamp, self.next = packet, 0, NEVER
        self.transit.restart(arrived)
        self.transit.saw(0.0)
        self.waiting[0] = packet

    def _saw(self, behind: float) -> None:
        if behind >= TOO_MUCH and self.held >= self._pause and not self.waiting:
            # she was not heard, and this is later than any delay could have helped: a frozen
            # network, or a timeline that stood still in the pause
            self.transit.restart(self.transit.base + behind)
            behind = 0.0
        self.transit.saw(min(behind, 2 * TOO_MUCH))

    def _numbers_before(self, stamp: int) -> int:
        """Packets that are missing between the last taken and that one."""
        if self.next == NEVER or not self.recent:
            return 0
        last = self.recent[-1].sequence
        count = (self.waiting[stamp].sequence - last - 1) & 0xFFFF
        if count >= MOST_LOST:
            return 0
        return count - sum(0 < ahead(number, last) <= count for number in self._aside)

    def _give_up(self, sequence: int, count: int) -> None:
        """So many packets behind number `sequence` are lost."""
        self.lost += count
        for number in range(max(1, count - 63), count + 1):
            self._missing.append((sequence + number) & 0xFFFF)

    def _earliest(self) -> int | None:
        """Of what waits. What lies before `next` was overlapped by a longer packet."""
        waiting, due = self.waiting, self.next
        for stamp in [stamp for stamp in waiting if stamp < due]:
            del waiting[stamp]
            self.late += 1
        return min(waiting) if waiting else None

    def _overflow(self) -> None:
        """Nobody takes what comes: the older half goes."""
        stamps = sorted(self.waiting)
        for stamp in stamps[: len(stamps) // 2]:
            del self.waiting[stamp]
        self.dropped += len(stamps) // 2
