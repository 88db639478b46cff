"""Sections as we write them, and the protocol that ours has."""

from __future__ import annotations

from collections.abc import Iterable

from siptg.rtp.offer.agreed import Agreed, Dtls, Plain, Sdes
from siptg.rtp.offer.direction import Direction
from siptg.rtp.offer.keying import PROTOCOLS
from siptg.rtp.offer.payloads import Line
from siptg.rtp.offer.terms import MediaTerms, Way
from siptg.rtp.sdp import Attribute, MediaSection

WAYS: dict[type[Plain | Sdes | Dtls], Way] = {
    Plain: Way.PLAIN,
    Sdes: Way.SDES,
    Dtls: Way.DTLS,
}


def way_and_protocol(terms: MediaTerms, agreed: Agreed | None, before: str) -> tuple[Way, str]:
    """Of an offer. What protects the stream already is kept, and `before`, its protocol."""
    policy, feedback = terms.security, "F" if terms.feedback else ""
    kept = PROTOCOLS.get(before.upper(), ())
    if agreed is not None and kept:
        stands = WAYS[type(agreed.security)]
        if stands is not Way.PLAIN and stands in policy.takes:
            return stands, before
        if policy.optional and Way.PLAIN in kept:
            return policy.offers, before
    if policy.optional:
        return policy.offers, f"RTP/AVP{feedback}"
    tls = "UDP/TLS/" if policy.offers is Way.DTLS else ""
    return policy.offers, f"{tls}RTP/SAVP{feedback}"


def audio(
    port: int,
    protocol: str,
    lines: Iterable[Line],
    terms: MediaTerms,
    direction: Direction,
    more: Iterable[Attribute],
) -> MediaSection:
    """Our section of an offer or an answer."""
    section = MediaSection("audio", port, protocol, [])
    for line in lines:
        section.formats.append(str(line.number))
        section.attributes += line.attributes()
    section.attributes.append(("ptime", str(terms.ptime)))
    if terms.maxptime:
        section.attributes.append(("maxptime", str(terms.maxptime)))
    section.attributes += [(direction.value, None), *more]
    return section


def declined(section: MediaSection) -> MediaSection:
    """Port 0, and of the rest what has to be there (RFC 3264 §6)."""
    made = MediaSection(section.kind, 0, section.protocol, section.formats[:1] or ["0"])
    mid = section.get("mid")
    if mid:
        made.attributes.append(("mid", mid))
    return made
