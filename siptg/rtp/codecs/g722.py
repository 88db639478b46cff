"""G.722 by PyAV (ITU-T G.722, RFC 3551 §4.5.2)."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from siptg.rtp.audio import Samples
from siptg.rtp.codecs.codec import LONGEST_MS, Codec, MendsNothing

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame

RATE = 16_000
CLOCK_RATE = 8000
"""An error of RFC 1890's that had to stay."""
UNIT = RATE // 100
MOST_SAMPLES = RATE * LONGEST_MS // 1000


def _context(mode: Literal["r", "w"]) -> AudioCodecContext:
    import av  # late: it is large, and most calls know nothing of G.722

    context = av.CodecContext.create("g722", mode)
    context.sample_rate, context.layout = RATE, "mono"
    if mode == "w":
        context.format = "s16"
        # PyAV cuts what comes into frames of one length. This one fits every packet, also when the
        # length changes in mid-call: a new context for that would be a loud crack over there
        context.options = {"frame_size": str(UNIT)}
    return context


class G722Encoder:
    __slots__ = ("_encode", "_frames")

    def __init__(self) -> None:
        self._encode = _context("w").encode
        self._frames: dict[int, tuple[AudioFrame, Samples]] = {}
        """By packet length: a frame of PyAV's, and its samples to be overwritten."""

    def encode(self, samples: Samples) -> bytes:
        frame, inside = self._frames.get(len(samples)) or self._prepare(len(samples))
        inside[:] = samples
        return b"".join(map(bytes, self._encode(frame)))

    def _prepare(self, count: int) -> tuple[AudioFrame, Samples]:
        import av

        if count % UNIT or not 0 < count <= MOST_SAMPLES:
            raise ValueError(f"{count} samples are no packet of G.722")
        frame = av.AudioFrame("s16", "mono", count)
        frame.sample_rate = RATE
        plane: Any = frame.planes[0]
        self._frames[count] = made = frame, np.frombuffer(plane, np.int16)
        return made


class G722Decoder(MendsNothing):
    __slots__ = ("_decode", "_packet")
    rate = RATE

    def __init__(self) -> None:
        from av import Packet

        self._packet, self._decode = Packet, _context("r").decode

    def decode(self, payload: bytes) -> Samples:
        size = len(payload)
        if not 0 < size * 2 <= MOST_SAMPLES:
            raise ValueError(f"{size} bytes are no packet of G.722")
        (frame,) = self._decode(self._packet(payload))
        plane: Any = frame.planes[0]
        return np.frombuffer(plane, np.int16, size * 2)


def available() -> bool:
    return find_spec("av") is not None


G722 = Codec(
    "G722",
    9,
    CLOCK_RATE,
    1,
    (RATE,),
    (10, 20, 30, 40, 50, 60),
    lambda rate, fmtp: G722Encoder(),
    lambda rate: G722Decoder(),
)
