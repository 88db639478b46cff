"""Named departures from the usual, for peers that need them: settings of an account.

The core never asks who made a peer; it asks whether a switch is on.
"""

from __future__ import annotations

from collections.abc import Iterable

QUIRKS = {
    "no-100rel": "never answer or ask for provisional answers reliably (RFC 3262)",
    "no-update": "send re-INVITE where UPDATE would do (RFC 3311)",
    "no-timer": "neither ask for nor agree to session timers (RFC 4028)",
    "no-replaces": "do not take over calls by Replaces (RFC 3891)",
    "stun-keepalive": "keep a UDP path open by STUN, not by CRLF (RFC 5626 §4.4.2)",
    "nat-target": "send to where a call's messages come from (against RFC 3261 §12.2.1.1)",
    "late-offer": "send INVITE without SDP and answer the offer of the 2xx (RFC 3261 §13.2.1)",
}
"""What each does, in a sentence."""


def quirks(names: Iterable[str]) -> frozenset[str]:
    """ValueError names what is not known, and what is."""
    wanted = frozenset(names)
    unknown = sorted(wanted - QUIRKS.keys())
    if unknown:
        raise ValueError(f"unknown quirk {unknown[0]!r}; known are {', '.join(sorted(QUIRKS))}")
    return wanted
