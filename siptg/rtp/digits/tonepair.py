"""Two tones in 20 ms of audio that may be a key of the telephone (ITU-T Q.23): their measures."""

from __future__ import annotations

import cmath
import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
"""Hz of the keypad's rows and columns."""
GRID = "123A456B789C*0#D"
"""The keys, row by row."""
FULL_SCALE_DBM0 = 3.14
"""Of the largest sine that 16 bits hold, as G.711 counts it."""

TOLERANCE = 0.024
"""Of a frequency: Q.24 has 1.5 % heard, and 3.5 % not."""
QUIETEST_DBM0 = -31.0
"""Of each tone: −25 dBm0 is heard, −36 dBm0 is not."""
FORWARD_TWIST, REVERSE_TWIST = 10 ** (9.7 / 20), 10 ** (5.6 / 20)
"""How much stronger the low tone may be, and the high one: 8 and 4 dB, and what noise adds."""
SHARE = 0.4
"""Of the energy, at the two frequencies: worth a closer look."""
REST = 0.12
"""Of the energy, beside the two tones: white noise at 15 dB makes 0.03, voices far more."""
HARMONIC = 0.18
"""Of a tone, at twice its frequency: voices and strings have more, telephones less."""
OCTAVE = 0.012
"""So near to twice the other's frequency a tone is its overtone; no key comes nearer."""
TRACE, TRACE_SHARE = 0.13, 0.3
"""Of a tone's power in a frame where it breaks off, and of the frame's energy in both tones."""


def amplitude(dbm0: float) -> float:
    """Of a sine of that level, in units of a sample."""
    return 32_767 * math.pow(10, (dbm0 - FULL_SCALE_DBM0) / 20)


class Tone(NamedTuple):
    """A x cos(w x t + p); time 0 is the middle of the frame it was found in."""

    w: float
    """Radians a second."""
    a: float
    p: float

    def wave(self, times: Floats) -> Floats:
        made: Floats = np.cos(np.float32(self.w) * times + np.float32(self.p))
        made *= np.float32(self.a)
        return made


class Pair(NamedTuple):
    """What a key sounds like, as it was found in one frame."""

    key: int
    """Its place in the grid."""
    low: Tone
    high: Tone
    samples: int
    """For how long it has sounded at the end of the frame."""


class Tables(NamedTuple):
    """What depends on the rate alone."""

    size: int
    """Samples of a frame."""
    times: Floats
    """Of the samples of a frame, those of the two frames before it, and those of the one behind."""
    waves: Floats
    """Cosines of the eight frequencies, then their sines."""
    halves: list[tuple[Floats, Floats]]
    """For each key, what the halves of a frame are multiplied with to give the cosine's and the
    sine's share of its low tone and of its high one, each as if the other were not there.
    """
    least: float
    """Energy of a frame with the quietest pair, and a little less."""


@cache
def tables(rate: int) -> Tables:
    size, half = rate // 50, rate // 100
    times = (np.arange(-2 * size, 2 * size) - (size - 1) / 2) / rate
    turns = 2 * math.pi * times[2 * size : 3 * size, None] * np.array(LOW + HIGH)
    waves = np.hstack([np.cos(turns), np.sin(turns)])
    halves = []
    for key in range(16):
        row, column = divmod(key, 4)
        four = waves[:, [row, 8 + row, 4 + column, 12 + column]]
        first, second = (np.linalg.pinv(part).T for part in (four[:half], four[half:]))
        halves.append((_floats(first), _floats(second)))
    least = 0.8 * size * amplitude(QUIETEST_DBM0) ** 2
    return Tables(size, _floats(times), _floats(waves), halves, least)


def _floats(values: NDArray[np.float64]) -> Floats:
    return np.ascontiguousarray(values, np.float32)


