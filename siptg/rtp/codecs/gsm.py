"""GSM 06.10 full rate by libgsm, where that is installed (RFC 3551 §4.5.8)."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from siptg.rtp.audio import Samples
from siptg.rtp.codecs.codec import LONGEST_MS, Codec, MendsNothing
from siptg.rtp.codecs.library import load

RATE = 8000
FRAME, FRAME_BYTES = 160, 33
MOST_FRAMES = LONGEST_MS // 20

LIBRARY = load("gsm", 1)


class _State:
    """One libgsm state, and room for the longest packet's samples, frame by frame."""

    __slots__ = ("_free", "_gsm", "_pcm", "_pcm_at", "_run")

    def __init__(self, function: str) -> None:
        if LIBRARY is None:
            raise OSError("libgsm is not installed")
        # function objects of our own without argtypes: prepared arguments go through quicker
        create, self._free = LIBRARY["gsm_create"], LIBRARY["gsm_destroy"]
        create.restype = ctypes.c_void_p
        self._gsm = ctypes.c_void_p(create())
        self._run = LIBRARY[function]
        self._pcm = np.zeros(FRAME * MOST_FRAMES, np.int16)
        first = self._pcm.ctypes.data
        self._pcm_at = [ctypes.c_void_p(first + 2 * FRAME * n) for n in range(MOST_FRAMES)]

    def __del__(self) -> None:
        if hasattr(self, "_gsm"):
            self._free(self._gsm)


class GsmEncoder(_State):
    __slots__ = ("_coded",)

    def __init__(self) -> None:
        super().__init__("gsm_encode")
        self._coded: Any = ctypes.create_string_buffer(FRAME_BYTES)

    def encode(self, samples: Samples) -> bytes:
        frames, rest = divmod(len(samples), FRAME)
        if rest or not 0 < frames <= MOST_FRAMES:
            raise ValueError(f"{len(samples)} samples are no GSM frames")
        self._pcm[: len(samples)] = samples
        run, gsm, coded, payload = self._run, self._gsm, self._coded, b""
        for pcm in self._pcm_at[:frames]:
            run(gsm, pcm, coded)
            payload += coded[:]
        return payload


class GsmDecoder(_State, MendsNothing):
    __slots__ = ()
    rate = RATE

    def __init__(self) -> None:
        super().__init__("gsm_decode")

    def decode(self, payload: bytes) -> Samples:
        frames, rest = divmod(len(payload), FRAME_BYTES)
        if rest or not 0 < frames <= MOST_FRAMES:
            raise ValueError(f"{len(payload)} bytes are no packet of GSM")
        run, gsm = self._run, self._gsm
        for n in range(frames):
            if run(gsm, payload[n * FRAME_BYTES : (n + 1) * FRAME_BYTES], self._pcm_at[n]):
                raise ValueError("a GSM frame does not begin with its sign")
        return self._pcm[: frames * FRAME].copy()


def available() -> bool:
    return LIBRARY is not None


GSM = Codec(
    "GSM",
    3,
    RATE,
    1,
    (RATE,),
    (20, 40, 60),
    lambda rate, fmtp: GsmEncoder(),
    lambda rate: GsmDecoder(),
)
