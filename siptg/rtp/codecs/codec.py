"""What a codec is to the rest: facts, an encoder, a decoder (RFC 3551 §4.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from siptg.rtp.audio import Samples

LONGEST_MS = 240
"""What one packet may hold. RFC 3551 §4.2 wants 200 ms taken; no peer makes us unpack more."""


class Encoder(Protocol):
    def encode(self, samples: Samples) -> bytes:
        """One payload of one packet length that the codec allows; ValueError for another."""
        ...


class Decoder(Protocol):
    @property
    def rate(self) -> int:
        """Samples a second of what it gives."""
        ...

    def decode(self, payload: bytes) -> Samples:
        """A payload of any length; ValueError where it is none of this codec's."""
        ...

    def recover(self, payload: bytes, samples: int) -> Samples | None:
        """The `samples` that were lost right before `payload`, out of its in-band forward error
        correction. None: it carries none.
        """
        ...

    def conceal(self, samples: int) -> Samples | None:
        """What the codec itself makes up for so many lost samples. None: it makes up nothing."""
        ...


class MendsNothing:
    """The half of a decoder whose codec can neither recover nor conceal."""

    __slots__ = ()

    def recover(self, payload: bytes, samples: int) -> None:
        return None

    def conceal(self, samples: int) -> None:
        return None


@attrs.frozen
class Codec:
    """One codec as SDP names it."""

    name: str
    payload_type: int
    """Static, or the one we offer where it is dynamic."""
    clock_rate: int
    """Of RTP timestamps, whatever the audio's rate: for Opus 48,000, for G.722 8000."""
    channels: int
    """As SDP says it; audio inside is mono."""
    rates: tuple[int, ...]
    """Audio rates it speaks, the natural one first."""
    packet_ms: tuple[int, ...]
    """Packet lengths that its encoder makes."""
    encoder: Callable[[int, str], Encoder]
    """Makes an encoder for audio at a rate, to suit the other end's fmtp."""
    decoder: Callable[[int], Decoder]
    """Makes a decoder to audio at a rate."""
    fmtp: str = ""
    """What we declare in an offer."""
    answers: Callable[[str], str] | None = None
    """What we declare in answer to an offer's fmtp, where that is not `fmtp`."""
    key: str = attrs.field()
    """What accounts write: the name in lower case, with the clock where one name has several."""

    @key.default
    def _name_alone(self) -> str:
        return self.name.lower()

    @property
    def rtpmap(self) -> str:
        channels = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.name}/{self.clock_rate}{channels}"

    def answer_fmtp(self, their_fmtp: str) -> str:
        """What our answer declares where the offer said `their_fmtp`."""
        return self.answers(their_fmtp) if self.answers is not None else self.fmtp
