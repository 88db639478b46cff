"""Where a sound looks like itself a little earlier or later: its pitch period, or a multiple."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float64]
COARSE = 8000
"""Samples a second of the first, rough search."""


def likeness(wave: Wave, start: int, length: int, first: int, last: int) -> Wave:
    """Of `wave[start:start + length]` to each stretch that begins at `first` … `last`: 1 is alike
    but for its level, 0 has nothing to do with it.
    """
    pattern, field = wave[start : start + length], wave[first : last + length]
    cross = np.correlate(field, pattern, "valid")
    sums = np.empty(len(field) + 1)
    sums[0] = 0.0
    np.cumsum(field * field, out=sums[1:])
    energy = sums[length:] - sums[:-length]
    # one is added for silence: samples are integers, so it is nothing beside any sound
    result: Wave = cross / np.sqrt(np.maximum(energy, 0.0) * (pattern @ pattern) + 1.0)
    return result


def best(
    wave: Wave, start: int, length: int, first: int, last: int, rate: int
) -> tuple[int, float]:
    """The beginning between `first` and `last` that is most alike, and how much it is."""
    grid = rate // COARSE
    if grid > 1 and last - first > 4 * grid:
        rough = wave[: len(wave) // grid * grid].reshape(-1, grid).mean(axis=1)
        low = -(-first // grid)
        high = min(last // grid, len(rough) - length // grid)
        near = (
            low + int(likeness(rough, start // grid, length // grid, low, high).argmax())
        ) * grid
        # `start` may lie between two points of the grid
        near += start % grid
        first, last = max(first, near - grid), min(last, near + grid)
    found = likeness(wave, start, length, first, last)
    at = int(found.argmax())
    return first + at, float(found[at])
