"""Opus (RFC 6716, RFC 7587) by opuslib, and where its library is found."""

from __future__ import annotations

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
        self._encoder = opus.Encoder(rate, 1, opus.APPLICATION_VOIP)
        self._encoder.complexity = complexity
        self._encoder.inband_fec = 1
        self._encoder.packet_loss_perc = 5

    def encode(self, frame: Frame) -> bytes:
        return bytes(self._encoder.encode(frame.tobytes(), len(frame)))


class OpusDecoder:
    """Payloads to mono audio at `rate`; it conceals what is lost from what it heard before."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._errors: tuple[type[Exception], ...] = (_opus().OpusError,)
        self._decoder = _opus().Decoder(rate, 1)
        self._most = int(rate * LONGEST)

    def decode(self, payload: bytes) -> Samples:
        if not payload:
            raise ValueError("an empty Opus packet")
        try:
            return np.frombuffer(self._decoder.decode(payload, self._most), np.int16)
        except self._errors as error:
            raise ValueError(f"not Opus: {error}") from None

    def conceal(self, samples: int) -> Samples:
        try:
            return np.frombuffer(self._decoder.decode(None, samples), np.int16)
        except (*self._errors, TypeError, AttributeError):
            return np.zeros(samples, np.int16)


OPUS = Codec(
    "opus", 111, CLOCK_RATE, 2, RATES, OpusEncoder, OpusDecoder, fmtp="minptime=10;useinbandfec=1"
)
