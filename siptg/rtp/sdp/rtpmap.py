"""What a payload type is: a=rtpmap, and the numbers that need none (RFC 8866 §6.6, RFC 3551 §6)."""

from __future__ import annotations

import attrs

from siptg.rtp.codecs import Codec
from siptg.rtp.sdp import number

MOST_CLOCK = 1_000_000
STATIC = {
    0: "PCMU/8000",
    3: "GSM/8000",
    4: "G723/8000",
    5: "DVI4/8000",
    6: "DVI4/16000",
    7: "LPC/8000",
    8: "PCMA/8000",
    9: "G722/8000",
    10: "L16/44100/2",
    11: "L16/44100",
    12: "QCELP/8000",
    13: "CN/8000",
    15: "G728/8000",
    16: "DVI4/11025",
    17: "DVI4/22050",
    18: "G729/8000",
}
"""Audio of RFC 3551 table 4."""


@attrs.frozen
class RtpMap:
    """name/clock/channels."""

    name: str
    """As it was written; compared without case (RFC 4855 §3)."""
    clock: int
    channels: int = 1

    @classmethod
    def parse(cls, text: str) -> RtpMap | None:
        """None for what is none. A clock that is left out is 8 kHz."""
        name, *rest = text.split("/")
        name = name.strip()
        clock = number(rest[0], MOST_CLOCK) if rest else 8000
        channels = number(rest[1], 255) if len(rest) > 1 else 1
        if not name or not clock or not channels:
            return None
        return cls(name, clock, channels)

    @property
    def key(self) -> str:
        """What a number is bound to for the length of a session."""
        return f"{self.name.lower()}/{self.clock}/{self.channels}"

    def is_of(self, codec: Codec) -> bool:
        """Some say 16000 for G722, whose clock is 8000 by a mistake that stays (RFC 3551 §4.5.2);
        some leave out Opus's channels, which are always two (RFC 7587 §7).
        """
        name = codec.name.lower()
        if self.name.lower() != name:
            return False
        clock_fits = self.clock == codec.clock_rate or (name == "g722" and self.clock == 16_000)
        return clock_fits and (self.channels == codec.channels or name == "opus")


def key_of(codec: Codec) -> str:
    return f"{codec.name.lower()}/{codec.clock_rate}/{codec.channels}"
