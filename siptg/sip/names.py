"""Names of header fields: how they are spelled, and which are the same (RFC 3261 §7.3)."""

from __future__ import annotations

import re

from siptg.sip.grammar import TOKEN

NAMES = frozenset(
    re.split(
        r"\s+",
        """Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events
    Authentication-Info Authorization Call-ID Call-Info Contact Content-Disposition
    Content-Encoding Content-Language Content-Length Content-Type CSeq Date Diversion Error-Info
    Event Expires From Geolocation History-Info Identity Identity-Info In-Reply-To Info-Package
    Max-Forwards Message-ID MIME-Version Min-Expires Min-SE Organization P-Access-Network-Info
    P-Asserted-Identity P-Called-Party-ID P-Charging-Vector P-Preferred-Identity Path Priority
    Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Recv-Info
    Refer-Sub Refer-To Referred-By Reject-Contact Remote-Party-ID Replaces Reply-To
    Request-Disposition Require Retry-After Route RSeq Server Service-Route Session-Expires Subject
    Subscription-State Supported Target-Dialog Timestamp To Unsupported User-Agent Via Warning
    WWW-Authenticate""",
    )
)
"""As their RFCs spell them, and nearly everybody: these are their own keys."""

COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
"""Compact forms (RFC 3261 §7.3.3 and IANA's list)."""

_BY_LOWER = COMPACT | {name.lower(): name for name in NAMES}
_seen = {name: name for name in NAMES} | COMPACT
_MOST_SEEN = 512


def key_of(name: str) -> str:
    """The name that equal names share: that of `NAMES`, or in lower case where it is none of them.
    What was asked before is looked up.
    """
    key = _seen.get(name)
    if key is None:
        plain = name.strip().lower()
        key = _BY_LOWER.get(plain, plain)
        # bounded: a peer may invent names for ever
        if len(_seen) < _MOST_SEEN and TOKEN.fullmatch(name):
            _seen[name] = key
    return key
