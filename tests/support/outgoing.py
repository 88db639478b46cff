"""An `Outbound` that talks to a list, and what is asked of every RTP stream."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.codecs import PCMU, Codec, Encoder
from siptg.rtp.codecs.codec import MendsNothing
from siptg.rtp.outbound import Outbound
from siptg.rtp.packet import RtpPacket
from siptg.rtp.rtcp.sender import Sender
from siptg.rtp.sequence import ahead
from siptg.rtp.sounds.tones import tone

EVENT = 101
FIRST, STAMP = 65_530, 2**32 - 400
"""Numbers that soon go round."""
SSRC = 0x5151


class Said(list[RtpPacket]):
    """What an `Outbound` sent."""

    @property
    def stamps(self) -> list[int]:
        """Timestamps since the first one's, unwrapped."""
        return [ahead(one.timestamp, self[0].timestamp, 32) for one in self]

    @property
    def numbers(self) -> list[int]:
        return [ahead(one.sequence, self[0].sequence) for one in self]

    @property
    def markers(self) -> list[bool]:
        return [one.marker for one in self]


def talker(
    codec: Codec = PCMU, rate: int = 0, *, effort: Any = None, **how: Any
) -> tuple[Outbound, Said]:
    """One that speaks that codec, its sequence and timestamp about to wrap."""
    said = Said()
    out = Outbound(
        lambda data: said.append(RtpPacket.parse(data)),
        Sender(8000, SSRC),
        sequence=FIRST,
        timestamp=STAMP,
        effort=effort,
    )
    how = {"event_type": EVENT, **how}
    out.speak(codec, codec.payload_type, rate or codec.rates[0], **how)
    return out, said


def frames(rate: int, count: int, hz: float = 440.0) -> list[Frame]:
    return list(itertools.islice(tone([hz], rate), count))


def write(out: Outbound, given: Sequence[Frame]) -> None:
    for frame in given:
        out.write(frame, 0.0)


class Counting(MendsNothing):
    """Encoder and decoder that leave samples as they are and remember what they were given."""

    def __init__(self, rate: int = 8000) -> None:
        self.rate = rate
        self.given: list[Samples] = []

    def encode(self, samples: Samples) -> bytes:
        self.given.append(samples.copy())
        return samples.tobytes()

    def decode(self, payload: bytes) -> Samples:
        return np.frombuffer(payload, np.int16)


def counting(key: str = "x") -> tuple[Codec, list[Counting]]:
    """A codec that is all there, and the encoders that were made of it. By its key it may pass for
    another one.
    """
    made: list[Counting] = []

    def encoder(rate: int, fmtp: str) -> Encoder:
        made.append(Counting(rate))
        return made[-1]

    rates = (8000, 16_000)
    lengths = (10, 20, 30, 40, 50, 60)
    return (
        Codec("X", 96, 8000, 1, rates, lengths, encoder, Counting, key=key),
        made,
    )


def theirs(
    *payloads: bytes, sequence: int = 100, timestamp: int = 5000, ssrc: int = 7, ticks: int = 160
) -> Iterator[RtpPacket]:
    """Packets of another party, in its numbers."""
    for number, payload in enumerate(payloads):
        stamp = (timestamp + number * ticks) & 0xFFFFFFFF
        yield RtpPacket(99, (sequence + number) & 0xFFFF, stamp, ssrc, payload)
