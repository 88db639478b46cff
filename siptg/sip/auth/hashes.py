"""What both sides of Digest compute and read (RFC 7616 §3.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.grammar import split, unquote


def _hasher(name: str) -> Callable[[bytes], str]:
    def digest(data: bytes) -> str:
        return hashlib.new(name, data, usedforsecurity=False).hexdigest()

    return digest


_KNOWN = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
HASHES = {
    name: _hasher(inner) for name, inner in _KNOWN.items() if inner in hashlib.algorithms_available
}
"""By strength, best first; those that this machine's library has."""
STRENGTH = {name: n for n, name in enumerate(HASHES)}


def plain(algorithm: str) -> str:
    """The hash of an algorithm, `-sess` taken off."""
    return algorithm.upper().removesuffix("-SESS")


@attrs.frozen
class Asked:
    """What a digest covers, but for the secret (RFC 7616 §3.4.1)."""

    algorithm: str
    method: str
    uri: str
    nonce: str
    qop: str = ""
    nc: str = ""
    cnonce: str = ""
    body: bytes = b""

    @property
    def hash(self) -> Callable[[bytes], str]:
        return HASHES[plain(self.algorithm)]

    def response(self, ha1: str) -> str:
        """`request-digest`; without qop as in RFC 2069."""
        return self._with(ha1, f"{self.method}:{self.uri}")

    def rspauth(self, ha1: str, body: bytes) -> str:
        """What the server proves in return (RFC 7616 §3.5)."""
        return attrs.evolve(self, body=body)._with(ha1, f":{self.uri}")

    def _with(self, ha1: str, a2: str) -> str:
        digest = self.hash
        if self.algorithm.upper().endswith("-SESS"):
            ha1 = digest(f"{ha1}:{self.nonce}:{self.cnonce}".encode())
        if self.qop == "auth-int":
            a2 = f"{a2}:{digest(self.body)}"
        ha2 = digest(a2.encode("utf-8", "surrogateescape"))
        middle = f"{self.nonce}:{self.nc}:{self.cnonce}:{self.qop}" if self.qop else self.nonce
        return digest(f"{ha1}:{middle}:{ha2}".encode("utf-8", "surrogateescape"))


def ha1_of(algorithm: str, user: str, realm: str, password: str) -> str:
    text = f"{user}:{realm}:{password}"
    return HASHES[plain(algorithm)](text.encode("utf-8", "surrogateescape"))


def parse_digest(text: str) -> dict[str, str]:
    """The parameters of a Digest challenge or answer; ProtocolError for another scheme or
    garbage.
    """
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest":
        raise ProtocolError(f"the scheme {scheme[:20]!r} is not Digest")
    return parse_pairs(rest)


def parse_pairs(text: str) -> dict[str, str]:
    """`a=1, b="2"`, as in Authentication-Info; the first of a name counts."""
    found: dict[str, str] = {}
    for part in split(text, ","):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), unquote(value.strip()))
    return found
