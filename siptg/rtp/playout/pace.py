"""The pace of one stream: when and how much its sound is stretched so that the delay stays right.

A drift of the clocks and a network that grows better or worse are followed by taking out or putting
in a pitch period now and then, never by dropping a packet. What does not hurry waits for a pause.
"""

from __future__ import annotations

from math import gcd

from siptg.rtp.audio import Samples
from siptg.rtp.playout.jitter import JitterBuffer
from siptg.rtp.playout.stretch import Stretcher

FIT, LEAST_FIT, EASING = 0.98, 0.5, 0.01
"""How much alike the sides of a joint must be: first, in the end, and less at each attempt."""
EVERY, SELDOM = 3, 12
"""Beats from one attempt to the next; the second where only packets and beats shall meet again."""
FAR_OFF, LOST_TOUCH = 0.06, 0.15
"""Seconds beside the target from which on every second beat is tried, and each."""
LONG_GUARD = 16
"""Looks, some ten seconds, for which losses let us wait for error correction."""
LONGEST_WAIT = 0.06
"""Seconds: a delay for the sake of error correction must not be more."""


class Pace:
    """Follows a jitter buffer at the beats where its delay is looked at."""

    __slots__ = (
        "_beside",
        "_buffer",
        "_exact",
        "_fit",
        "_frame_ticks",
        "_guard",
        "_lost",
        "_pause",
        "_rate",
        "_size",
        "_stretcher",
        "_unit",
        "shrunk",
        "stretched",
        "want",
    )

    def __init__(self, buffer: JitterBuffer) -> None:
        self._buffer, self._frame_ticks = buffer, buffer.beat
        self.stretched = self.shrunk = 0.0
        """Seconds put in and taken out."""
        self.want = 0
        """Samples to be taken out, or put in where it is negative."""
        self._beside = self._pause = self._lost = 0
        self._guard = -LONG_GUARD
        self._exact, self._fit = False, FIT

    def tune(self, rate: int) -> None:
        self._rate, self._size = rate, rate // 50
        self._stretcher, self._unit, self.want = Stretcher(rate), self._size, 0

    def look(self, packet_ticks: int, left: int) -> None:
        """Is the delay right? `left` samples are decoded and not played, packets are so long."""
        buffer, rate = self._buffer, self._rate
        unit = gcd(packet_ticks, self._frame_ticks) * self._size // self._frame_ticks
        if unit * 4 < self._size:  # such packets and beats hardly ever meet
            unit = self._size
        odd = left % unit
        off = round(buffer.settle(unit / rate, odd / rate) * rate)
        if not self.want or self._exact:
            self._fit = FIT
        # beside the best place where packets and beats meet, in samples
        self._beside = round((buffer.delay - buffer.target) * rate)
        self._unit, self._exact, self.want = unit, not off, off
        if off:
            want = odd + unit * round((self._beside - odd) / unit)
            if want * off > 0:
                self.want = want
        elif odd:
            self.want = odd if 2 * (self._beside - odd) > -unit else odd - unit

    def guard(self, packet_ticks: int, regains: bool) -> None:
        """While packets are lost whose successors can repair them, the successor is waited for."""
        buffer = self._buffer
        self._guard -= 1
        if buffer.lost > self._lost:
            # one loss in ten seconds is not worth a longer delay, the second one is
            worth = self._guard > -LONG_GUARD or buffer.lost > self._lost + 1
            self._guard = LONG_GUARD if worth else 0
        self._lost = buffer.lost
        wait = packet_ticks * buffer.tick
        buffer.guard(wait if regains and self._guard > 0 and wait <= LONGEST_WAIT else 0.0)

    def ready(self) -> bool:
        """Something is wanted, and this is the beat to try it."""
        self._pause -= 1
        if not self.want or self._pause > 0:
            return False
        if self._exact:
            self._pause = SELDOM
        elif abs(self.want) < FAR_OFF * self._rate:
            self._pause = EVERY
        else:
            self._pause = 2 if abs(self.want) < LOST_TOUCH * self._rate else 1
        return True

    @property
    def needs(self) -> int:
        """Samples that must be there to make this beat's frame out of."""
        if self.want < 0:
            return self._size
        return self._size + (self.want if self._exact else self._stretcher.most)

    def stretch(self, before: Samples, samples: Samples) -> Samples:
        """`samples`, which follow `before`, longer or shorter, or as they are where it would be
        heard.
        """
        want, fit = self.want, None if self._exact else self._fit
        if want > 0:
            result = self._stretcher.shorten(samples, self._size, want, fit)
        else:
            result = self._stretcher.lengthen(before, samples, -want, fit)
        if result is None:
            self._fit = max(LEAST_FIT, self._fit - EASING)
            return samples
        less = len(samples) - len(result)
        if less > 0:
            self.shrunk += less / self._rate
        else:
            self.stretched -= less / self._rate
        self.want -= less
        self._beside -= less
        off = self._beside - (len(result) - self._size) % self._unit
        if self._exact or 2 * abs(off) <= self._unit or self.want * less <= 0:
            self.want = 0
        self._buffer.least = float("inf")
        return result
