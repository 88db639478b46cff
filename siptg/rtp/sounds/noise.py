"""Comfort noise: what a line sounds like while nobody speaks (RFC 3389)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Self

import attrs
import numpy as np
from numpy.typing import NDArray

from siptg.rtp.audio import Frame, Samples

OVERLOAD = 32_768.0
"""0 dBov is the power of a signal that fills the whole range (RFC 3389 §3.1)."""
QUIETEST = 127
MOST_COEFFICIENTS = 12
"""More are cut off, as §3 allows: they change nothing that can be heard, and cost."""
GLIDE = 0.3
"""Share of a change of level that one frame makes, so that none is heard as a step."""

Floats = NDArray[np.float32]


@attrs.frozen
class Noise:
    """A comfort noise payload: how loud, and of which colour."""

    level: int
    """Decibels below overload, 0 to 127: 127 is silence."""
    reflection: tuple[float, ...] = ()
    """Coefficients of an all-pole filter (§3.2), each between −1 and 1; none is white."""

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """ValueError where it is empty. The top bit of the level is unused and ignored."""
        if not payload:
            raise ValueError("a comfort noise payload holds a level at least; this one is empty")
        # 255 is reserved: such a coefficient, like one cut off, is 0
        coefficients = (
            258 * (n - 127) / 32_768 if n < 255 else 0.0 for n in payload[1 : MOST_COEFFICIENTS + 1]
        )
        return cls(payload[0] & 0x7F, tuple(coefficients))

    def __bytes__(self) -> bytes:
        coefficients = (round(k * 32_768 / 258) + 127 for k in self.reflection)
        level = min(max(self.level, 0), QUIETEST)
        return bytes([level, *(min(max(n, 0), 254) for n in coefficients)])


class ComfortNoise:
    """Makes noise, 20 ms at a time, at a rate and a level that may change at any time."""

    __slots__ = (
        "_after",
        "_chance",
        "_clock",
        "_goal",
        "_joint",
        "_noise",
        "_size",
        "_strength",
        "_table",
        "_white",
    )

    def __init__(
        self,
        rate: int,
        chance: Callable[[], float],
        noise: Noise | None = None,
        *,
        clock_rate: int = 8000,
    ) -> None:
        """`chance` gives numbers from 0 to 1; `clock_rate` is the payload's (RFC 3389 §4), above
        half of which there is no noise.
        """
        self._chance, self._clock = chance, clock_rate
        self._noise = Noise(QUIETEST)
        self._goal = self._strength = 0.0
        self._size = 0
        self._table: Floats
        self._after: Floats
        """What would have followed the last frame."""
        self.tune(rate)
        if noise is not None:
            self.set(noise)
            self._strength = self._goal  # the first one does not fade in

    def set(self, noise: Noise) -> None:
        """What the other end last said its noise is; the level glides there."""
        colour, self._noise = self._noise.reflection, noise
        if noise.reflection != colour:
            self._paint()
        quiet = noise.level >= QUIETEST
        self._goal = 0.0 if quiet else OVERLOAD * 10 ** (-noise.level / 20)

    def tune(self, rate: int) -> None:
        """Go on at another rate."""
        if rate != self._size * 50:
            self._size = rate // 50
            turn = np.linspace(0, np.pi / 2, rate // 400, dtype=np.float32)  # 2.5 ms
            self._joint = np.sin(turn), np.cos(turn)
            lots = np.random.default_rng(int(self._chance() * 2**32))
            self._white = np.fft.rfft(lots.standard_normal(rate // 4))
            self._paint()

    def read(self) -> Frame:
        """The next 20 ms."""
        size, table = self._size, self._table
        self._strength += GLIDE * (self._goal - self._strength)
        # from anywhere in the table each time, so that its length is not heard as a beat, and from
        # what would have come next into that, so that the jump is not heard either
        joint, after = self._joint, self._after
        at = int(self._chance() * (len(table) - size - len(joint[0])))
        end = at + size
        self._after = table[end : end + len(joint[0])]
        strength = np.float32(self._strength)
        frame: Floats = table[at:end] * strength
        frame[: len(after)] *= joint[0]
        frame[: len(after)] += after * (joint[1] * strength)
        return frame.astype(np.int16)

    def _paint(self) -> None:
        """A quarter of a second of noise of the wanted colour, with a power of 1."""
        rate = self._size * 50
        inside = self._white[: min(self._clock, rate) // 2 // 4].copy()  # lines stand 4 Hz apart
        inside[0] = 0.0
        if any(self._noise.reflection):
            turn = np.exp(2j * np.pi * 4 / self._clock * np.arange(len(inside)))
            inside /= np.polyval(_polynomial(self._noise.reflection), turn)
        noise = np.fft.irfft(inside, rate // 4)
        self._table = (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
        self._after = self._table[: len(self._joint[0])]


class NoiseLevel:
    """How loud the background is under the speech: the quietest moments of the last seconds."""

    __slots__ = ("_before", "_count", "_earlier", "_least")

    WINDOW = 75
    """Frames (1.5 s): nobody speaks that long without a pause between words."""

    def __init__(self) -> None:
        self._before = self._least = self._earlier = math.inf
        self._count = 0

    def feed(self, samples: Samples) -> None:
        """A frame of what is said."""
        x = samples.astype(np.float32)
        power = float(np.dot(x, x)) / (len(x) or 1)
        # the louder of two: a single quiet one is a gap between syllables, or a concealed loss
        both = max(power, self._before)
        self._before = power
        if both < self._least:
            self._least = both
        self._count += 1
        if self._count >= self.WINDOW:
            self._count, self._earlier, self._least = 0, self._least, both

    @property
    def level(self) -> int:
        """Decibels below overload, as a comfort noise payload says it; 127 before anything came."""
        power = min(self._least, self._earlier)
        if power == math.inf or power < 1e-3:
            return QUIETEST
        return min(max(round(-10 * math.log10(power / OVERLOAD**2)), 0), QUIETEST)

    @property
    def noise(self) -> Noise:
        return Noise(self.level)


def _polynomial(reflection: Sequence[float]) -> list[float]:
    """zⁿ + a₁zⁿ⁻¹ + … of the all-pole filter, by Levinson's step-up."""
    a = [1.0]
    for k in reflection:
        longer = [*a, 0.0]
        a = [x + k * y for x, y in zip(longer, reversed(longer), strict=True)]
    return a
