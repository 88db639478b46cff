"""G.711: PCMU and PCMA by table (ITU-T G.711, RFC 3551 §4.5.14)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from siptg.rtp.audio import Samples
from siptg.rtp.codecs.codec import LONGEST_MS, Codec, MendsNothing

RATE = 8000
PACKET_MS = (10, 20, 30, 40, 50, 60)
MOST_BYTES = RATE * LONGEST_MS // 1000


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


class _Law(MendsNothing):
    """Encoder and decoder in one: G.711 remembers nothing."""

    __slots__ = ("_code_of", "_value_of")
    rate = RATE

    def __init__(self, values: NDArray[np.int16]) -> None:
        # a table counts negative samples and codes back from its end: no step to unsigned is needed
        self._code_of, self._value_of = _nearest(values).take, values.take

    def encode(self, samples: Samples) -> bytes:
        return self._code_of(samples).tobytes()

    def decode(self, payload: bytes) -> Samples:
        if not 0 < len(payload) <= MOST_BYTES:
            raise ValueError(f"{len(payload)} bytes are no packet of G.711")
        return self._value_of(np.frombuffer(payload, np.int8))


def _codec(name: str, payload_type: int, values: NDArray[np.int16]) -> Codec:
    law = _Law(values)
    return Codec(
        name, payload_type, RATE, 1, (RATE,), PACKET_MS, lambda rate, fmtp: law, lambda rate: law
    )


PCMU = _codec("PCMU", 0, _ulaw_values())
PCMA = _codec("PCMA", 8, _alaw_values())
