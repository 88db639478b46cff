"""What an audio section can carry: codecs of ours, telephone-event, comfort noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from siptg.rtp.codecs import Codec
from siptg.rtp.offer.terms import LENGTHS
from siptg.rtp.sdp import MediaSection, SessionDescription, number
from siptg.rtp.sdp.rtpmap import STATIC, RtpMap

EVENT, NOISE = "telephone-event", "CN"
COMMON_EVENTS = frozenset(range(16))
"""The keys: what an end understands that says nothing (RFC 4733 §2.4.1)."""


@attrs.frozen
class Format:
    """A codec that both ends know, as they number it."""

    number: int
    codec: Codec
    fmtp: str
    """What their decoder wants."""


@attrs.frozen
class Event:
    """telephone-event at one clock, as they number it."""

    number: int
    codes: frozenset[int]


@attrs.frozen
class Formats:
    codecs: tuple[Format, ...]
    """In their order, each codec once."""
    events: Mapping[int, Event]
    """By clock rate."""
    noise: Mapping[int, int]
    """Clock rate → number."""
    ptime: int | None
    maxptime: int | None

    @classmethod
    def read(
        cls,
        theirs: SessionDescription,
        section: MediaSection,
        codecs: Iterable[Codec],
        ours: Mapping[int, str],
    ) -> Formats:
        """`ours`: what our numbers mean where an answer uses them without a=rtpmap."""
        rtpmaps, fmtps = section.map("rtpmap"), section.map("fmtp")
        found: dict[str, Format] = {}
        events: dict[int, Event] = {}
        noise: dict[int, int] = {}
        for text in dict.fromkeys(section.formats):
            kind = number(text, 127)
            if kind is None:
                continue
            rtpmap = RtpMap.parse(rtpmaps.get(text) or ours.get(kind) or STATIC.get(kind, ""))
            if rtpmap is None:
                continue
            fmtp = fmtps.get(text, "").encode("ascii", "replace").decode()
            name = rtpmap.name.lower()
            if name == EVENT:
                events.setdefault(rtpmap.clock, Event(kind, event_codes(fmtp)))
            elif name == NOISE.lower():
                noise.setdefault(rtpmap.clock, kind)
            else:
                codec = next((codec for codec in codecs if rtpmap.is_of(codec)), None)
                if codec is not None:
                    found.setdefault(codec.rtpmap, Format(kind, codec, fmtp))
        return cls(
            tuple(found.values()),
            events,
            noise,
            section.ptime or number(theirs.get("ptime"), 500),
            section.maxptime or number(theirs.get("maxptime"), 500),
        )

    def event_for(self, codec: Codec) -> tuple[int, Event | None]:
        """At the codec's clock where it is there, else at 8 kHz (RFC 4733 §2.1)."""
        for rate in (codec.clock_rate, 8000):
            if rate in self.events:
                return rate, self.events[rate]
        return codec.clock_rate, None

    def ptime_for(self, codec: Codec, ours: int) -> int:
        """What a packet of ours holds: as they wish or else as we do, what the codec can make, and
        nothing that is longer than they take (RFC 8866 §6.4).
        """
        wanted, most = self.ptime or ours, self.maxptime or LENGTHS[-1]
        makes = [length for length in codec.packet_ms if length in LENGTHS]
        fits = [length for length in makes if length <= most] or [min(makes, default=20)]
        return min(fits, key=lambda length: (abs(length - wanted), length))


def event_codes(fmtp: str) -> frozenset[int]:
    """Of "0-15,66" the numbers; what cannot be read stands for the common ones."""
    if fmtp in ("", "0-15"):
        return COMMON_EVENTS
    codes: set[int] = set()
    for part in fmtp.split(" ")[0].split(","):
        first, dash, last = part.partition("-")
        low, high = number(first, 255), number(last if dash else first, 255)
        if low is None or high is None:
            return COMMON_EVENTS
        codes.update(range(low, high + 1))
    return frozenset(codes)
