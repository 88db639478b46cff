"""G.726 by libspandsp, where that is installed: three rates, two packings (RFC 3551 §4.5.4)."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from siptg.rtp.audio import Samples
from siptg.rtp.codecs.codec import LONGEST_MS, Codec, MendsNothing
from siptg.rtp.codecs.library import load

RATE = 8000
MOST_SAMPLES = RATE * LONGEST_MS // 1000
LINEAR = 0
UPPER_FIRST, LOWER_FIRST = 1, 2
"""Where in an octet the first code lies: I.366.2 annex E (AAL2) and RFC 3551 differ."""

LIBRARY = load("spandsp", 2, 3)


class _State:
    """One libspandsp state with its two buffers, and where they are."""

    __slots__ = ("_coded", "_coded_at", "_free", "_g726", "_octets", "_pcm", "_pcm_at", "_run")

    def __init__(self, bits: int, packing: int, function: str) -> None:
        if LIBRARY is None:
            raise OSError("libspandsp is not installed")
        # each its own function objects without argtypes: prepared arguments go through quicker
        create, self._free = LIBRARY["g726_init"], LIBRARY["g726_free"]
        create.restype = ctypes.c_void_p
        self._g726 = ctypes.c_void_p(create(None, RATE * bits, LINEAR, packing))
        self._run = LIBRARY[function]
        # libspandsp keeps the bits of a half-filled octet for the next call: it gets whole groups
        self._octets = bits if bits & 1 else 1
        self._pcm = np.zeros(MOST_SAMPLES, np.int16)
        self._coded: Any = ctypes.create_string_buffer(MOST_SAMPLES * bits // 8)
        self._pcm_at = ctypes.c_void_p(self._pcm.ctypes.data)
        self._coded_at = ctypes.c_void_p(ctypes.addressof(self._coded))

    def __del__(self) -> None:
        if hasattr(self, "_g726"):
            self._free(self._g726)


class G726Encoder(_State):
    __slots__ = ("_group",)

    def __init__(self, bits: int, packing: int) -> None:
        super().__init__(bits, packing, "g726_encode")
        self._group = self._octets * 8 // bits

    def encode(self, samples: Samples) -> bytes:
        count = len(samples)
        if not 0 < count <= MOST_SAMPLES or count % self._group:
            raise ValueError(f"{count} samples fill no octets of G.726")
        self._pcm[:count] = samples
        size: int = self._run(self._g726, self._coded_at, self._pcm_at, count)
        payload: bytes = self._coded[:size]
        return payload


class G726Decoder(_State, MendsNothing):
    __slots__ = ()
    rate = RATE

    def __init__(self, bits: int, packing: int) -> None:
        super().__init__(bits, packing, "g726_decode")

    def decode(self, payload: bytes) -> Samples:
        size = len(payload)
        if not 0 < size <= len(self._coded) or size % self._octets:
            raise ValueError(f"{size} bytes are no packet of G.726")
        count = self._run(self._g726, self._pcm_at, payload, size)
        return self._pcm[:count].copy()


def available() -> bool:
    return LIBRARY is not None


def _codec(name: str, bits: int, packing: int, payload_type: int) -> Codec:
    return Codec(
        f"{name}-{8 * bits}",
        payload_type,
        RATE,
        1,
        (RATE,),
        (10, 20, 30, 40, 50, 60),
        lambda rate, fmtp: G726Encoder(bits, packing),
        lambda rate: G726Decoder(bits, packing),
    )


G726 = tuple(
    _codec(name, bits, packing, first + bits)
    for name, packing, first in (("G726", LOWER_FIRST, 118), ("AAL2-G726", UPPER_FIRST, 122))
    for bits in (4, 3, 2)
)
"""Without 40 kbit/s, where libspandsp and ffmpeg do not understand one another, and without the
number 2 of RFC 1890: nobody can know which packing it means.
"""
