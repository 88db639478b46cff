"""Keys as INFO carries them: `application/dtmf-relay` and `application/dtmf`."""

from __future__ import annotations

import re

RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"
KEYS = "0123456789*#ABCD"
_SIGNAL = re.compile(rb"^\s*Signal\s*=\s*(\S+)", re.I | re.M)
_NAMES = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
"""Numbers of RFC 4733 events, which some send instead of the sign."""


def key_of(content_type: str, body: bytes) -> str | None:
    """The key that was pressed; None where it is none."""
    if content_type == RELAY:
        found = _SIGNAL.search(body[:256])
        text = found[1].decode("ascii", "replace") if found else ""
    elif content_type == PLAIN:
        text = body[:64].decode("ascii", "replace").strip()
    else:
        return None
    key = _NAMES.get(text, text.upper())
    return key if len(key) == 1 and key in KEYS else None


def relay(key: str, milliseconds: int = 100) -> bytes:
    """The body of one key; ValueError for what is none."""
    if len(key) != 1 or key.upper() not in KEYS:
        raise ValueError(f"not a key: {key!r}")
    return f"Signal={key.upper()}\r\nDuration={milliseconds}\r\n".encode()
