"""What a phone wants of the sound of its calls, in the words of its options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from siptg.rtp.codecs import named
from siptg.rtp.digits.ways import Way
from siptg.rtp.keys.srtp import SUITES
from siptg.rtp.offer.terms import MediaTerms, Policy
from siptg.rtp.path import certificate
from siptg.rtp.sdp.fingerprint import Fingerprint

DEFAULT_KEYS = (Way.RFC4733, Way.INFO)


def terms_of(codecs: Sequence[str], ptime: int, encryption: Policy | str) -> MediaTerms:
    """Codecs by their keys, milliseconds in a packet, and the name of a policy. ValueError says
    which of them is none, and what there is.
    """
    policy = policy_of(encryption)
    shown = None
    if policy is not Policy.PLAIN:  # who would rather have SDES may yet be offered DTLS
        shown = Fingerprint(*certificate().fingerprint)
    return MediaTerms(
        named(codecs), ptime=ptime, security=policy, suites=tuple(SUITES), fingerprint=shown
    )


def policy_of(name: Policy | str) -> Policy:
    try:
        return Policy(name)
    except ValueError:
        known = ", ".join(policy.value for policy in Policy)
        raise ValueError(f"unknown encryption {name!r}; there are {known}") from None


def ways_of(names: Iterable[str]) -> tuple[Way, ...]:
    """How keys may go, the most wanted first."""
    ways = []
    for name in names:
        try:
            ways.append(Way(name))
        except ValueError:
            raise ValueError(f"unknown way of keys {name!r}; there are {', '.join(Way)}") from None
    return tuple(ways)
