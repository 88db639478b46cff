"""Digest authentication, both sides: MD5 and SHA-256, qop auth (RFC 3261 §22, 7616, 8760)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.grammar import quote, split, unquote
from siptg.sip.ids import Ids

HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""By strength, best first."""

MAX_NONCES = 10_000


@attrs.frozen
class Credentials:
    """Who we are to a server."""

    username: str
    password: str = attrs.field(repr=False)


def parse_digest(text: str) -> dict[str, str]:
    """The parameters of a Digest challenge or answer; ProtocolError for another scheme or
    garbage.
    """
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest":
        raise ProtocolError(f"the scheme {scheme[:20]!r} is not Digest")
    found: dict[str, str] = {}
    for part in split(rest, ","):
        name, equals, value = part.partition("=")
        if equals:
            found[name.strip().lower()] = unquote(value.strip())
    return found


def _response(
    algorithm: str, ha1_of: str, method: str, uri: str, nonce: str, qop: str, nc: str, cnonce: str
) -> str:
    """`request-digest` of RFC 7616 §3.4.1; without qop as in RFC 2069."""
    digest = HASHES[algorithm]
    ha1 = digest(ha1_of.encode("utf-8", "surrogateescape"))
    ha2 = digest(f"{method}:{uri}".encode("utf-8", "surrogateescape"))
    middle = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
    return digest(f"{ha1}:{middle}:{ha2}".encode("utf-8", "surrogateescape"))


@attrs.define(eq=False)
class Client:
    """Answers challenges with one set of credentials, counting each nonce (RFC 7616 §3.4)."""

    credentials: Credentials
    ids: Ids
    _counts: OrderedDict[str, int] = attrs.field(factory=OrderedDict)

    def answer(self, challenges: Iterable[str], method: str, uri: str) -> str | None:
        """The value of (Proxy-)Authorization for the best challenge we can meet; None
        without one.
        """
        able: dict[str, dict[str, str]] = {}
        for text in challenges:
            try:
                challenge = parse_digest(text)
            except ProtocolError:
                continue  # a scheme of no use to us; others may follow
            name = challenge.get("algorithm", "MD5").upper()
            offers = challenge.get("qop")
            usable = offers is None or "auth" in [q.strip().lower() for q in offers.split(",")]
            if name in HASHES and usable and "nonce" in challenge:
                able.setdefault(name, challenge)
        best = next((able[name] for name in HASHES if name in able), None)
        return None if best is None else self._answer(best, method, uri)

    def _answer(self, challenge: dict[str, str], method: str, uri: str) -> str:
        name = challenge.get("algorithm", "MD5").upper()
        realm, nonce = challenge.get("realm", ""), challenge["nonce"]
        user, password = self.credentials.username, self.credentials.password
        qop, nc, cnonce = "", "", ""
        if "qop" in challenge:
            count = self._counts.pop(nonce, 0) + 1
            self._counts[nonce] = count
            while len(self._counts) > 16:
                self._counts.popitem(last=False)
            qop, nc, cnonce = "auth", f"{count:08x}", self.ids.cnonce()
        response = _response(
            name, f"{user}:{realm}:{password}", method, uri, nonce, qop, nc, cnonce
        )
        parts = [
            f"username={quote(user)}",
            f"realm={quote(realm)}",
            f"nonce={quote(nonce)}",
            f"uri={quote(uri)}",
            f'response="{response}"',
        ]
        if "algorithm" in challenge:
            parts.append(f"algorithm={name}")
        if qop:
            parts += [f"qop={qop}", f"nc={nc}", f'cnonce="{cnonce}"']
        if "opaque" in challenge:
            parts.append(f"opaque={quote(challenge['opaque'])}")
        return "Digest " + ", ".join(parts)


@attrs.frozen
class Verdict:
    """What a server thinks of a request's credentials."""

    user: str | None
    """Who it is; None where that is not proved."""
    stale: bool = False
    """Right answer to an old nonce: challenge again, the client need not ask for a password."""
    why: str = ""


@attrs.define(eq=False)
class Digest:
    """The server's side: makes challenges and judges answers."""

    realm: str
    password_of: Callable[[str], str | None]
    """The password of a user; None for an unknown one."""
    ids: Ids
    lifetime: float = 300.0
    """Seconds that a nonce lives."""
    algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    _nonces: OrderedDict[str, tuple[float, int]] = attrs.field(factory=OrderedDict)

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """One a algorithm, best first (RFC 8760 §2.4)."""
        nonce = self.ids.nonce()
        self._nonces[nonce] = now, 0
        while len(self._nonces) > MAX_NONCES:
            self._nonces.popitem(last=False)
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm={quote(self.realm)}, nonce="{nonce}", algorithm={name}, qop="auth"{tail}'
            for name in self.algorithms
        ]

    def verify(self, authorizations: Iterable[str], method: str, now: float) -> Verdict:
        """Judge the answers of a request. Unknown users cost what wrong passwords cost."""
        verdict = Verdict(None, why="no credentials")
        for text in authorizations:
            try:
                verdict = self._verify(parse_digest(text), method, now)
            except ProtocolError as error:
                verdict = Verdict(None, why=error.reason)
            if verdict.user is not None or verdict.stale:
                return verdict
        return verdict

    def _verify(self, given: dict[str, str], method: str, now: float) -> Verdict:
        name = given.get("algorithm", "MD5").upper()
        if name not in self.algorithms or given.get("realm") != self.realm:
            return Verdict(None, why="another realm or algorithm")
        nonce, user, nc = given.get("nonce", ""), given.get("username", ""), given.get("nc", "")
        if given.get("qop", "").lower() != "auth" or not re.fullmatch(r"[0-9a-fA-F]{8}", nc):
            return Verdict(None, why="no qop")
        password = self.password_of(user)
        secret = f"{user}:{self.realm}:{password if password is not None else ''}"
        right = _response(
            name, secret, method, given.get("uri", ""), nonce, "auth", nc, given.get("cnonce", "")
        )
        answer = given.get("response", "").encode("utf-8", "replace")
        if not hmac.compare_digest(right.encode(), answer) or password is None:
            return Verdict(None, why="wrong user or password")
        made, seen = self._nonces.get(nonce, (0.0, 0))
        if nonce not in self._nonces or now - made > self.lifetime:
            return Verdict(None, stale=True, why="stale nonce")
        if int(nc, 16) <= seen:
            return Verdict(None, stale=True, why="a nonce count that was used")
        self._nonces[nonce] = made, int(nc, 16)
        return Verdict(user)
