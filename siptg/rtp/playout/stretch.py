"""Time-stretching: the same sound in a little more or less time, pitch untouched (as WSOLA does).

Where the sound repeats itself after some milliseconds, one repetition is left out or put in, and
the joint is cross-faded. In silence any length will do.
"""

from __future__ import annotations

import numpy as np

from siptg.rtp.audio import Samples
from siptg.rtp.playout.pitch import Wave, best, likeness

QUIET = 150.0
"""RMS of what is taken for a pause, -47 dBFS: there a joint is not heard."""
ALIKE = 0.999
"""So much alike are two stretches where a length that suits us is preferred to the best."""


class Stretcher:
    """Takes out or puts in up to 15 ms at one place."""

    __slots__ = ("_fade", "_rate", "_up", "least", "most")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._fade = rate // 100
        self._up: Wave = np.arange(1, self._fade + 1) / (self._fade + 1)
        self.least, self.most = rate // 400, rate * 15 // 1000
        """The shortest and longest piece, in samples: pitch periods of 400 and of 67 Hz."""

    def shorten(self, samples: Samples, keep: int, wish: int, fit: float | None) -> Samples | None:
        """`samples` without a piece near their beginning; `keep` samples at least are left.

        `wish` samples less are best; another length will do where the sound is alike by `fit`, None
        for no other. None where it cannot be done here.
        """
        fade = self._fade
        wave = samples.astype(np.float64)
        lag = self._lag(wave, 0, 1, wish, len(samples) - max(fade, keep), fit)
        if lag is None:
            return None
        self._cross(wave[:fade], wave[lag : lag + fade])
        return np.concatenate((wave[:fade].round().astype(np.int16), samples[lag + fade :]))

    def lengthen(
        self, before: Samples, samples: Samples, wish: int, fit: float | None
    ) -> Samples | None:
        """`samples`, which follow `before`, with a piece of that once more at their beginning."""
        fade, start = self._fade, len(before)
        if len(samples) < fade:
            return None
        whole = np.concatenate((before, samples))
        wave = whole.astype(np.float64)
        lag = self._lag(wave, start, -1, wish, start, fit)
        if lag is None:
            return None
        again = start - lag
        now = wave[start : start + fade].copy()
        self._cross(now, wave[again : again + fade])
        return np.concatenate((now.round().astype(np.int16), whole[again + fade :]))

    def _cross(self, out: Wave, into: Wave) -> None:
        """`out` fades into `into`, in place."""
        out += (into - out) * self._up

    def _lag(
        self, wave: Wave, start: int, way: int, wish: int, there_is: int, fit: float | None
    ) -> int | None:
        fade = self._fade
        if wish <= there_is:
            there = start + way * wish
            near = wave[min(start, there) : max(start, there) + fade]
            if near @ near < QUIET * QUIET * len(near):
                return wish
            if likeness(wave, start, fade, there, there)[0] >= ALIKE:
                return wish
        high = min(self.most, there_is)
        if high < self.least or fit is None:
            return None
        ends = start + way * self.least, start + way * high
        found, alike = best(wave, start, fade, min(ends), max(ends), self._rate)
        return abs(found - start) if alike >= fit else None
