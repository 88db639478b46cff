"""a=crypto: keys for SRTP in the description itself (RFC 4568)."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Iterator

import attrs

from siptg.rtp.sdp import SdpError, number

_TAG = re.compile(r"[1-9][0-9]{0,8}\Z")
LONGEST_LIFE = 1 << 48
"""Packets that one key may protect (RFC 3711 §9.2)."""


@attrs.frozen
class Suite:
    """Cipher and authentication, and the bytes of its master key and master salt."""

    name: str
    key: int
    salt: int

    @property
    def length(self) -> int:
        return self.key + self.salt


SUITES = {
    suite.name: suite
    for suite in (
        Suite("AES_CM_128_HMAC_SHA1_80", 16, 14),  # RFC 4568 §6.2.1
        Suite("AES_CM_128_HMAC_SHA1_32", 16, 14),
        Suite("AEAD_AES_128_GCM", 16, 12),  # RFC 7714 §14.1
        Suite("AES_256_CM_HMAC_SHA1_80", 32, 14),  # RFC 6188 §4.2
        Suite("AES_256_CM_HMAC_SHA1_32", 32, 14),
        Suite("AEAD_AES_256_GCM", 32, 12),
    )
}
ALIASES = {
    "AES_CM_256_HMAC_SHA1_80": "AES_256_CM_HMAC_SHA1_80",
    "AES_CM_256_HMAC_SHA1_32": "AES_256_CM_HMAC_SHA1_32",
}
"""How drafts of RFC 6188, and phones of that time, call them."""
HARMLESS = ("WSH", "FEC_ORDER", "KDR=0")
"""Session parameters under which a packet looks as it does without them. Unlike these, UNENCRYPTED
ones would send in the clear, and another key derivation rate is nothing that we can do.
"""


@attrs.frozen
class Crypto:
    """One line: an offer has one for each suite, the answer one of them."""

    tag: int
    suite: str
    """As it is written; `known` says which it is."""
    key: bytes = attrs.field(repr=False)
    """Master key and salt, as libraries take them; empty for a suite that is unknown."""
    lifetime: int = 0
    """Packets; 0 where nothing is said."""
    mki: str = ""
    """value:length where packets carry a key identifier."""
    parameters: tuple[str, ...] = ()
    keys: int = 1
    """Several can only be told apart by MKI."""

    @classmethod
    def parse(cls, text: str) -> Crypto:
        """SdpError, which never tells a key."""
        parts = text.split()
        if len(parts) < 3 or not _TAG.match(parts[0]):
            raise SdpError("bad crypto line")
        tag, name, inline = int(parts[0]), parts[1], parts[2].split(";")
        method, _, value = inline[0].partition(":")
        if method.lower() != "inline":
            raise SdpError(f"crypto {tag}: unknown key method {method[:20]!r}")
        secret, *more = value.split("|")
        suite = SUITES.get(_known(name))
        key = _decode(secret, suite.length, tag) if suite else b""
        lifetime, mki = 0, ""
        for part in more:
            if ":" in part:
                mki = part
            elif part:
                lifetime = _lifetime(part, tag)
        keys = sum(1 for part in inline if part)
        return cls(tag, name, key, lifetime, mki, tuple(parts[3:]), keys)

    @property
    def known(self) -> str:
        """The name of the suite in `SUITES`; empty for none of them."""
        name = _known(self.suite)
        return name if name in SUITES else ""

    @property
    def window(self) -> int:
        """Window size hint (§6.3.6); 0 where there is none."""
        for name, _, value in (p.upper().partition("=") for p in self.parameters):
            if name == "WSH":
                return number(value, 1 << 15) or 0
        return 0

    def refusal(self, suites: Collection[str]) -> str:
        """Why we cannot use it; empty where we can. What an extension with "-" before its name
        asks for may be passed over, of all others not one (§6.3.7).
        """
        if self.known not in suites:
            return f"suite {self.suite[:40]!r}"
        if self.mki or self.keys > 1:
            return "key identifiers"  # libsrtp's wrapper knows none
        for parameter in self.parameters:
            whole = parameter.upper()
            harmless = whole in HARMLESS or whole.partition("=")[0] in HARMLESS
            if not harmless and not whole.startswith("-"):
                return parameter[:40]
        return ""

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"


def usable(lines: Iterable[str], suites: Collection[str]) -> Iterator[Crypto]:
    """Those of a section that we can use, in its order; broken ones are as good as not there."""
    for line in lines:
        try:
            crypto = Crypto.parse(line)
        except SdpError:
            continue
        if not crypto.refusal(suites):
            yield crypto


def _known(name: str) -> str:
    return ALIASES.get(name.upper(), name.upper())


def _decode(text: str, length: int, tag: int) -> bytes:
    """Base64; some leave the padding out."""
    bare = text.rstrip("=")
    try:
        key = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except ValueError:
        raise SdpError(f"crypto {tag}: the key is no base64") from None
    if len(key) != length:
        raise SdpError(f"crypto {tag}: a key of {len(key)} bytes, not {length}")
    return key


def _lifetime(text: str, tag: int) -> int:
    power = number(text[2:], 48) if text.startswith("2^") else None
    packets = number(text, LONGEST_LIFE) if power is None else 1 << power
    if not packets:
        raise SdpError(f"crypto {tag}: bad lifetime {text[:20]!r}")
    return packets
