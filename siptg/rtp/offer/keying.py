"""Keys in offers and answers: SDES (RFC 4568), DTLS (RFC 5763, RFC 8842), or none."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from itertools import count

import attrs

from siptg.rtp.offer.agreed import Dtls, Plain, Sdes, Security
from siptg.rtp.offer.terms import MediaTerms, Setup, Way
from siptg.rtp.sdp import Attribute, MediaSection, SdpError, SessionDescription
from siptg.rtp.sdp.fingerprint import Fingerprint
from siptg.rtp.sdp.sdes import SUITES, Crypto, usable

PROTOCOLS = {
    "RTP/AVP": (Way.PLAIN, Way.SDES, Way.DTLS),
    "RTP/AVPF": (Way.PLAIN, Way.SDES, Way.DTLS),
    "RTP/SAVP": (Way.SDES, Way.DTLS),
    "RTP/SAVPF": (Way.SDES, Way.DTLS),
    "UDP/TLS/RTP/SAVP": (Way.DTLS,),
    "UDP/TLS/RTP/SAVPF": (Way.DTLS,),
}
"""What each can mean: RTP/AVP with keys is RFC 8643, RTP/SAVP with a fingerprint the WebRTC of
before RFC 5764.
"""
_TLS_ID = re.compile(r"[0-9A-Za-z+/_-]{1,255}\Z")


@attrs.frozen
class TheirKeys:
    """What a section says of keys."""

    ways: tuple[Way, ...]
    """Those its protocol leaves open; none of a protocol that is not RTP."""
    crypto: tuple[Crypto, ...]
    """The lines that we can use."""
    says_crypto: bool
    fingerprints: tuple[Fingerprint, ...]
    setup: Setup | None
    tls_id: str

    @classmethod
    def read(
        cls, theirs: SessionDescription, section: MediaSection, suites: Collection[str]
    ) -> TheirKeys:
        """A section's own fingerprints and setup, else the session's (RFC 8122 §5)."""
        levels = (section, theirs)
        level = next((level for level in levels if level.has("fingerprint")), section)
        setup = next((text for text in (one.get("setup") for one in levels) if text), None)
        return cls(
            PROTOCOLS.get(section.protocol.upper(), ()),
            tuple(usable(section.all("crypto"), suites)),
            section.has("crypto"),
            tuple(_fingerprints(level.all("fingerprint"))),
            next((known for known in Setup if known.value == (setup or "").lower()), None),
            said if _TLS_ID.match(said := section.get("tls-id") or "") else "",
        )

    def offer(self, way: Way, terms: MediaTerms) -> bool:
        """It has what we need to go that way."""
        if way not in self.ways:
            return False
        if way is Way.SDES:
            return bool(self.crypto)
        if way is Way.DTLS:
            able = terms.fingerprint is not None and bool(self.fingerprints)
            return able and self.setup is not Setup.HOLDCONN  # RFC 8842 §5.1: not to be used
        return True


@attrs.define(eq=False)
class Keyring:
    """Our keys of one stream. They stay as they are until somebody renews them."""

    random: Callable[[int], bytes]
    offered: dict[int, Crypto] = attrs.field(factory=dict)
    """Of our last offer, by tag."""
    last: Dtls | None = None
    """The association that stands."""
    _keys: dict[str, bytes] = attrs.field(factory=dict, repr=False)
    _tags: dict[str, int] = attrs.field(factory=dict)
    _tls_id: str = ""

    def renew(self) -> None:
        """The next offer or answer has new keys (RFC 4568 §7.1.4)."""
        self._keys.clear()

    def offer(self, way: Way, terms: MediaTerms, first: str = "") -> list[Attribute]:
        """The lines of an offer; the suite that is agreed on comes first."""
        self.offered = {}
        if way is Way.SDES:
            names = terms.offered_suites or terms.suites
            for name in dict.fromkeys((first, *names) if first in terms.suites else names):
                crypto = Crypto(self._tag(name), name, self._key(name))
                self.offered[crypto.tag] = crypto
            return [("crypto", str(crypto)) for crypto in self.offered.values()]
        if way is Way.DTLS:
            self._tls_id = self._tls_id or self._new_tls_id()
            return [
                ("fingerprint", str(terms.fingerprint)),
                ("setup", Setup.ACTPASS.value),  # RFC 5763 §5, and RFC 8842 §5.5 in later offers
                ("tls-id", self._tls_id),
            ]
        return []

    def answer(
        self, way: Way, theirs: TheirKeys, terms: MediaTerms, moved: bool
    ) -> tuple[Security, list[Attribute]]:
        """What comes of an offer, and the lines that say so."""
        if way is Way.SDES:
            chosen = theirs.crypto[0]  # in order of preference (RFC 4568 §5.1.2)
            key = self._key(chosen.known)
            ours = Crypto(chosen.tag, chosen.suite, key)
            if chosen.tag not in self._tags.values():
                self._tags.setdefault(chosen.known, chosen.tag)
            return _sdes(chosen, key), [("crypto", str(ours))]
        if way is Way.DTLS:
            agreed = self._dtls_answer(theirs, terms, moved)
            lines: list[Attribute] = [
                ("fingerprint", str(terms.fingerprint)),
                ("setup", agreed.setup.value),
            ]
            if theirs.tls_id:  # RFC 8842 §5.3: only to those who know it
                lines.append(("tls-id", agreed.our_tls_id))
            return agreed, lines
        return Plain(), []

    def accept(self, way: Way, theirs: TheirKeys, optional: bool, moved: bool) -> Security:
        """What comes of the answer to an offer of ours; SdpError where it breaks what we asked
        for. `optional`: plain would do.
        """
        if not theirs.ways:
            raise SdpError("the answer is of another protocol")
        if way is Way.SDES and theirs.says_crypto:
            for crypto in theirs.crypto:
                ours = self.offered.get(crypto.tag)
                if ours is not None and ours.suite == crypto.known:
                    return _sdes(crypto, ours.key)
            raise SdpError("the answer has no key that fits our offer")
        if way is Way.DTLS and theirs.fingerprints:
            return self._dtls_accept(theirs, moved)
        if not optional:
            raise SdpError("the answer has no key")
        if Way.PLAIN not in theirs.ways:
            raise SdpError("the answer is encrypted in a way that was not offered")
        return Plain()

    def settle(self, security: Security) -> None:
        """It is agreed on."""
        if isinstance(security, Dtls):
            self.last, self._tls_id = security, security.our_tls_id

    def _dtls_answer(self, theirs: TheirKeys, terms: MediaTerms, moved: bool) -> Dtls:
        stands = self._standing(theirs, moved)
        if theirs.setup is Setup.PASSIVE:
            setup = Setup.ACTIVE
        elif theirs.setup is Setup.ACTPASS:
            setup = stands.setup if stands else terms.setup
        else:
            setup = Setup.PASSIVE  # an offer that says nothing is active (RFC 4145 §4)
        if stands is not None and stands.setup is setup:
            return attrs.evolve(stands, fingerprints=theirs.fingerprints)
        fresh = self._tls_id if self._tls_id and self.last is None else self._new_tls_id()
        return Dtls(theirs.fingerprints, setup, theirs.tls_id, fresh, self._next_association)

    def _dtls_accept(self, theirs: TheirKeys, moved: bool) -> Dtls:
        if theirs.setup is Setup.HOLDCONN:
            raise SdpError("the answer puts off the handshake")
        # an answer that says nothing is passive (RFC 4145 §4), and none may say actpass
        setup = Setup.PASSIVE if theirs.setup is Setup.ACTIVE else Setup.ACTIVE
        stands = self._standing(theirs, moved)
        if stands is not None and stands.setup is setup:
            return attrs.evolve(stands, fingerprints=theirs.fingerprints)
        tls_id, association = self._tls_id, self._next_association
        return Dtls(theirs.fingerprints, setup, theirs.tls_id, tls_id, association)

    def _standing(self, theirs: TheirKeys, moved: bool) -> Dtls | None:
        """The association that stands, if it is meant (RFC 8842 §4): by its name, and where it has
        none by the addresses.
        """
        last = self.last
        if last is None or (not theirs.tls_id and moved):
            return None
        same = set(theirs.fingerprints) == set(last.fingerprints) and theirs.tls_id == last.tls_id
        return last if same else None

    @property
    def _next_association(self) -> int:
        return self.last.association + 1 if self.last else 1

    def _key(self, suite: str) -> bytes:
        if suite not in self._keys:
            self._keys[suite] = self.random(SUITES[suite].length)
        return self._keys[suite]

    def _tag(self, suite: str) -> int:
        if suite not in self._tags:
            self._tags[suite] = next(n for n in count(1) if n not in self._tags.values())
        return self._tags[suite]

    def _new_tls_id(self) -> str:
        return self.random(16).hex()


def _sdes(theirs: Crypto, key: bytes) -> Sdes:
    return Sdes(theirs.known, key, theirs.key, theirs.lifetime, theirs.window)


def _fingerprints(lines: Iterator[str]) -> Iterator[Fingerprint]:
    for line in lines:
        try:
            yield Fingerprint.parse(line)
        except SdpError:
            continue  # of a hash we do not know; another line may have one that we do
