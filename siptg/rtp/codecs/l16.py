"""L16: samples as they are, in network byte order (RFC 3551 §4.5.11)."""

from __future__ import annotations

import numpy as np

from siptg.rtp.audio import Samples
from siptg.rtp.codecs.codec import LONGEST_MS, Codec, MendsNothing

WIRE = np.dtype(">i2")
MOST_PAYLOAD = 1400
"""Bytes that go through any network in one piece, with all headers around them."""


class _Linear(MendsNothing):
    """Encoder and decoder in one: there is nothing to remember."""

    __slots__ = ("_most", "rate")

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._most = 2 * rate * LONGEST_MS // 1000

    def encode(self, samples: Samples) -> bytes:
        return samples.astype(WIRE).tobytes()

    def decode(self, payload: bytes) -> Samples:
        size = len(payload)
        if not 0 < size <= self._most or size & 1:
            raise ValueError(f"{size} bytes are no packet of L16")
        return np.frombuffer(payload, WIRE).astype(np.int16)


def _codec(rate: int, payload_type: int) -> Codec:
    linear = _Linear(rate)
    return Codec(
        "L16",
        payload_type,
        rate,
        1,
        (rate,),
        tuple(ms for ms in (10, 20, 30, 40, 50, 60) if rate * ms // 500 <= MOST_PAYLOAD),
        lambda rate, fmtp: linear,
        lambda rate: linear,
        key=f"l16/{rate}",
    )


L16 = tuple(_codec(rate, number) for rate, number in ((8000, 116), (16_000, 117), (48_000, 118)))
"""Mono at each rate that we mix at. Those of RFC 3551's table, 10 and 11, run at 44.1 kHz."""
