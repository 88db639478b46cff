"""Offer and answer for one audio stream (RFC 3264)."""

from siptg.rtp.offer.agreed import Agreed, Dtls, Plain, Sdes, Security
from siptg.rtp.offer.direction import Direction
from siptg.rtp.offer.negotiator import Negotiator, Offered, OutOfTurn
from siptg.rtp.offer.payloads import Payloads
from siptg.rtp.offer.terms import MediaTerms, Policy, Setup, Way

__all__ = [
    "Agreed",
    "Direction",
    "Dtls",
    "MediaTerms",
    "Negotiator",
    "Offered",
    "OutOfTurn",
    "Payloads",
    "Plain",
    "Policy",
    "Sdes",
    "Security",
    "Setup",
    "Way",
]
