"""Session descriptions of a call, section by section: what they ask, and ours written out. Pure.

All of a call shares one transport (BUNDLE, RFC 9143): sound, and the data channel (RFC 8841).
Pictures are declined, so that the other end shows that there are none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from siptg.rtp.sdp import Attribute, Connection, MediaSection, SdpError, SessionDescription, number
from siptg.rtp.sdp.rtpmap import RtpMap
from siptg.telegram.signalling.messages import OPUS_TYPE, credentials
from siptg.telegram.signalling.negotiation import Fingerprint, Setup

SOUND, DATA = "audio", "application"
AUDIO_PROTOCOL, DATA_PROTOCOL = "UDP/TLS/RTP/SAVPF", "UDP/DTLS/SCTP"
FMTP = "minptime=10;useinbandfec=1"
SCTP_PORT, LARGEST_MESSAGE = 5000, 262_144
LONGEST_MID = 32
ELSEWHERE = Connection("0.0.0.0")
"""Addresses are ICE's business."""


@attrs.frozen
class Section:
    """One m= line as a side sees it: `sends` and `receives` are that side's."""

    kind: str
    mid: str
    protocol: str
    formats: tuple[str, ...] = ()
    taken: bool = True
    """False where it was declined, or is by us."""
    opus: int = OPUS_TYPE
    """What Opus is called; of sound that is taken."""
    sends: bool = True
    receives: bool = True


OFFERED = (
    Section(SOUND, "0", AUDIO_PROTOCOL),
    Section(DATA, "1", DATA_PROTOCOL, ("webrtc-datachannel",)),
)
"""What we ask for first."""


@attrs.frozen
class Described:
    """A description of the other end's."""

    setup: Setup
    lines: tuple[str, ...]
    """Candidates that stand in it."""
    sections: tuple[Section, ...]


def read(text: str) -> Described:
    """ValueError (SdpError among them) or TypeError for what no path could be made of. A section
    that we would not take is `taken=False`.
    """
    whole = SessionDescription.parse(text.encode("utf-8", "replace"))
    alive = [m for m in whole.media if m.port or m.has("bundle-only")]
    # the one that stands first carries the transport of all
    main = next((m for m in alive if _of(whole, m, "ice-ufrag")), None)
    if main is None:
        raise SdpError("no credentials")
    role = _of(whole, main, "setup") or "actpass"
    said = [
        Fingerprint(name, role, value)
        for line in (*main.all("fingerprint"), *whole.all("fingerprint"))
        for name, _, value in [line.partition(" ")]
    ]
    setup = credentials(_of(whole, main, "ice-ufrag"), _of(whole, main, "ice-pwd"), said)
    lines = tuple(line for m in alive for line in m.all("candidate"))
    bundle = next((mids for mids in whole.groups("BUNDLE")), [])
    shared = {main.get("mid"), *(bundle if main.get("mid") in bundle else ())}
    sections = tuple(_section(whole, m, at, shared) for at, m in enumerate(whole.media))
    mids = [section.mid for section in sections]
    if len(set(mids)) < len(mids):
        raise SdpError("a mid that stands twice")
    return Described(setup, lines, sections)


def _of(whole: SessionDescription, section: MediaSection, name: str) -> str | None:
    return section.get(name) or whole.get(name)


def _section(
    whole: SessionDescription, media: MediaSection, at: int, shared: set[str | None]
) -> Section:
    mid = media.get("mid") or f"{at}"
    if len(mid) > LONGEST_MID or not mid.isprintable() or " " in mid:
        raise SdpError("bad mid")
    taken = bool(media.port or media.has("bundle-only")) and media.get("mid") in shared
    opus = _opus(media) if media.kind == SOUND else None
    if media.kind == SOUND:
        taken = taken and opus is not None
    else:
        taken = taken and media.kind == DATA and "SCTP" in media.protocol.upper()
    direction = whole.direction_of(media)
    return Section(
        media.kind,
        mid,
        media.protocol,
        tuple(media.formats),
        taken,
        OPUS_TYPE if opus is None else opus,
        direction in ("sendrecv", "sendonly"),
        direction in ("sendrecv", "recvonly"),
    )


def _opus(media: MediaSection) -> int | None:
    """Its number; None where it is not spoken."""
    names = media.map("rtpmap")
    for one in media.formats:
        made = RtpMap.parse(names.get(one, ""))
        if made is not None and made.name.lower() == "opus":
            return number(one, 127)
    return None


def answered(theirs: Sequence[Section]) -> tuple[Section, ...]:
    """Our sections of an answer: we take all of their sound, send ours in one section, the first
    that listens, and decline what is no sound and no data channel.
    """
    made, sent = [], False
    for section in theirs:
        sends = section.taken and section.kind == SOUND and section.receives and not sent
        sent = sent or sends
        made.append(attrs.evolve(section, sends=sends, receives=section.sends))
    return tuple(made)


def write(sections: Sequence[Section], setup: Setup, role: str, *, ssrc: int, version: int) -> str:
    """A description of ours. `role` is what it says of DTLS; `version` rises with each."""
    bundle = " ".join(["BUNDLE", *(s.mid for s in sections if s.taken)])
    return bytes(
        SessionDescription(
            f"- {ssrc} {version} IN IP4 127.0.0.1",
            media=[_written(section, setup, role, ssrc) for section in sections],
            attributes=[("group", bundle), ("msid-semantic", " WMS *")],
        )
    ).decode("utf-8", "replace")


def _written(section: Section, setup: Setup, role: str, ssrc: int) -> MediaSection:
    sound = section.taken and section.kind == SOUND
    formats = [str(section.opus)] if sound else list(section.formats) or ["0"]
    made = MediaSection(section.kind, 9 if section.taken else 0, section.protocol, formats)
    made.connections.append(ELSEWHERE)
    made.attributes += [("mid", section.mid), *_transport(setup, role)]
    if sound:
        made.attributes += _sound(section, ssrc)
    elif section.taken:
        made.attributes += [
            ("sctp-port", f"{SCTP_PORT}"),
            ("max-message-size", f"{LARGEST_MESSAGE}"),
        ]
    else:
        made.attributes.append(("inactive", None))
    return made


def _transport(setup: Setup, role: str) -> Iterator[Attribute]:
    yield "ice-ufrag", setup.ufrag
    yield "ice-pwd", setup.pwd
    yield "ice-options", "trickle"
    for one in setup.fingerprints:
        yield "fingerprint", f"{one.hash} {one.value}"
    yield "setup", role


def _sound(section: Section, ssrc: int) -> Iterator[Attribute]:
    ways = {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}
    yield ways.get((section.sends, section.receives), "inactive"), None
    yield "rtcp-mux", None
    yield "rtpmap", f"{section.opus} opus/48000/2"
    yield "fmtp", f"{section.opus} {FMTP}"
    if section.sends:
        yield "msid", "siptg sound"
        yield "ssrc", f"{ssrc} cname:siptg"
