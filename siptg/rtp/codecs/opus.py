"""Opus by opuslib (RFC 6716), as RFC 7587 carries it."""

from __future__ import annotations

import ctypes
from typing import Any

import attrs
import numpy as np

from siptg.rtp.audio import Samples
from siptg.rtp.codecs.codec import Codec
from siptg.rtp.codecs.libopus import LibopusMissing as LibopusMissing
from siptg.rtp.codecs.libopus import opuslib
from siptg.rtp.codecs.opus_packet import corrects, frame_ticks, is_celt

CLOCK_RATE = 48_000
COMPLEXITY = 5
"""Of 10. At 5 a frame costs two thirds of what it does at 9, and speech sounds the same."""
RATES = (48_000, 24_000, 16_000, 12_000, 8_000)
FMTP = "minptime=10;useinbandfec=1"
DTX_BYTES = 2
"""A payload no longer than this need not be sent (opus_encode's documentation, RFC 7587 §3.1.3)."""

MOST_BYTES = 1275
PACKET_MS = (10, 20, 40, 60)
LONGEST_MS = 120
BANDWIDTHS = {8000: 1101, 12_000: 1102, 16_000: 1103, 24_000: 1104, 48_000: 1105}
"""libopus's numbers for the bandwidths that audio at these rates fills."""
MUSIC_BITS = {8000: 32_000, 12_000: 40_000, 16_000: 40_000, 24_000: 48_000, 48_000: 64_000}
SPEECH_BITS = {8000: 24_000, 12_000: 32_000, 16_000: 32_000, 24_000: 40_000, 48_000: 48_000}
SPEECH, MUSIC = 3001, 3002
MUSIC_FROM = 24_000
"""Bits a second under which CELT no longer sounds better than SILK."""


@attrs.frozen
class Wishes:
    """What the other end's decoder would have us send (RFC 7587 §6.1)."""

    bandwidth_rate: int = CLOCK_RATE
    """Of `maxplaybackrate` the rate of ours that fills it."""
    most_bits: int | None = None
    """`maxaveragebitrate`."""
    constant: bool = False
    """`cbr`."""
    corrects: bool = False
    """`useinbandfec`: without it correction would be sent in vain."""
    pauses: bool = False
    """`usedtx`."""

    @classmethod
    def parse(cls, fmtp: str) -> Wishes:
        """What cannot be understood asks for nothing. `stereo` is no wish that we fulfil, and the
        `sprop-` ones speak of what their encoder sends.
        """
        said = dict[str, int]()
        for item in fmtp.split(";"):
            name, _, value = item.partition("=")
            value = value.strip()
            if value.isascii() and value.isdigit() and len(value) < 8:
                said[name.strip().lower()] = int(value)
        playback, bits = said.get("maxplaybackrate", 0), said.get("maxaveragebitrate", 0)
        return cls(
            min((rate for rate in RATES if rate >= playback > 0), default=CLOCK_RATE),
            bits if 6000 <= bits <= 510_000 else None,
            said.get("cbr") == 1,
            said.get("useinbandfec") == 1,
            said.get("usedtx") == 1,
        )


