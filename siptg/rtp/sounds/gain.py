"""Louder and softer, and back into 16 bits: what is too loud is cut off and never wraps round."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from siptg.rtp.audio import Samples

LEAST, MOST = -60.0, 40.0
"""dB that a gain may be."""

MIDDLE = 32_768
_BOTTOM, _TOP = np.float32(-MIDDLE), np.float32(MIDDLE - 1)
_RANGE = np.arange(-MIDDLE, MIDDLE).astype(np.int16)


def factor(gain: float) -> float:
    """Of so many dB; ValueError where that is no gain anybody means."""
    if not LEAST <= gain <= MOST:
        raise ValueError(f"a gain from {LEAST:g} to {MOST:g} dB expected, not {gain:g}")
    return float(10 ** (gain / 20))


def amplified(samples: Samples, by: float) -> Samples:
    """Times a factor."""
    return rounded(samples * np.float32(by))


def rounded(values: NDArray[np.float32]) -> Samples:
    """To the nearest 16-bit number. `values` are used up."""
    np.rint(values, out=values)
    np.maximum(values, _BOTTOM, out=values)
    np.minimum(values, _TOP, out=values)
    return values.astype(np.int16)


def saturated(biased: NDArray[np.intp]) -> Samples:
    """Of numbers that stand `MIDDLE` too high: one look-up that stops at the ends of its table
    costs less than two comparisons and a conversion.
    """
    return _RANGE.take(biased, mode="clip")
