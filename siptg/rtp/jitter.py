"""The play-out buffer: packets come when they come, sound leaves evenly. Counts time, not packets.

A peer may send 10 to 120 ms a packet and a burst of them at the start; so everything here is in
ticks of the RTP clock. Pure: arrival times are arguments, `pull` is called once a beat.
"""

from __future__ import annotations

import attrs

from siptg.rtp.packet import RtpPacket
from siptg.rtp.sequence import Unwrapped, ahead

SMALLEST, START, LARGEST = 0.02, 0.04, 0.2
"""Seconds of delay: the least, the first, the most."""
JUMP = 3.0
"""A timestamp further off than this is a new beginning, not a late packet."""
MOST_PACKETS = 500
CALM = 8.0
"""Seconds without lateness after which the delay may shrink by a step."""
STEP = 0.01


@attrs.define(eq=False)
class JitterBuffer:
    """Orders packets by timestamp and holds them back by a delay that follows the network."""

    clock_rate: int
    delay: float = START
    """Seconds of sound that should lie in the buffer."""
    lost: int = attrs.field(default=0, init=False)
    late: int = attrs.field(default=0, init=False)
    duplicate: int = attrs.field(default=0, init=False)
    _waiting: dict[int, RtpPacket] = attrs.field(factory=dict, init=False)
    _time: Unwrapped = attrs.field(init=False)
    _ssrc: int | None = attrs.field(default=None, init=False)
    _next: int | None = attrs.field(default=None, init=False)
    """Timestamp (unwrapped) of the next packet to play; None before the first."""
    _filling_since: float | None = attrs.field(default=None, init=False)
    _played_to: int | None = attrs.field(default=None, init=False)
    _last_stamp: int = attrs.field(default=0, init=False)
    _calm_since: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._time = Unwrapped(32)

    def push(self, packet: RtpPacket, arrived: float) -> None:
        """A packet came. Doubles and what is too late are counted and dropped."""
        if packet.ssrc != self._ssrc or self._is_jump(packet.timestamp):
            self._begin(packet.ssrc)
        stamp = self._time(packet.timestamp)
        self._last_stamp = packet.timestamp
        if stamp in self._waiting:
            self.duplicate += 1
            return
        if self._next is not None and stamp < self._next:
            self.late += 1
            self.delay = min(LARGEST, self.delay + 2 * STEP)
            self._calm_since = arrived
            return
        if not self._waiting and self._next is None and self._filling_since is None:
            self._filling_since = self._calm_since = arrived
            if self._played_to is not None and 0 <= stamp - self._played_to < self.clock_rate // 5:
                # it ran dry in the middle of talk: the network is less even than we thought
                self.delay = min(LARGEST, self.delay + 2 * STEP)
        self._waiting[stamp] = packet
        if len(self._waiting) > MOST_PACKETS:
            del self._waiting[min(self._waiting)]
            self.lost += 1

    def pull(self, now: float) -> RtpPacket | None:
        """The next packet to play, None where it is not its time, or it did not come.

        After each packet say by `played` how long it was.
        """
        if not self._waiting:
            return None
        first = min(self._waiting)
        if self._next is None:
            held = now - self._filling_since if self._filling_since is not None else 0.0
            if held < self.delay and self._span() < self.delay * self.clock_rate:
                return None
            self._next = first
        self._shed(first)
        first = min(self._waiting)
        if first > self._next:
            return None
        self._relax(now)
        return self._waiting.pop(first)

    def played(self, packet: RtpPacket, ticks: int) -> None:
        """The packet held so many ticks of sound: the next one begins there."""
        self._next = (self._next or 0) + ticks
        self._played_to = self._next

    def concealed(self, ticks: int) -> None:
        """So much was made up in the place of a packet that is not there."""
        if self._next is None:
            return
        if self._waiting:
            self._next += ticks
            self.lost += 1
            first = min(self._waiting)
            if first < self._next:  # no hole bigger than it was
                self._next = first
        else:
            # nothing at all comes (she mutes): begin afresh with the next packet
            self._next = self._filling_since = None

    def depth(self) -> float:
        """Seconds of sound that wait, as far as timestamps tell."""
        return self._span() / self.clock_rate if self._waiting else 0.0

    def _span(self) -> int:
        return max(self._waiting) - min(self._waiting)

    def _is_jump(self, timestamp: int) -> bool:
        far = JUMP * self.clock_rate
        return self._ssrc is not None and abs(ahead(timestamp, self._last_stamp, 32)) > far

    def _begin(self, ssrc: int) -> None:
        self._ssrc, self._time = ssrc, Unwrapped(32)
        self._waiting.clear()
        self._next = self._filling_since = self._played_to = None

    def _shed(self, first: int) -> None:
        """Old sound after a freeze, or a clock that runs too fast there: catch up by leaving
        out.
        """
        too_much = (self.delay + 0.2) * self.clock_rate
        while self._span() > too_much:
            del self._waiting[first]
            self.lost += 1
            first = min(self._waiting)
            self._next = first

    def _relax(self, now: float) -> None:
        if now - self._calm_since > CALM and self.delay > SMALLEST:
            self.delay = max(SMALLEST, self.delay - STEP)
            self._calm_since = now
