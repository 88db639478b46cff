"""Opus (RFC 6716, RFC 7587) by opuslib, and where its library is found."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.codecs.codec import Codec

CLOCK_RATE = 48_000
COMPLEXITY = 5
"""Of 10. At 5 a frame costs two thirds of what it does at 9, and speech sounds the same."""
LONGEST = 0.12
"""Seconds of audio that one packet may hold."""
MOST_BYTES = 1275
RATES = (48_000, 24_000, 16_000, 12_000, 8_000)


class LibopusMissing(ImportError):
    """Neither the system nor PyAV has libopus; the text says what to install."""


def find_libopus(find: Callable[[str], str | None] = ctypes.util.find_library) -> str:
    """The system's libopus by name, else the one that PyAV's wheel brings along."""
    found = find("opus")
    if found:
        return found
    av = find_spec("av")
    if av is not None and av.origin is not None:
        beside = Path(av.origin).parent.parent / "av.libs"
        inside = sorted(beside.glob("libopus*"))
        if inside:
            return str(inside[0])
    raise LibopusMissing(
        "libopus is not found. Install it: apt-get install libopus0 (Debian, Ubuntu), "
        "dnf install opus (Fedora), brew install opus (macOS)."
    )


def _load() -> Any:
    """opuslib asks `find_library` when it is imported: it is given our answer instead."""
    library, original = find_libopus(), ctypes.util.find_library
    ctypes.util.find_library = lambda name: library if name == "opus" else original(name)
    try:
        import opuslib
        import opuslib.api.ctl
        import opuslib.api.decoder
        import opuslib.api.encoder
    finally:
        ctypes.util.find_library = original
    return opuslib


_opuslib: Any = None


def _opus() -> Any:
    global _opuslib
    if _opuslib is None:
        _opuslib = _load()
    return _opuslib


class OpusEncoder:
    """Mono audio at `rate` to payloads; forward error correction is on (RFC 6716 §2.1.7)."""

    def __init__(self, rate: int, *, complexity: int = COMPLEXITY) -> None:
        self.rate = rate
        opus = _opus()
        self._keep = opus.Encoder(rate, 1, opus.APPLICATION_VOIP)
        self._state, api, ctl = self._keep.encoder_state, opus.api.encoder, opus.api.ctl
        # past opuslib's properties: its setter of inband_fec forgets the value
        for setting, value in (
            (ctl.set_complexity, complexity),
            (ctl.set_inband_fec, 1),
            (ctl.set_packet_loss_perc, 5),
        ):
            api.encoder_ctl(self._state, setting, value)
        self._encode = api.libopus_encode
        self._pointer = opus.api.c_int16_pointer
        self._out = ctypes.create_string_buffer(MOST_BYTES)

    def encode(self, frame: Frame) -> bytes:
        samples = np.ascontiguousarray(frame, np.int16)
        pointer = samples.ctypes.data_as(self._pointer)
        size = self._encode(self._state, pointer, len(samples), self._out, MOST_BYTES)
        if size < 0:
            raise ValueError(f"Opus cannot encode {len(samples)} samples at {self.rate}")
        return self._out.raw[:size]


class OpusDecoder:
    """Payloads to mono audio at `rate`; it conceals what is lost from what it heard before."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        opus = _opus()
        self._keep = opus.Decoder(rate, 1)
        self._state, self._decode = self._keep.decoder_state, opus.api.decoder.libopus_decode
        self._out = np.zeros(int(rate * LONGEST), np.int16)
        self._pointer = self._out.ctypes.data_as(opus.api.c_int16_pointer)

    def decode(self, payload: bytes) -> Samples:
        if not payload:
            raise ValueError("an empty Opus packet")
        return self._run(payload, len(self._out))

    def conceal(self, samples: int) -> Samples:
        """`samples` in multiples of 2.5 ms."""
        return self._run(None, samples)

    def _run(self, payload: bytes | None, most: int) -> Samples:
        size = len(payload) if payload else 0
        count = self._decode(self._state, payload, size, self._pointer, most, 0)
        if count < 0:
            raise ValueError(f"not Opus (libopus says {count})")
        return self._out[:count].copy()


OPUS = Codec(
    "opus", 111, CLOCK_RATE, 2, RATES, OpusEncoder, OpusDecoder, fmtp="minptime=10;useinbandfec=1"
)
