"""From one rate to another: a band-limited polyphase filter that streams, block by block."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from siptg.rtp.audio import AudioPort, Frame, Samples
from siptg.rtp.sounds.gain import rounded

RATES = (8000, 12_000, 16_000, 24_000, 32_000, 48_000)
BLOCKS = 400
"""Blocks a second: samples come in multiples of 2.5 ms, the shortest of all codecs' frames."""
PASS, STOP = 0.425, 0.5
"""Of the lower rate: 3.4 kHz of 8 kHz pass, and nothing from 4 kHz on comes back as an alias."""
KAISER = 5.65
"""The window's shape: 60 dB down beyond `STOP`."""
REACH = 24
"""Samples of the lower rate to each side that the filter looks at: 3 ms at 8 kHz."""

Floats = NDArray[np.float32]


class Resampler:
    """`resampler(samples)` gives the same sound at the other rate, `REACH` samples of the lower
    rate later. The length is a multiple of 2.5 ms, as every codec's frames are.
    """

    __slots__ = (
        "_buffer",
        "_kept",
        "_matrix",
        "_out",
        "_size",
        "_taken",
        "_view",
        "rate",
        "source",
    )

    def __init__(self, source: int, rate: int) -> None:
        """From `source` to `rate` samples a second; ValueError where either is none of `RATES`."""
        for asked in (source, rate):
            if asked not in RATES:
                raise ValueError(f"one of {', '.join(map(str, RATES))} expected, not {asked}")
        self.source, self.rate = source, rate
        self._matrix = _matrix(source, rate)
        self._kept = len(self._matrix) - source // BLOCKS
        self._size = 0
        self._buffer = np.zeros(self._kept, np.float32)

    def __call__(self, samples: Samples) -> Samples:
        if len(samples) != self._size:
            self._prepare(len(samples))
        buffer, kept = self._buffer, self._kept
        buffer[kept:] = samples
        # the overlapping rows are copied first: BLAS takes no view whose rows overlap
        np.copyto(self._taken, self._view)
        buffer[:kept] = buffer[self._size :]
        out = self._out
        np.dot(self._taken, self._matrix, out=out)
        return rounded(out).ravel()

    def _prepare(self, size: int) -> None:
        """Room for `size` samples at a time; what was kept of the past stays."""
        block = self.source // BLOCKS
        if size % block:
            raise ValueError(f"a multiple of {block} samples expected, not {size}")
        kept, width = self._kept, len(self._matrix)
        past = self._buffer[:kept]
        self._buffer = np.zeros(kept + size, np.float32)
        self._buffer[:kept] = past
        self._size, rows = size, size // block
        self._view = as_strided(self._buffer, (rows, width), (4 * block, 4), writeable=False)
        self._taken = np.empty((rows, width), np.float32)
        self._out = np.empty((rows, self._matrix.shape[1]), np.float32)


class Adapted:
    """A port as if it spoke at `rate`, for what cannot be tuned: PCMU joined with G.722."""

    __slots__ = ("_down", "_port", "_up", "rate")

    def __init__(self, port: AudioPort, rate: int) -> None:
        self._port, self.rate = port, rate
        self._up = Resampler(port.rate, rate)
        self._down = Resampler(rate, port.rate)

    def read(self) -> Frame:
        if self._port.rate != self._up.source:
            self._follow()
        return self._up(self._port.read())

    def write(self, frame: Frame) -> None:
        if self._port.rate != self._up.source:
            self._follow()
        self._port.write(self._down(frame))

    def _follow(self) -> None:
        """The port changed its codec under us."""
        self._up = Resampler(self._port.rate, self.rate)
        self._down = Resampler(self.rate, self._port.rate)


@lru_cache(maxsize=64)
def _matrix(source: int, rate: int) -> Floats:
    """What each sample of a block and of its past gives to each sample of the block that comes out:
    a windowed sinc, sampled at the distance in time between the two.
    """
    low = min(source, rate)
    before, after = source // BLOCKS, rate // BLOCKS
    reach = REACH / low  # seconds to each side
    past = math.ceil(2 * reach * source)
    came = (np.arange(past + before) - past) / source
    goes = np.arange(after) / rate - reach
    distance = goes[None, :] - came[:, None]
    cut = (PASS + STOP) / 2 * low
    inside = np.clip(1 - (distance / reach) ** 2, 0, None)
    window = np.i0(KAISER * np.sqrt(inside)) / np.i0(KAISER) * (np.abs(distance) <= reach)
    taps = 2 * cut / source * np.sinc(2 * cut * distance) * window
    return np.ascontiguousarray(taps / taps.sum(axis=0), dtype=np.float32)
