"""From two descriptions to what is agreed."""

from __future__ import annotations

import attrs

from siptg.rtp.offer.agreed import Agreed, Security
from siptg.rtp.offer.direction import Direction
from siptg.rtp.offer.formats import Format, Formats
from siptg.rtp.offer.payloads import Payloads
from siptg.rtp.offer.place import Place
from siptg.rtp.sdp import MediaSection, SessionDescription


@attrs.frozen
class Outcome:
    """What an exchange leaves behind."""

    agreed: Agreed
    sections: list[MediaSection] = attrs.field(repr=False)
    """All m= lines as they were last described: they stay for ever (RFC 3264 §8)."""
    slot: int
    """Which of them is ours."""
    mid: str = ""
    groups: tuple[str, ...] = ()


def agree(
    formats: Formats,
    best: Format,
    ours: Payloads,
    place: Place,
    *,
    ptime: int,
    mux: bool,
    reduced: bool,
    direction: Direction,
    held: bool,
    security: Security,
) -> Agreed:
    """`best` is what we send; `ours` what may come."""
    codec = best.codec
    rate, event = formats.event_for(codec)
    if rate not in ours.events.values():
        event = None  # nothing that we asked for
    noise = formats.noise.get(codec.clock_rate)
    return Agreed(
        codec=codec,
        send_type=best.number,
        fmtp=best.fmtp,
        receive=ours.codecs,
        event_type=event.number if event else None,
        event_rate=rate,
        events=event.codes if event else frozenset(),
        event_receive=ours.events,
        noise_type=noise if codec.clock_rate in ours.noise.values() else None,
        noise_receive=ours.noise,
        ptime=formats.ptime_for(codec, ptime),
        remote=place.remote,
        remote_rtcp=place.remote if mux else place.rtcp,
        rtcp_mux=mux,
        reduced_size=reduced,
        direction=direction,
        held=held,
        security=security,
    )


def stated(theirs: SessionDescription, section: MediaSection, place: Place) -> Direction:
    """What they do with media, where an address of nothing but zeros is a hold (RFC 3264 §8.4)."""
    said = Direction(theirs.direction_of(section))
    if not place.blank:
        return said
    return Direction.SENDONLY if said.sends else Direction.INACTIVE
