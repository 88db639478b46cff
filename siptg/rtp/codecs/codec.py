"""What a codec is to the rest: facts, an encoder, a decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from siptg.rtp.audio import Frame, Samples


class Encoder(Protocol):
    def encode(self, frame: Frame) -> bytes:
        """20 ms as a payload."""
        ...


class Decoder(Protocol):
    @property
    def rate(self) -> int:
        """Samples a second of what `decode` gives."""
        ...

    def decode(self, payload: bytes) -> Samples:
        """A payload of any length; ValueError where it is none of this codec's."""
        ...

    def conceal(self, samples: int) -> Samples:
        """What to hear in the place of so many lost samples."""
        ...


@attrs.frozen
class Codec:
    """One codec as SDP names it (RFC 3551)."""

    name: str
    payload_type: int
    """Static, or the one we offer where it is dynamic."""
    clock_rate: int
    """Of RTP timestamps; for Opus always 48,000, whatever the audio's rate."""
    channels: int
    """As SDP says it; audio inside is mono."""
    rates: tuple[int, ...]
    """Audio rates it speaks, the natural one first."""
    encoder: Callable[[int], Encoder]
    """Makes an encoder for audio at a rate."""
    decoder: Callable[[int], Decoder]
    fmtp: str = ""
    packet_ms: tuple[int, ...] = (10, 20, 30, 40, 50, 60)
    """Packet lengths that its encoder can make."""

    @property
    def key(self) -> str:
        return f"{self.name.lower()}"

    def answer_fmtp(self, their_fmtp: str) -> str:
        return self.fmtp

    @property
    def rtpmap(self) -> str:
        channels = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.name}/{self.clock_rate}{channels}"
