"""The play-out buffer: packets come when they come, sound leaves evenly. Counts time, not packets.

A peer may send 10 to 120 ms a packet, of several lengths, a burst of them at the start, none while
it is silent; so everything here is in ticks of the RTP clock. Pure: times are arguments.

How it thinks: each packet has a transit (`transit.py`); the network's floor is the fastest of late.
The *delay* is how much later than such a fastest packet its sound is played. It shall lie in a band
one beat wide, so that whole packets meet whole beats. The band's low edge covers what jitter needs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import attrs

from siptg.rtp.packet import RtpPacket
from siptg.rtp.playout.arrivals import Arrivals

BEAT = 0.02
SMALLEST, LARGEST = 0.02, 0.2
"""Seconds of delay that are aimed at: the least, and the most unless told otherwise."""
HALF_BAND = 0.01
"""The delay may be so much beside the target: half a beat."""
MARGIN = 0.002
"""Seconds between what jitter needs and the low edge."""
BELOW, SLACK = 0.001, 0.003
"""The delay may be so much outside of its band, below and above: against a to and fro."""
LOOK_BACK = 32
"""Beats after which the delay is looked at; the smallest of them counts, for beats come late."""
FORGOTTEN = 5.0
"""Seconds without sound after which the clocks may have drifted apart unseen."""
TOO_OLD = 0.4
"""Seconds over the target at which old sound is left out rather than played faster."""
INFINITE = float("inf")


@attrs.define(eq=False)
class JitterBuffer(Arrivals):
    """Knows whose turn it is, and by how much the delay is off.

    `Playout` reads and moves `next` and `held` itself on its short way.
    """

    ticks_of: Callable[[bytes], int] | None = None
    """Ticks of an undecoded payload; a beat where this is None, or gives 0, or ValueError."""
    most: float = LARGEST
    """Seconds of delay that are aimed at in the worst case."""
    underruns: int = attrs.field(default=0, init=False)
    """Times that sound had to be made up while the packet was still on its way."""
    target: float = attrs.field(default=SMALLEST, init=False)
    delay: float = attrs.field(default=SMALLEST, init=False)
    """Seconds, as last measured."""
    low: float = attrs.field(default=SMALLEST - HALF_BAND, init=False)
    """The low edge of the band: a packet is begun with at least this delay."""
    least: float = attrs.field(default=INFINITE, init=False)
    """Of late, the smallest of `now` minus timestamp when a packet was taken."""
    hole: int = attrs.field(default=0, init=False)
    """After `take` gave None: ticks to be made up before the next packet; 0 where none knows."""
    lossy: bool = attrs.field(default=False, init=False)
    """What was made up before the packet taken stood for sound that did not come in time."""
    cut: bool = attrs.field(default=False, init=False)
    """The packet taken does not follow on what was before it."""
    ahead: int = attrs.field(default=0, init=False)
    """Ticks that `pull` gave beyond the end of its beat."""
    beat: int = attrs.field(init=False)
    """Ticks of a beat."""
    _guarded: float = attrs.field(default=0.0, init=False)
    _pulled_at: float | None = attrs.field(default=None, init=False)
    _until_settled: int = attrs.field(default=LOOK_BACK, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.beat = self.clock_rate // 50

    def take(self, now: float) -> RtpPacket | None:
        """The packet whose turn it is now; move `next` by its ticks.

        None: something is to be made up. Add its ticks to `held` and ask again.
        """
        due = self.next
        self.hole, self.cut = 0, False
        first = due if due in self.waiting else self._earliest()
        if first is None:
            return None
        lag = now - first * self.tick
        delay = lag - self.transit.base
        if delay > self.target + TOO_OLD:
            fresh = self._shed(now)
            if fresh != first:
                self.cut = self.lossy = True
                return self._taken(fresh)
        paused = self.held >= self._pause
        if first == due:
            if not self.held:
                if lag < self.least:
                    self.least = lag
                self.lossy = False
                return self._taken(first)
            if paused and delay < self.low:
                return None
            self.lossy = True
            self.underruns += 1
            self.transit.learn(close=False)
            return self._late_taken(first)
        missing = self._numbers_before(first)
        if missing and not paused:
            if self.held < first - due:
                self.hole = first - due - self.held
                return None
        elif delay < self.low:
            return None
        self.lossy = missing > 0
        if missing:
            self._give_up(self.recent[-1].sequence, missing)
        return self._late_taken(first)

    def recovered(self) -> None:
        """The hole was filled out of the packet behind it: so that one is next."""
        self.next += self.held + self.hole
        behind, missing = self.waiting[self.next], self._numbers_before(self.next)
        self._give_up(self.recent[-1].sequence, missing)
        self.held, self.lossy, self.least = 0, True, INFINITE
        # as though the last of the lost had been taken: the numbers go on without a hole
        self.recent.append(behind._replace(sequence=(behind.sequence - 1) & 0xFFFF, payload=b""))

    def guard(self, seconds: float) -> None:
        """Mostly, what comes so much later than a packet shall be there when that one is due."""
        self._guarded = seconds

    def settle(self, unit: float = BEAT, odd: float = 0.0) -> float:
        """Look back on some beats, and say by how many seconds the delay is off the middle of its
        band; 0 inside of it.

        The band is `unit` seconds wide: the step in which packets and beats meet. Of the packets of
        a beat the last counts, which has to be there before its own sound is due; `odd` seconds of
        sound stand before it because the two do not meet now.
        """
        transit = self.transit
        transit.learn(close=True)
        if self.held > FORGOTTEN * self.clock_rate and not self.waiting:
            transit.forget()
        if len(self.waiting) > 2 * self.most / BEAT:
            self._earliest()
        needed = max(transit.needed, transit.usual + self._guarded) + MARGIN
        self.low = max(SMALLEST - HALF_BAND, min(needed, self.most - HALF_BAND))
        self.target = self.low + BEAT - unit / 2
        least, self.least = self.least, INFINITE
        if least == INFINITE:
            return 0.0
        off = least - transit.base - self.low - unit / 2
        self.delay = self.target + off + odd
        return 0.0 if -unit / 2 - BELOW < off < unit / 2 + SLACK else off

    def start_pulling(self, left_over: int) -> None:
        """From samples to packets: `left_over` ticks are decoded and not played. They are given up,
        but their time is kept, to the nearest beat.
        """
        self.ahead = (left_over + self.beat // 2) // self.beat * self.beat
        self._pulled_at, self._until_settled, self.least = None, LOOK_BACK, INFINITE

    def pull(self, now: float) -> RtpPacket | None:
        """The next packet of this beat, undecoded, at the time its samples would be played.

        Ask until None, which ends the beat; so does another `now`.
        """
        ahead = self.ahead
        if now != self._pulled_at:
            self._pulled_at = now
            ahead -= self.beat
            self._until_settled -= 1
            if not self._until_settled:
                ahead += self._follow()
        if ahead < 0:
            packet = self.take(now)
            if packet is not None:
                ticks = self.beat if self.ticks_of is None else self._ticks(packet.payload)
                self.next += ticks
                self.ahead = ahead + ticks
                return packet
            self.held -= ahead
            ahead = 0
        self.ahead, self._pulled_at = ahead, None
        return None

    def _follow(self) -> int:
        """Packets cannot be stretched: a beat is left out, or two are given in one."""
        self._until_settled = LOOK_BACK
        off = self.settle()
        if off > 0.0:
            return -self.beat
        return self.beat if off < 0.0 else 0

    def _ticks(self, payload: bytes) -> int:
        if self.ticks_of is None:
            return self.beat
        try:
            ticks = self.ticks_of(payload)
        except ValueError:
            ticks = 0
        return min(max(ticks, self.beat // 8), 12 * self.beat) if ticks > 0 else self.beat

    def _taken(self, stamp: int) -> RtpPacket:
        packet = self.waiting.pop(stamp)
        self.next, self.held = stamp, 0
        self.recent.append(packet)
        return packet

    def _late_taken(self, stamp: int) -> RtpPacket:
        """The same where the delay is another now than before."""
        self.least = INFINITE
        return self._taken(stamp)

    def _shed(self, now: float) -> int:
        """Old sound after a freeze: catch up by leaving out. What is first then."""
        wanted = int((now - self.transit.base - self.target) * self.clock_rate)
        stamps = sorted(self.waiting)
        keep = min(bisect_left(stamps, wanted), len(stamps) - 1)
        for stamp in stamps[:keep]:
            del self.waiting[stamp]
        self.dropped += keep
        self.least = INFINITE
        return stamps[keep]
