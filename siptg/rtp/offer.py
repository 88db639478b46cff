"""Offer and answer for one audio stream (RFC 3264), hold included. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import attrs

from siptg.rtp.codecs import Codec, by_number, by_rtpmap
from siptg.rtp.sdp import Connection, MediaSection, SdpError, SessionDescription

EVENT = "telephone-event"
EVENT_TYPE = 101
"""Payload type that we offer for RFC 4733 at 8 kHz."""


class Direction(enum.Enum):
    """What an end does with media, from its own point of view."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def reverse(self) -> Direction:
        """The same, seen from the other end."""
        other = {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}
        return other.get(self, self)

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)


@attrs.frozen
class Agreed:
    """What an offer and its answer came to, for one audio stream."""

    codec: Codec
    payload_type: int
    """In both directions: an answer keeps the offer's number."""
    event_type: int | None
    """Of telephone-event; None where the other end has none."""
    event_rate: int
    remote: tuple[str, int]
    direction: Direction
    """Ours."""
    held: bool
    """The other end does not listen: we are on hold."""


@attrs.define(eq=False)
class Negotiator:
    """One end of one stream: makes offers, answers them, remembers what was agreed."""

    host: str
    port: int
    codecs: Sequence[Codec]
    """Best first."""
    session: int
    """o= needs a number that nobody else has."""
    direction: Direction = Direction.SENDRECV
    """What we want: SENDONLY holds the other end."""
    agreed: Agreed | None = None
    _version: int = 0
    _last: bytes = b""
    _offered: dict[int, Codec] = attrs.field(factory=dict)

    def offer(self) -> bytes:
        """All our codecs; once something is agreed, that one first and under its number."""
        self._offered = {codec.payload_type: codec for codec in self.codecs}
        event, rate = EVENT_TYPE, 8000
        if self.agreed is not None:
            self._offered = {self.agreed.payload_type: self.agreed.codec} | {
                n: c for n, c in self._offered.items() if c is not self.agreed.codec
            }
            event, rate = self.agreed.event_type or EVENT_TYPE, self.agreed.event_rate
        section = self._section(self._offered, event, rate, self.direction)
        return self._description([section])

    def answer(self, offer: bytes) -> bytes:
        """SdpError where no audio section of it can be used; other sections are declined."""
        theirs = SessionDescription.parse(offer)
        sections, agreed = [], None
        for section in theirs.media:
            choice = None if agreed else self._choose(theirs, section)
            if choice is None:
                sections.append(
                    MediaSection(section.kind, 0, section.protocol, section.formats[:1])
                )
                continue
            agreed = choice
            answered = self._section(
                {agreed.payload_type: agreed.codec},
                agreed.event_type,
                agreed.event_rate,
                agreed.direction,
            )
            answered.protocol = section.protocol
            sections.append(answered)
        if agreed is None:
            raise SdpError("no audio in the offer that we can use")
        self.agreed = agreed
        return self._description(sections)

    def accept(self, answer: bytes) -> None:
        """The answer to our offer. SdpError where it takes nothing of what was offered."""
        theirs = SessionDescription.parse(answer)
        section = theirs.media[0] if theirs.media else None
        if section is None or section.port == 0:
            raise SdpError("the answer takes no audio")
        agreed = self._choose(theirs, section, self._offered)
        if agreed is None:
            raise SdpError("the answer has no codec of our offer")
        self.agreed = agreed

    def _choose(
        self,
        theirs: SessionDescription,
        section: MediaSection,
        offered: dict[int, Codec] | None = None,
    ) -> Agreed | None:
        if section.kind != "audio" or section.port == 0:
            return None
        if section.protocol not in ("RTP/AVP", "RTP/AVPF"):
            return None
        found = self._codec(section, offered)
        if found is None:
            return None
        number, codec = found
        event, rate = _event(section, codec)
        host = theirs.host_of(section)
        stated = Direction(theirs.direction_of(section))
        if host == "0.0.0.0":  # the old way to hold (RFC 3264 §8.4)
            stated = Direction.SENDONLY if stated.sends else Direction.INACTIVE
        ours = _both(stated.reverse, self.direction)
        return Agreed(
            codec, number, event, rate, (host, section.port), ours, held=not stated.receives
        )

    def _codec(
        self, section: MediaSection, offered: dict[int, Codec] | None
    ) -> tuple[int, Codec] | None:
        """Of an offer our best codec, of an answer its first: whose turn it is decides."""
        maps = section.map("rtpmap")
        named: list[tuple[int, Codec]] = []
        for text in section.formats:
            if not text.isdigit() or int(text) > 127:
                continue
            number = int(text)
            codec = _named(number, maps.get(text), offered)
            if codec is not None and codec in self.codecs:
                named.append((number, codec))
        if not named:
            return None
        if offered is not None:
            return named[0]
        return min(named, key=lambda pair: list(self.codecs).index(pair[1]))

    def _section(
        self, codecs: dict[int, Codec], event: int | None, rate: int, direction: Direction
    ) -> MediaSection:
        section = MediaSection("audio", self.port, "RTP/AVP", [str(n) for n in codecs])
        add = section.attributes.append
        for number, codec in codecs.items():
            add(("rtpmap", f"{number} {codec.rtpmap}"))
            if codec.fmtp:
                add(("fmtp", f"{number} {codec.fmtp}"))
        if event is not None:
            section.formats.append(str(event))
            add(("rtpmap", f"{event} {EVENT}/{rate}"))
            add(("fmtp", f"{event} 0-15"))
        add(("ptime", "20"))
        add((direction.value, None))
        return section

    def _description(self, sections: list[MediaSection]) -> bytes:
        """The version rises when, and only when, something has changed (RFC 3264 §8)."""
        connection = Connection(self.host)
        body = bytes(SessionDescription("", connection, sections))
        if body != self._last:
            self._version += 1
            self._last = body
        origin = f"- {self.session} {self._version} {connection}"
        return bytes(SessionDescription(origin, connection, sections))


def _named(number: int, rtpmap: str | None, offered: dict[int, Codec] | None) -> Codec | None:
    """The codec behind a payload type: by its rtpmap, our own offer, or its static number."""
    if rtpmap is not None:
        name, _, clock = rtpmap.partition("/")
        rate, _, channels = clock.partition("/")
        numbers = rate.strip(), channels.strip() or "1"
        if not all(n.isascii() and n.isdigit() and len(n) < 8 for n in numbers):
            return None
        return by_rtpmap(name.strip(), int(numbers[0]), int(numbers[1]))
    if offered is not None and number in offered:
        return offered[number]
    return by_number(number)


def _event(section: MediaSection, codec: Codec) -> tuple[int | None, int]:
    """telephone-event for the codec's clock where it is there, else at 8 kHz (RFC 4733 §2.1)."""
    found: dict[int, int] = {}
    for number, rest in section.map("rtpmap").items():
        name, _, clock = rest.partition("/")
        if name.lower() == EVENT and number.isdigit() and clock.isdigit():
            found.setdefault(int(clock), int(number))
    for rate in (codec.clock_rate, 8000):
        if rate in found and found[rate] < 128:
            return found[rate], rate
    return None, 8000


def _both(allowed: Direction, wanted: Direction) -> Direction:
    """What is left when one end allows this and the other wants that."""
    sends = allowed.sends and wanted.sends
    receives = allowed.receives and wanted.receives
    if sends:
        return Direction.SENDRECV if receives else Direction.SENDONLY
    return Direction.RECVONLY if receives else Direction.INACTIVE
