"""G.711: PCMU and PCMA by table (ITU-T G.711, RFC 3551 §4.5.14)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.codecs.codec import Codec

RATE = 8000


def _ulaw_values() -> NDArray[np.int16]:
    """The 256 μ-law codes as 14-bit values in the upper bits of 16."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = code >> 4 & 7, code & 15
    size = ((mantissa << 3) + 0x84 << exponent) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _alaw_values() -> NDArray[np.int16]:
    """The 256 A-law codes as 13-bit values in the upper bits of 16."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    size = np.where(
        exponent > 0, (mantissa << 4) + 0x108 << np.maximum(exponent - 1, 0), (mantissa << 4) + 8
    )
    return np.where(code & 0x80, size, -size).astype(np.int16)


def _nearest(values: NDArray[np.int16]) -> NDArray[np.uint8]:
    """For each of the 65,536 samples the code whose value is nearest; of two, the upper one."""
    order = np.argsort(values, kind="stable")
    steps = values[order].astype(np.int32)
    middles = (steps[1:] + steps[:-1]) // 2
    samples = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    return order[np.searchsorted(middles, samples, side="right")].astype(np.uint8)


class _Law:
    """Encoder and decoder in one: G.711 remembers nothing."""

    rate = RATE

    def __init__(self, values: NDArray[np.int16]) -> None:
        self._values, self._codes = values, _nearest(values)

    def encode(self, frame: Frame) -> bytes:
        return self._codes[frame.view(np.uint16)].tobytes()

    def decode(self, payload: bytes) -> Samples:
        return self._values[np.frombuffer(payload, np.uint8)]

    def conceal(self, samples: int) -> Samples:
        return np.zeros(samples, np.int16)


_ULAW, _ALAW = _Law(_ulaw_values()), _Law(_alaw_values())
PCMU = Codec("PCMU", 0, RATE, 1, (RATE,), lambda rate: _ULAW, lambda rate: _ULAW)
PCMA = Codec("PCMA", 8, RATE, 1, (RATE,), lambda rate: _ALAW, lambda rate: _ALAW)
