"""Which section of an offer we take: of audio, with a codec, an address and a key that we share."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from siptg.rtp.offer.formats import Formats
from siptg.rtp.offer.keying import TheirKeys
from siptg.rtp.offer.place import Place
from siptg.rtp.offer.terms import MediaTerms, Policy, Way
from siptg.rtp.sdp import MediaSection, SdpError, SessionDescription


@attrs.frozen
class Choice:
    index: int
    """Among the m= lines."""
    section: MediaSection
    formats: Formats
    place: Place
    keys: TheirKeys
    way: Way

    def mux(self, terms: MediaTerms) -> bool:
        """RTCP shares the port (RFC 5761 §5.1.1, RFC 8858)."""
        return terms.rtcp_mux and any(map(self.section.has, ("rtcp-mux", "rtcp-mux-only")))

    @property
    def mid(self) -> str:
        return self.section.get("mid") or ""


def choose(
    theirs: SessionDescription,
    terms: MediaTerms,
    family: int,
    usual: int | None,
) -> Choice:
    """The best kept from others; of equals the one that was used before, then the first. Families
    of addresses are sections of their own in ANAT (RFC 4091), which this answers too.

    SdpError with the reasons where none will do.
    """
    found: list[Choice] = []
    reasons: list[str] = []
    for index, section in enumerate(theirs.media):
        if section.kind.lower() != "audio":
            continue
        try:
            found.append(_consider(theirs, index, section, terms, family))
        except SdpError as error:
            reasons.append(str(error))
    if not found:
        why = "; ".join(dict.fromkeys(reasons)) or "there is none"
        raise SdpError(f"no audio in the offer that we can use: {why}")
    takes = terms.security.takes
    return min(found, key=lambda one: (takes.index(one.way), one.index != usual, one.index))


def disabled(theirs: SessionDescription, slot: int) -> bool:
    """They turned their audio off (RFC 3264 §8.2): that in our place, and there is no other."""
    audio = [index for index, one in enumerate(theirs.media) if one.kind.lower() == "audio"]
    return slot in audio and not any(theirs.media[index].port for index in audio)


def _consider(
    theirs: SessionDescription,
    index: int,
    section: MediaSection,
    terms: MediaTerms,
    family: int,
) -> Choice:
    # a bundle-only section has no port either: the one that has it is not ours (RFC 9143 §7.3.1)
    if section.port == 0:
        raise SdpError("its port is 0")
    keys = TheirKeys.read(theirs, section, terms.suites)
    if not keys.ways:
        raise SdpError(f"protocol {section.protocol[:40]!r}")
    formats = Formats.read(theirs, section, terms.codecs, {})
    if not formats.codecs:
        raise SdpError("no codec that both ends know")
    if section.has("rtcp-mux-only") and not terms.rtcp_mux:
        raise SdpError("RTCP has no port of its own")
    way = next((way for way in terms.security.takes if keys.offer(way, terms)), None)
    if way is None:
        raise SdpError(_refusal(keys, terms.security))
    return Choice(index, section, formats, Place.of(theirs, section, family), keys, way)


def _refusal(keys: TheirKeys, policy: Policy) -> str:
    if Way.PLAIN in keys.ways:
        return "it is not encrypted as it must be"
    if policy is Policy.PLAIN:
        return "it is encrypted"
    return "no key that we can use"


def grouped(theirs: SessionDescription, choice: Choice, mux: bool) -> Iterator[str]:
    """What the answer says of groups: only ANAT (RFC 4091 §4) and BUNDLE (RFC 9143 §7.3), and of
    their members only the accepted one (RFC 5888 §9.1). A bundle has no port for RTCP.
    """
    mid = choice.mid
    for semantics in ("BUNDLE", "ANAT") if mux else ("ANAT",):
        if any(mid in group for group in theirs.groups(semantics)):
            yield f"{semantics} {mid}"