def find(three: Floats, energy: float, known: Tables) -> Pair | None:
    """The pair that makes up the last of three frames, whose energy is given."""
    size = known.size
    x = three[2 * size :]
    y = x.dot(known.waves)
    if float(y.dot(y)) * 2 < SHARE * size * energy:
        return None
    parts = y.tolist()
    powers = [c * c + s * s for c, s in zip(parts[:8], parts[8:], strict=True)]
    low, high = max(powers[:4]), max(powers[4:])
    if (low + high) * 2 < SHARE * size * energy:
        return None
    row, column = powers.index(low), powers.index(high, 4) - 4
    half, (first, second) = size // 2, known.halves[4 * row + column]
    a, b = x[:half].dot(first).tolist(), x[half:].dot(second).tolist()
    rate = size * 50
    lower = _tone(complex(a[0], -a[1]), complex(b[0], -b[1]), LOW[row], half / rate)
    upper = _tone(complex(a[2], -a[3]), complex(b[2], -b[3]), HIGH[column], half / rate)
    if (
        lower is None
        or upper is None
        or lower.a > upper.a * FORWARD_TWIST
        or upper.a > lower.a * REVERSE_TWIST
        or abs(upper.w / lower.w - 2) < OCTAVE
    ):
        return None
    now = known.times[2 * size : 3 * size]
    rest = x - lower.wave(now) - upper.wave(now)
    if (
        float(rest.dot(rest)) > REST * energy
        or _harmonic(lower, rest, now) > HARMONIC
        or _harmonic(upper, rest, now) > HARMONIC
    ):
        return None
    until = known.times[: 3 * size]
    wave = lower.wave(until) + upper.wave(until)
    return Pair(4 * row + column, lower, upper, _reach(wave[::-1], three[::-1]))


def _tone(before: complex, behind: complex, hz: float, half: float) -> Tone | None:
    """Out of what the two halves of a frame have of a frequency: how far the phase turns from one
    to the other tells how far off it is.
    """
    turn = cmath.phase(behind * before.conjugate()) if before else 0.0
    if abs(turn) > TOLERANCE * 2 * math.pi * hz * half:
        return None
    # what is off is weakened by the sum over each half, and by the sum of both
    whole = (before + behind) * (turn / 2 / math.sin(turn) if turn else 0.5)
    if abs(whole) < amplitude(QUIETEST_DBM0):
        return None
    return Tone(2 * math.pi * hz + turn / half, abs(whole), cmath.phase(whole))


def _harmonic(tone: Tone, rest: Floats, times: Floats) -> float:
    """How strong twice the frequency is, against the tone."""
    turns = np.float32(2 * tone.w) * times
    size = math.hypot(float(rest.dot(np.cos(turns))), float(rest.dot(np.sin(turns))))
    return 2 * size / len(rest) / tone.a


def _reach(wave: Floats, samples: Floats) -> int:
    """How many samples are this wave, from the first on, before it breaks off: with so many taken
    out the least is left over.
    """
    gained = np.cumsum(wave * (2 * samples - wave))
    most = int(gained.argmax())
    return most + 1 if gained[most] > 0 else 0


def goes_on(pair: Pair, x: Floats, known: Tables) -> int:
    """How many samples of the frame behind its own a pair still sounds."""
    times = known.times[3 * known.size :]
    return _reach(pair.low.wave(times) + pair.high.wave(times), x)


def trace(pair: Pair, x: Floats, energy: float, known: Tables) -> float:
    """How much of a frame the pair sounds in, 0 to 1, be it broken off and begun again; its phase
    does not matter.
    """
    half, (first, second) = known.size // 2, known.halves[pair.key]
    a, b = x[:half].dot(first).tolist(), x[half:].dot(second).tolist()
    low = (a[0] * a[0] + a[1] * a[1] + b[0] * b[0] + b[1] * b[1]) / 2
    high = (a[2] * a[2] + a[3] * a[3] + b[2] * b[2] + b[3] * b[3]) / 2
    full_low, full_high = pair.low.a**2, pair.high.a**2
    if (
        low < TRACE * full_low
        or high < TRACE * full_high
        or (low + high) * half < TRACE_SHARE * energy
    ):
        return 0.0
    return min(1.0, energy / half / (full_low + full_high))
