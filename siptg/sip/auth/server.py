"""The server's side: makes challenges, judges answers, keeps nothing for those who only ask."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote as percent_decoded

import attrs

from siptg.sip.auth.hashes import HASHES, Asked, ha1_of, parse_digest, plain
from siptg.sip.errors import ProtocolError
from siptg.sip.grammar import quote
from siptg.sip.ids import Ids

MOST_NONCES = 100_000
"""Nonces in use whose counts are remembered."""
WINDOW = 64
"""Counts that may come out of order (RFC 7616 §5.12)."""
_NC = re.compile(r"[0-9a-fA-F]{8}\Z")
_NONCE = re.compile(r"([0-9a-f]{10})([0-9a-f]{16})([0-9a-f]{32})\Z")


@attrs.frozen
class Ha1:
    """Stored instead of a password: H(user:realm:password) by algorithm (RFC 7616 §3.4.2)."""

    digests: Mapping[str, str] = attrs.field(repr=False)


@attrs.frozen
class Verdict:
    """What a server thinks of a request's credentials."""

    user: str | None
    """Who it is; None where that is not proved."""
    stale: bool = False
    """Right answer to an old nonce: challenge again, the client need not ask for a password."""
    why: str = ""
    info: str = ""
    """Authentication-Info for the answer, where there is something to say."""


@attrs.define
class _Used:
    """Counts of one nonce: the highest, and which of those below it came."""

    highest: int
    seen: int = 1


@attrs.define(eq=False)
class Digest:
    """Nonces are signed and dated, so that a challenge costs no memory; what is remembered is the
    count of those that somebody proved a password with.
    """

    realm: str
    password_of: Callable[[str], str | Ha1 | None]
    """The password of a user, or its hashes; None for an unknown one."""
    ids: Ids
    lifetime: float = 300.0
    """Seconds that a nonce lives."""
    algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    integrity: bool = False
    """Offer auth-int, too."""
    _secret: bytes = attrs.field(init=False, repr=False)
    _used: OrderedDict[str, _Used] = attrs.field(factory=OrderedDict, init=False)
    _floor: float = attrs.field(default=float("-inf"), init=False)
    """Nonces made before that are stale: their counts may be forgotten."""

    def __attrs_post_init__(self) -> None:
        self._secret = self.ids.secret()

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """One for each algorithm, best first (RFC 8760 §2.4)."""
        nonce, qop = self._nonce(now), "auth,auth-int" if self.integrity else "auth"
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm={quote(self.realm)}, nonce="{nonce}", algorithm={name}, '
            f'qop="{qop}"{tail}'
            for name in self.algorithms
        ]

    def verify(
        self, authorizations: Iterable[str], method: str, now: float, body: bytes = b""
    ) -> Verdict:
        """Judge the answers of a request. Unknown users cost what wrong passwords cost."""
        verdict = Verdict(None, why="no credentials")
        for text in authorizations:
            try:
                verdict = self._verify(parse_digest(text), method, now, body)
            except ProtocolError as error:
                verdict = Verdict(None, why=error.reason)
            if verdict.user is not None or verdict.stale:
                return verdict
        return verdict

    def _verify(self, given: dict[str, str], method: str, now: float, body: bytes) -> Verdict:
        name = given.get("algorithm", "MD5")
        if name.upper() not in self.algorithms or given.get("realm") != self.realm:
            return Verdict(None, why="another realm or algorithm")
        qop, nc = given.get("qop", "").lower(), given.get("nc", "")
        offered = ("auth", "auth-int") if self.integrity else ("auth",)
        if qop not in offered or not _NC.match(nc):
            return Verdict(None, why="no qop")
        nonce, user = given.get("nonce", ""), _user(given)
        asked = Asked(
            name, method, given.get("uri", ""), nonce, qop, nc, given.get("cnonce", ""), body
        )
        secret = self.password_of(user)
        ha1 = self._ha1(name, user, secret)
        answer = given.get("response", "").lower().encode("utf-8", "replace")
        if not hmac.compare_digest(asked.response(ha1).encode(), answer) or secret is None:
            return Verdict(None, why="wrong user or password")
        made = self._made(nonce)
        if made is None or not made <= now <= made + self.lifetime or made < self._floor:
            return Verdict(None, stale=True, why="stale nonce")
        if not self._count(nonce, made, int(nc, 16)):
            return Verdict(None, stale=True, why="a nonce count that was used")
        info = f'nextnonce="{self._nonce(now)}"' if now - made > self.lifetime / 2 else ""
        return Verdict(user, info=info)

    def _ha1(self, algorithm: str, user: str, secret: str | Ha1 | None) -> str:
        if isinstance(secret, Ha1):
            return secret.digests.get(plain(algorithm), "")
        return ha1_of(algorithm, user, self.realm, secret if secret is not None else "")

    def _nonce(self, now: float) -> str:
        dated = f"{max(0, int(now * 1000)):010x}"[-10:] + self.ids.tag()
        return dated + self._sign(dated)

    def _sign(self, dated: str) -> str:
        text = f"{dated}:{self.realm}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()[:32]

    def _made(self, nonce: str) -> float | None:
        """When we made it; None where we did not."""
        found = _NONCE.match(nonce)
        if found is None or not hmac.compare_digest(self._sign(found[1] + found[2]), found[3]):
            return None
        return int(found[1], 16) / 1000

    def _count(self, nonce: str, made: float, number: int) -> bool:
        """Take a count, once; False where it was taken, or may have been."""
        used = self._used.get(nonce)
        if used is None:
            self._used[nonce] = _Used(number)
            while len(self._used) > MOST_NONCES:
                gone, _ = self._used.popitem(last=False)
                self._floor = max(self._floor, (self._made(gone) or 0.0) + 0.001)
            return number > 0
        ahead = number - used.highest
        if ahead > 0:
            used.seen = ((used.seen << ahead) | 1) & ((1 << WINDOW) - 1) if ahead < WINDOW else 1
            used.highest = number
            return True
        if -ahead >= WINDOW or number <= 0 or used.seen >> -ahead & 1:
            return False
        used.seen |= 1 << -ahead
        return True


def _user(given: Mapping[str, str]) -> str:
    extended = given.get("username*")
    if extended is None:
        return given.get("username", "")
    charset, _, text = extended.partition("''")
    return percent_decoded(text) if charset.upper() == "UTF-8" else ""


def algorithms() -> tuple[str, ...]:
    """All that can be offered here, best first."""
    return tuple(HASHES)