class OpusEncoder:
    """Mono audio at `rate` to payloads.

    Two ways lead through Opus. CELT takes half of SILK's time (at 8 kHz, complexity 5) and at our
    bit rates keeps tones and levels better; only SILK has forward error correction, detects pauses
    and sounds well below 24 kbit/s. So it is SILK when the other end reports loss or asks for one
    of these, and CELT otherwise; libopus blends one into the other.
    """

    __slots__ = (
        "_bandwidth",
        "_free",
        "_loss",
        "_made",
        "_out",
        "_out_at",
        "_pcm",
        "_pcm_at",
        "_run",
        "_settings",
        "_state",
        "_wishes",
        "rate",
    )

    def __init__(self, rate: int, fmtp: str = "", *, complexity: int = COMPLEXITY) -> None:
        self.rate = rate
        self._wishes = wishes = Wishes.parse(fmtp)
        self._bandwidth = min(rate, wishes.bandwidth_rate)
        opus = opuslib()
        self._made = opus.api.encoder.create_state(rate, 1, opus.APPLICATION_VOIP)
        self._free = opus.api.encoder.destroy
        # a function object of our own without argtypes: prepared arguments go through quicker
        self._run = opus.api.libopus["opus_encode"]
        self._state = ctypes.cast(self._made, ctypes.c_void_p)
        self._pcm = np.zeros(rate * PACKET_MS[-1] // 1000, np.int16)
        self._pcm_at = ctypes.c_void_p(self._pcm.ctypes.data)
        self._out: Any = ctypes.create_string_buffer(MOST_BYTES)
        self._out_at = ctypes.c_void_p(ctypes.addressof(self._out))
        self._settings: dict[str, int] = {}
        self._set("max_bandwidth", BANDWIDTHS[self._bandwidth])
        self._set("vbr", int(not wishes.constant))
        self._set("dtx", int(wishes.pauses))
        self.complexity = complexity
        self._loss = -1
        self.loss(0)

    def encode(self, samples: Samples) -> bytes:
        """10, 20, 40 or 60 ms. With `usedtx` some payloads need not be sent: see DTX_BYTES."""
        count = len(samples)
        self._pcm[:count] = samples
        size: int = self._run(self._state, self._pcm_at, count, self._out_at, MOST_BYTES)
        if size < 0:
            raise ValueError(f"Opus cannot encode {count} samples at {self.rate}")
        payload: bytes = self._out[:size]
        return payload

    @property
    def complexity(self) -> int:
        """0 to 10: what thoroughness may cost."""
        return self._settings["complexity"]

    @complexity.setter
    def complexity(self, value: int) -> None:
        self._set("complexity", value)

    def loss(self, percent: int) -> None:
        """What the other end loses of it. From 1 on each packet carries the one before along, if
        they want that; 0 ends it.
        """
        if percent == self._loss:
            return
        self._loss, wishes = percent, self._wishes
        correct = percent > 0 and wishes.corrects
        bits = (SPEECH_BITS if correct or wishes.pauses else MUSIC_BITS)[self._bandwidth]
        bits = min(bits, wishes.most_bits or bits)
        speech = correct or wishes.pauses or bits < MUSIC_FROM
        self._set("inband_fec", int(correct))
        self._set("packet_loss_perc", min(max(percent, 0), 100))
        self._set("signal", SPEECH if speech else MUSIC)
        self._set("bitrate", bits)

    def _set(self, name: str, value: int) -> None:
        if self._settings.get(name) != value:
            self._settings[name] = value
            api: Any = opuslib().api
            control = getattr(api.ctl, f"set_{name}")
            api.encoder.encoder_ctl(self._made, control, value)

    def __del__(self) -> None:
        if hasattr(self, "_made"):
            self._free(self._made)


class OpusDecoder:
    """Payloads to mono audio at `rate`; of stereo it gives the mean."""

    __slots__ = ("_free", "_last", "_made", "_pcm", "_pcm_at", "_run", "_state", "rate")

    def __init__(self, rate: int) -> None:
        self.rate = rate
        opus = opuslib()
        self._made = opus.api.decoder.create_state(rate, 1)
        self._free = opus.api.decoder.destroy
        self._run = opus.api.libopus["opus_decode"]
        self._state = ctypes.cast(self._made, ctypes.c_void_p)
        self._pcm = np.zeros(rate * LONGEST_MS // 1000, np.int16)
        self._pcm_at = ctypes.c_void_p(self._pcm.ctypes.data)
        self._last = b""

    def decode(self, payload: bytes) -> Samples:
        if not payload:  # to libopus that would be a lost packet
            raise ValueError("an empty Opus packet")
        pcm = self._pcm
        count = self._run(self._state, payload, len(payload), self._pcm_at, len(pcm), 0)
        if count < 0:
            raise ValueError(f"not Opus (libopus says {count})")
        self._last = payload
        return pcm[:count].copy()

    def recover(self, payload: bytes, samples: int) -> Samples | None:
        """What lies further back than the correction reaches is concealed."""
        if not self._last or is_celt(self._last) or not corrects(payload):
            return None
        whole = max(self._whole(samples), frame_ticks(payload) * self.rate // CLOCK_RATE)
        if not 0 < samples <= whole <= len(self._pcm):
            return None
        count = self._run(self._state, payload, len(payload), self._pcm_at, whole, 1)
        return self._pcm[count - samples : count].copy() if count >= samples else None

    def conceal(self, samples: int) -> Samples | None:
        """At most 120 ms."""
        whole = self._whole(samples)
        if not 0 < samples <= whole <= len(self._pcm):
            return None
        count = self._run(self._state, None, 0, self._pcm_at, whole, 0)
        return self._pcm[:samples].copy() if count >= samples else None

    def _whole(self, samples: int) -> int:
        """The next multiple of 2.5 ms: Opus counts by these."""
        return -samples // (self.rate // 400) * -(self.rate // 400)

    def __del__(self) -> None:
        if hasattr(self, "_made"):
            self._free(self._made)


def answer_fmtp(their_fmtp: str) -> str:
    """Ours, whatever they offered; one who speaks of stereo is told that we send mono and want
    mono (RFC 7587 §7).
    """
    return f"{FMTP};stereo=0;sprop-stereo=0" if "stereo" in their_fmtp.lower() else FMTP


OPUS = Codec(
    "opus",
    111,
    CLOCK_RATE,
    2,
    RATES,
    PACKET_MS,
    OpusEncoder,
    OpusDecoder,
    fmtp=FMTP,
    answers=answer_fmtp,
)
