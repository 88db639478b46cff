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


def _context(mode: Literal["r", "w"], frame_size: int = 0) -> AudioCodecContext:
    import av  # late: it is large, and most calls know nothing of G.722

    context = av.CodecContext.create("g722", mode)
    context.sample_rate, context.layout = RATE, "mono"
    if mode == "w":
        context.format = "s16"
        context.options = {"frame_size": str(frame_size)}
    return context


class G722Encoder:
    """PyAV cuts what comes into units of one length. Long units cost less, so the first packet's
    length is the unit; 10 ms become it once a packet comes that does not fit.
    """

    __slots__ = ("_context", "_frames", "_last", "_unit")

    def __init__(self) -> None:
        self._frames: dict[int, tuple[AudioFrame, Samples]] = {}
        """By packet length: PyAV's frame, and its samples to be overwritten."""
        self._last: AudioFrame | None = None
        self._unit = 0

    def encode(self, samples: Samples) -> bytes:
        frame, inside = self._frames.get(len(samples)) or self._prepare(len(samples))
        inside[:] = samples
        self._last = frame
        packets = self._context.encode(frame)
        return bytes(packets[0]) if len(packets) == 1 else b"".join(map(bytes, packets))

    def _prepare(self, count: int) -> tuple[AudioFrame, Samples]:
        """Be ready for packets of this length."""
        import av

        if count % UNIT or not 0 < count <= MOST_SAMPLES:
            raise ValueError(f"{count} samples are no packet of G.722")
        if not self._unit or count % self._unit:
            self._unit = UNIT if self._unit else count
            self._context = _context("w", self._unit)
            if self._last is not None:  # heard once more, so that the new state resembles the old
                self._context.encode(self._last)
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
