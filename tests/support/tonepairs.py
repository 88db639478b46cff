"""Presses of keys as another telephone, a line and a codec would bring them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs
import numpy as np
from numpy.typing import NDArray

from siptg.rtp.audio import Samples
from siptg.rtp.digits.keypad import Key
from siptg.rtp.digits.tones import ToneReceiver

Floats = NDArray[np.float64]

HZ = {
    key: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for key, high in zip(row, (1209, 1336, 1477, 1633), strict=True)
}
"""Q.23's table, written down once more."""
KEYS = "".join(HZ)


def strength(dbm0: float) -> float:
    """Amplitude of a sine of that level: the largest one is +3.14 dBm0."""
    return float(32_767 * 10 ** ((dbm0 - 3.14) / 20))


@attrs.define
class Line:
    """What is put on it in turn, and the noise behind it."""

    low: float = -10.0
    high: float = -10.0
    """dBm0 of each tone."""
    off: tuple[float, float] = (0.0, 0.0)
    """By which share the frequencies are wrong."""
    rate: int = 8000
    chance: np.random.Generator = attrs.field(factory=lambda: np.random.default_rng(4733))
    _parts: list[Floats] = attrs.field(init=False, factory=list)
    _late: float = attrs.field(init=False, default=0.0)

    def silence(self, milliseconds: float) -> Line:
        self._parts.append(np.zeros(self._samples(milliseconds)))
        return self

    def anywhere(self) -> Line:
        """Silence that lets what follows begin at any sample of a frame."""
        return self.silence(100 + self.chance.uniform(0, 20))

    def tone(self, key: str, milliseconds: float) -> Line:
        """Without soft edges, in any phase."""
        t = np.arange(self._samples(milliseconds)) / self.rate
        wave = np.zeros(len(t))
        for hz, off, level in zip(HZ[key], self.off, (self.low, self.high), strict=True):
            phase = self.chance.uniform(0, 2 * math.pi)
            wave += strength(level) * np.sin(2 * math.pi * hz * (1 + off) * t + phase)
        self._parts.append(wave)
        return self

    def dial(self, keys: Iterable[str], on: float = 40, off: float = 40) -> Line:
        for key in keys:
            self.tone(key, on).silence(off)
        return self

    def heard(self, noise: float | None = 15) -> Samples:
        """All of it and some silence, with white noise `noise` dB below the tones."""
        wave = np.concatenate([*self._parts, np.zeros(self.rate // 4)])
        if noise is not None:
            power = (strength(self.low) ** 2 + strength(self.high) ** 2) / 2
            wave = wave + self.chance.normal(0, math.sqrt(power) * 10 ** (-noise / 20), len(wave))
        return np.clip(np.round(wave), -32_768, 32_767).astype(np.int16)

    def _samples(self, milliseconds: float) -> int:
        """Fractions are kept for the next part, so that pauses wander through the frames."""
        exact = milliseconds * self.rate / 1000 + self._late
        self._late = exact % 1
        return int(exact)


def companded(samples: Samples, law: str) -> Samples:
    """As G.711 leaves it: a sign, the octave, and sixteen steps within it. `law` is A or μ."""
    x = samples.astype(np.int64)
    size = np.minimum(np.abs(x) + (132 if law == "μ" else 0), 32_767)
    octave = np.maximum(np.frexp(size)[1] - 8, 0 if law == "μ" else 1)
    step = 8 << octave if law == "μ" else 16 << (octave - 1)
    kept = size // step * step + step // 2 - (132 if law == "μ" else 0)
    made: Samples = (np.sign(x) * kept).astype(np.int16)
    return made


def frames(samples: Samples, rate: int = 8000) -> list[Samples]:
    size = rate // 50
    return [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]


def keys_in(samples: Samples, rate: int = 8000) -> str:
    """What a receiver tells at the begins."""
    return listen(samples, rate)[0]


def listen(samples: Samples, rate: int = 8000) -> tuple[str, list[Key]]:
    """What a receiver tells at the begins and at the ends."""
    ear, told, ended = ToneReceiver(rate), "", list[Key]()
    for frame in frames(samples, rate):
        told += ear.receive(frame) or ""
        ended += ear.ended()
    return told, ended
