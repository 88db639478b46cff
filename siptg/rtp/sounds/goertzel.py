"""How loud is a frequency, and which is the loudest: what tests and the demo hear with."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from siptg.rtp.audio import Frame, Samples

FULL_SCALE = 32_768.0
FLOOR = -100.0
"""dBFS of silence."""


def level(samples: Samples, hz: float, rate: int) -> float:
    """Share of one frequency, as the dBFS of a sine of that strength (Goertzel's bin)."""
    if not len(samples):
        return FLOOR
    turn = np.exp(-2j * math.pi * hz / rate * np.arange(len(samples)))
    size = 2 * abs(np.dot(samples.astype(np.float64), turn)) / len(samples) / FULL_SCALE
    return max(FLOOR, 20 * math.log10(size)) if size > 0 else FLOOR


def loudest(samples: Samples, rate: int) -> tuple[float, float]:
    """The strongest frequency (Hz, 0 for silence) and the level of the whole (dBFS)."""
    x = samples.astype(np.float64) / FULL_SCALE
    rms = float(np.sqrt(np.mean(x * x))) if len(x) else 0.0
    if rms < 1e-3:
        return 0.0, FLOOR
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x))))
    spectrum[0] = 0.0
    peak = int(np.argmax(spectrum))
    shift = 0.0
    if 0 < peak < len(spectrum) - 1:  # a parabola through the three highest points
        a, b, c = (math.log(max(v, 1e-12)) for v in spectrum[peak - 1 : peak + 2])
        bend = a - 2 * b + c
        shift = 0.5 * (a - c) / bend if bend else 0.0
    return (peak + shift) * rate / len(x), max(FLOOR, 20 * math.log10(rms))


class Ear:
    """Keeps the last seconds of what it is given, to be measured."""

    def __init__(self, rate: int, seconds: float = 1.0) -> None:
        self.rate = rate
        self._frames: deque[Frame] = deque(maxlen=max(1, round(seconds * 50)))

    def write(self, frame: Frame) -> None:
        if len(frame) * 50 != self.rate:  # the call changed its rate: what was heard is of no use
            self.rate = len(frame) * 50
            self._frames.clear()
        self._frames.append(frame)

    @property
    def full(self) -> bool:
        return len(self._frames) == self._frames.maxlen

    @property
    def samples(self) -> Samples:
        return np.concatenate(self._frames) if self._frames else np.zeros(0, np.int16)

    def hz(self) -> float:
        """The loudest frequency of what it kept; 0 for silence."""
        return loudest(self.samples, self.rate)[0]

    def dbfs(self) -> float:
        return loudest(self.samples, self.rate)[1]
