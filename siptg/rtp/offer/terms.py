"""What an end wants of a stream before it knows the other."""

from __future__ import annotations

import enum

import attrs

from siptg.rtp.codecs import Codec
from siptg.rtp.sdp.fingerprint import Fingerprint
from siptg.rtp.sdp.sdes import SUITES

LENGTHS = (10, 20, 30, 40, 50, 60)
"""Milliseconds that a packet of ours may hold."""


class Way(enum.Enum):
    """How the packets of a stream are kept from others."""

    PLAIN = "plain"
    SDES = "sdes"
    DTLS = "dtls"


class Policy(enum.Enum):
    """Which ways are offered and taken. The optional ones offer RTP/AVP and a key, so that an end
    which knows no SRTP answers in plain (RFC 8643).
    """

    PLAIN = "plain"
    SDES_OPTIONAL = "sdes-optional"
    SDES = "sdes"
    DTLS_OPTIONAL = "dtls-optional"
    DTLS = "dtls"

    @property
    def offers(self) -> Way:
        if self in (Policy.SDES, Policy.SDES_OPTIONAL):
            return Way.SDES
        return Way.PLAIN if self is Policy.PLAIN else Way.DTLS

    @property
    def optional(self) -> bool:
        """Plain will do where there is nothing else."""
        return self in (Policy.PLAIN, Policy.SDES_OPTIONAL, Policy.DTLS_OPTIONAL)

    @property
    def takes(self) -> tuple[Way, ...]:
        """Of an offer, best first."""
        if self is Policy.SDES_OPTIONAL:
            return Way.SDES, Way.DTLS, Way.PLAIN
        if self is Policy.DTLS_OPTIONAL:
            return Way.DTLS, Way.SDES, Way.PLAIN
        return (self.offers,)


class Setup(enum.Enum):
    """a=setup: who begins the handshake of DTLS (RFC 4145 §4)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"


@attrs.frozen
class MediaTerms:
    """Of one stream. Another value takes its place by `Negotiator.terms` and the next offer."""

    codecs: tuple[Codec, ...] = attrs.field(converter=tuple[Codec, ...])
    """Best first."""
    ptime: int = 20
    """Milliseconds that we would like a packet to hold, both ways."""
    maxptime: int = 0
    """The longest packet that we ask for; 0 says nothing."""
    security: Policy = Policy.PLAIN
    suites: tuple[str, ...] = tuple(SUITES)
    """Of SDES, those that our SRTP can do."""
    offered_suites: tuple[str, ...] = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
    """Of these what an offer names, best first: each costs a line in a message that should fit
    into one datagram.
    """
    fingerprint: Fingerprint | None = None
    """Of our certificate; without one there is no DTLS."""
    setup: Setup = Setup.ACTIVE
    """Our part in the handshake where an offer leaves it to us (RFC 5763 §5 wants active)."""
    rtcp_mux: bool = True
    reduced_size: bool = True
    """RTCP may be incomplete (RFC 5506): offered where feedback is, taken anywhere."""
    feedback: bool = False
    """Offers are of AVPF (RFC 4585); it is always taken."""
    events: str = "0-15"
    """Of telephone-event, what we understand; 0-16 with flash; empty for none at all."""
    noise: bool = False
    """Comfort noise (RFC 3389) is offered and taken."""
    one_codec: bool = True
    """An answer names one codec, so that nobody changes it without a new offer."""

    def __attrs_post_init__(self) -> None:
        if not self.codecs:
            raise ValueError("no codec")
        if self.ptime not in LENGTHS or (self.maxptime and self.maxptime not in LENGTHS):
            raise ValueError(f"a packet holds one of {LENGTHS} ms")
        if self.setup not in (Setup.ACTIVE, Setup.PASSIVE):
            raise ValueError("in an answer our part is active or passive")
        unknown = [name for name in (*self.suites, *self.offered_suites) if name not in SUITES]
        if unknown:
            raise ValueError(f"unknown suite {unknown[0]!r}")
        if self.security.offers is Way.DTLS and self.fingerprint is None:
            raise ValueError("DTLS needs the fingerprint of a certificate")
