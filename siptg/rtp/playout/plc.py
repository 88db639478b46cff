"""Packet loss concealment for codecs that have none: the last waveform goes on and fades.

In the spirit of ITU-T G.711 Appendix I: search the pitch in what was heard, repeat it, fade after
10 ms, and cross-fade into the sound that comes back. Nothing is delayed for its sake.
"""

from __future__ import annotations

import numpy as np

from siptg.rtp.audio import Samples
from siptg.rtp.playout.pitch import Wave, best

FULL, GONE = 0.01, 0.06
"""Seconds after which the repetition begins to fade, and is silent."""
VOICED = 0.5
"""Less alike is noise: the longest period is repeated, for a short one would buzz."""
CLEAR = 0.9
"""So much alike is a tone or a vowel. Its repetition is heard then, also where the codec could make
something up: SILK takes a steady tone for noise. By PESQ talk with 5 % and 10 % of loss is as good
so, or a few hundredths better, in SILK and in CELT."""
JOINT, LONGEST_JOINT = 0.004, 0.01
"""Seconds of cross-fade back into real sound, more after a longer gap."""


class Concealment:
    """One gap after the other of one stream."""

    __slots__ = (
        "_at",
        "_cycle",
        "_full",
        "_gone",
        "_joint",
        "_most_joint",
        "_offset",
        "_rate",
        "clear",
    )

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._full, self._gone = int(rate * FULL), int(rate * GONE)
        self._joint, self._most_joint = int(rate * JOINT), int(rate * LONGEST_JOINT)
        self._cycle: Wave | None = None
        self._at = 0
        self._offset = 0.0
        self.clear = False
        """What was heard before the gap repeats itself so well that nothing can be better."""

    @property
    def active(self) -> bool:
        return self._cycle is not None

    @property
    def silent(self) -> bool:
        """The repetition has faded away."""
        return self._at >= self._gone

    def begin(self, history: Samples) -> None:
        """A gap opens after `history`: 40 ms and more of it make a good copy."""
        self._at, self._offset, self.clear = 0, 0.0, False
        wave = history.astype(np.float64)
        window, least, most = self._rate * 3 // 400, self._rate // 400, self._rate * 3 // 200
        if len(wave) < window + most + most // 4:
            self._cycle = np.zeros(most)
            return
        start = len(wave) - window
        found, alike = best(wave, start, window, start - most, start - least, self._rate)
        lag = start - found if alike >= VOICED else most
        # beside a constant, which is no sound
        newest, before = wave[start:], wave[found : found + window]
        newest, before = newest - newest.mean(), before - before.mean()
        power = (newest @ newest) * (before @ before)
        self.clear = bool(newest @ before >= CLEAR * np.sqrt(power + 1.0))
        cycle = wave[-lag:].copy()
        # its end runs into what stood before its beginning, so that it can be repeated
        overlap = lag // 4
        up = np.arange(1, overlap + 1) / (overlap + 1)
        cycle[-overlap:] += (wave[-lag - overlap : -lag] - cycle[-overlap:]) * up
        self._cycle = cycle
        # the first joint has no such overlap, as the sound before it is out already: a small step
        # is let down instead
        self._offset = float(wave[-1] - wave[-lag - 1])

    def stop(self) -> None:
        """The gap is another's to fill."""
        self._cycle = None

    def give(self, count: int) -> Samples:
        """The next `count` samples of the gap."""
        return self._wave(count).round().astype(np.int16)

    def end(self, samples: Samples) -> Samples:
        """Sound is back with `samples`: the same, with the made-up fading into it."""
        joint = self._joint if self.silent else self._joint + self._at * 2 // 5
        joint = min(len(samples), joint, self._most_joint)
        if self._cycle is None or not joint:
            return samples
        fading = self._wave(joint)
        self._cycle = None
        up = np.arange(1, joint + 1) / (joint + 1)
        fading += (samples[:joint] - fading) * up
        return np.concatenate((fading.round().astype(np.int16), samples[joint:]))

    def _wave(self, count: int) -> Wave:
        begin, cycle = self._at, self._cycle
        self._at += count
        if cycle is None or begin >= self._gone:
            return np.zeros(count)
        index = np.arange(begin, begin + count)
        wave: Wave = cycle.take(index, mode="wrap")
        let_down = self._joint // 2
        if begin < let_down:
            wave += self._offset * np.clip(1.0 - (index + 1.0) / let_down, 0.0, 1.0)
        if begin + count > self._full:
            wave *= np.clip((self._gone - index) / (self._gone - self._full), 0.0, 1.0)
        return np.clip(wave, -32768, 32767, out=wave)
