"""The client's side: answers challenges, remembers them, proves itself before it is asked."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from urllib.parse import quote as percent_encoded

import attrs

from siptg.sip.auth.hashes import HASHES, STRENGTH, Asked, ha1_of, parse_digest, parse_pairs, plain
from siptg.sip.errors import ProtocolError
from siptg.sip.grammar import quote
from siptg.sip.ids import Ids
from siptg.sip.message import Request, Response

MOST_REALMS = 8
_ANSWERS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}
"""By status: where the challenges stand, and where their answers go (§22.2, §22.3)."""
_INFO = {"Authorization": "Authentication-Info", "Proxy-Authorization": "Proxy-Authentication-Info"}


@attrs.frozen
class Credentials:
    """Who we are to a server."""

    username: str
    password: str = attrs.field(repr=False)


@attrs.define(eq=False)
class _Protection:
    """One protection space: the challenge of a realm, and how often its nonce was used."""

    challenge: dict[str, str]
    count: int = 0
    last: Asked | None = None
    """What our last answer covered, for the proof that comes back."""


@attrs.define(eq=False)
class Client:
    """Of one set of credentials. Each realm's challenge is kept, so that the next request need not
    be challenged again (RFC 7616 §3.6).
    """

    credentials: Credentials
    ids: Ids
    _spaces: dict[tuple[str, str], _Protection] = attrs.field(factory=dict)
    """By header name and realm."""

    def take(self, response: Response) -> bool:
        """Learn the challenges of a 401 or 407; False where none of them can be met."""
        names = _ANSWERS.get(response.status)
        if names is None:
            return False
        best = best_of(response.headers.get_all(names[0]))
        for realm, challenge in best.items():
            if len(self._spaces) >= MOST_REALMS and (names[1], realm) not in self._spaces:
                break
            self._spaces[names[1], realm] = _Protection(challenge)
        return bool(best)

    def authorize(self, request: Request) -> None:
        """Put answers to all known challenges into a request, with counts that were not used."""
        request.headers.remove(*_INFO)
        for (header, _), space in self._spaces.items():
            value = self._value(space, request.method, str(request.uri), request.body)
            request.headers.add(header, value)

    def confirm(self, response: Response) -> bool:
        """A 2xx: take its next nonce. False where it claims to know our password and does not
        (RFC 7616 §3.5).
        """
        right = True
        for (header, realm), space in self._spaces.items():
            text = response.headers.get(_INFO[header])
            if text is None:
                continue
            info = parse_pairs(text)
            if "rspauth" in info and space.last is not None:
                proof = space.last.rspauth(self._ha1(space.last.algorithm, realm), response.body)
                right &= hmac.compare_digest(proof, info["rspauth"].lower())
            if info.get("nextnonce"):
                space.challenge = space.challenge | {"nonce": info["nextnonce"]}
                space.count = 0
        return right

    def answer(
        self, challenges: Iterable[str], method: str, uri: str, body: bytes = b""
    ) -> str | None:
        """One (Proxy-)Authorization for the best of these challenges; None without one."""
        best = best_of(challenges)
        if not best:
            return None
        challenge = min(best.values(), key=_rank)
        return self._value(_Protection(challenge), method, uri, body)

    def _ha1(self, algorithm: str, realm: str) -> str:
        return ha1_of(algorithm, self.credentials.username, realm, self.credentials.password)

    def _value(self, space: _Protection, method: str, uri: str, body: bytes) -> str:
        challenge, name = space.challenge, space.challenge.get("algorithm", "MD5")
        realm, qop, nc, cnonce = challenge.get("realm", ""), "", "", ""
        session = name.upper().endswith("-SESS")
        if "qop" in challenge:
            offered = _qops(challenge)
            qop = "auth" if "auth" in offered else "auth-int"
            space.count += 1
            nc = f"{space.count:08x}"
        if qop or session:
            cnonce = self.ids.cnonce()
        asked = Asked(name, method, uri, challenge["nonce"], qop, nc, cnonce, body)
        space.last = asked
        parts = [
            *self._name(challenge, asked),
            f"realm={quote(realm)}",
            f"nonce={quote(asked.nonce)}",
            f"uri={quote(uri)}",
            f'response="{asked.response(self._ha1(name, realm))}"',
        ]
        if "algorithm" in challenge:
            parts.append(f"algorithm={name}")
        if qop:
            parts += [f"qop={qop}", f"nc={nc}"]
        if cnonce:
            parts.append(f'cnonce="{cnonce}"')
        if "opaque" in challenge:
            parts.append(f"opaque={quote(challenge['opaque'])}")
        return "Digest " + ", ".join(parts)

    def _name(self, challenge: dict[str, str], asked: Asked) -> list[str]:
        """The user's name: hashed where the server wants that, marked where it is not ASCII
        (RFC 7616 §3.4.4).
        """
        user, realm = self.credentials.username, challenge.get("realm", "")
        if challenge.get("userhash", "").lower() == "true":
            return [f'username="{asked.hash(f"{user}:{realm}".encode())}"', "userhash=true"]
        if user.isascii():
            return [f"username={quote(user)}"]
        return [f"username*=UTF-8''{percent_encoded(user, safe='')}"]


def best_of(challenges: Iterable[str]) -> dict[str, dict[str, str]]:
    """The strongest challenge of each realm that we can meet (RFC 8760 §2.4)."""
    best: dict[str, dict[str, str]] = {}
    for text in challenges:
        try:
            challenge = parse_digest(text)
        except ProtocolError:
            continue  # a scheme of no use to us; others may follow
        name = plain(challenge.get("algorithm", "MD5"))
        usable = "qop" not in challenge or _qops(challenge) & {"auth", "auth-int"}
        if name not in HASHES or not usable or "nonce" not in challenge:
            continue
        realm = challenge.get("realm", "")
        if realm not in best or _rank(challenge) < _rank(best[realm]):
            best[realm] = challenge
    return best


def _rank(challenge: dict[str, str]) -> int:
    return STRENGTH[plain(challenge.get("algorithm", "MD5"))]


def _qops(challenge: dict[str, str]) -> set[str]:
    return {qop.strip().lower() for qop in challenge["qop"].split(",")}
