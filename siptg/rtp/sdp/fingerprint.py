"""a=fingerprint: the hash of a certificate (RFC 8122 §5)."""

from __future__ import annotations

import re
from typing import NamedTuple

from siptg.rtp.sdp import SdpError

LENGTHS = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}
"""Bytes of each hash that is still to be believed: MD2 and MD5 are not (RFC 8122 §5)."""
_HEX = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2})*\Z")


class Fingerprint(NamedTuple):
    hash: str
    """In lower case, as RFC 8122 names it."""
    value: str
    """Bytes in capitals, colons between them."""

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """SdpError for a hash that is unknown, or whose length is not its own."""
        name, _, value = text.strip().partition(" ")
        name, value = name.lower(), value.strip().upper()
        if name not in LENGTHS:
            raise SdpError(f"unknown hash {name[:20]!r}")
        if not _HEX.match(value) or len(value) != 3 * LENGTHS[name] - 1:
            raise SdpError(f"bad fingerprint {value[:20]!r}")
        return cls(name, value)

    def __str__(self) -> str:
        return f"{self.hash} {self.value}"
