"""Addresses: SIP, SIPS and tel URIs, and the name-addr around them (RFC 3261 §19.1, §20.10)."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote as percent_decoded

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.grammar import SCHEME, TOKEN, USUAL_PORT, is_host, quote, split, unquote
from siptg.sip.params import NONE, Params

DEFAULT_PORTS = {"sip": 5060, "sips": 5061}
_TEL = re.compile(r"\+?[0-9A-Fa-f*#\-.()]+\Z")
_SIP = re.compile(
    r"(sips?):(?:([^@]*)@)?(\[[^\]]*\]|[^:;?\s]*)(?::([0-9]*))?(;[^?]*)?(\?.*)?\Z", re.I
)
_USUAL = (
    r"""(sips?):(?:([^@:\s<>"]+)@)?([A-Za-z0-9][A-Za-z0-9\-_.]{0,252})(?::"""
    + USUAL_PORT
    + r""")?(?:;([^?\s<>"]*))?"""
)
_PLAIN = re.compile(_USUAL + r"\Z")
_PLAIN_ADDRESS = re.compile(
    r"""(?:"([^"\\]+)" ?|([A-Za-z0-9\-.!%*_+`'~]+) )?<([^\s<>"]+)>"""
    r"""(?:;tag=([A-Za-z0-9\-.!%*_+`'~]+))?\Z"""
)
"""As nearly all are written; the others go the long way."""


@attrs.define(unsafe_hash=True)  # a value, as those of `fields`
class Uri:
    """An address. `str()` writes it as it is sent."""

    scheme: str
    """`sip`, `sips`, `tel`, or another, whose whole text is then in `host`."""
    user: str | None
    """As it stands in the URI, escapes kept."""
    host: str
    """Host name or address, IPv6 in brackets; of a tel URI the number."""
    port: int | None = None
    params: Params = NONE
    headers: str = ""
    """What follows the question mark."""
    password: str | None = attrs.field(default=None, repr=False)
    _text: str | None = attrs.field(default=None, init=False, eq=False, repr=False)
    """As it is written, once somebody asked."""

    @classmethod
    def parse(cls, text: str) -> Uri:
        """ProtocolError 400 for what is no URI; unknown schemes are kept, for 416."""
        plain = _PLAIN.match(text)
        if plain is not None:
            scheme, user, host, digits, rest = plain.groups()
            return cls(
                scheme,
                user,
                host,
                int(digits) if digits else None,
                Params.parse(rest) if rest else NONE,
            )
        found = _SIP.match(text)
        if found is None:
            return cls._parse_other(text)
        scheme, userinfo, host, port, params, headers = found.groups()
        user = password = None
        if userinfo is not None:
            user, colon, secret = userinfo.partition(":")
            password = secret if colon else None
            if not user or any(c in userinfo for c in ' <>"\r\n\t'):
                raise ProtocolError(f"bad user part in {text[:60]!r}")
        if not is_host(host):
            raise ProtocolError(f"bad host in {text[:60]!r}")
        number = None
        if port is not None:
            if not port or len(port) > 5 or not 0 < int(port) < 65_536:
                raise ProtocolError(f"bad port in {text[:60]!r}")
            number = int(port)
        parsed = NONE
        if params:
            if any(c in params for c in ' <>"\r\n\t'):
                raise ProtocolError(f"bad parameters in {text[:60]!r}")
            parsed = Params.parse(params[1:])
        return cls(
            scheme.lower(), user, host, number, parsed, headers[1:] if headers else "", password
        )

    @classmethod
    def _parse_other(cls, text: str) -> Uri:
        scheme, colon, rest = text.partition(":")
        if not colon or not SCHEME.match(scheme) or not rest or re.search(r"[\s<>\"]", text):
            raise ProtocolError(f"not a URI: {text[:60]!r}")
        scheme = scheme.lower()
        if scheme in DEFAULT_PORTS:
            raise ProtocolError(f"bad SIP URI: {text[:60]!r}")
        if scheme == "tel":
            number, _, params = rest.partition(";")
            if not _TEL.match(number):
                raise ProtocolError(f"bad telephone number in {text[:60]!r}")
            return cls("tel", None, number, None, Params.parse(params) if params else NONE)
        return cls(scheme, None, rest)

    @property
    def address(self) -> tuple[str, int]:
        """Host (brackets off) and port, the scheme's own where none is given."""
        return self.host.strip("[]"), self.port or DEFAULT_PORTS.get(self.scheme, 5060)

    def without_headers(self) -> Uri:
        """As it may stand in a request line (§19.1.1)."""
        return attrs.evolve(self, headers="") if self.headers else self

    def with_params(self, **more: str | None) -> Uri:
        return attrs.evolve(self, params=self.params.with_(**more))

    def equals(self, other: Uri) -> bool:
        """Equality of RFC 3261 §19.1.4: users with case, hosts without, escapes decoded, and
        user, ttl, method, maddr and transport must agree; others only where both have them.
        """
        if self.scheme not in DEFAULT_PORTS:
            return self.scheme == other.scheme and _digits(self.host) == _digits(other.host)
        ours_at = self.scheme, self.host.lower(), self.port
        if ours_at != (other.scheme, other.host.lower(), other.port):
            return False
        ours = [percent_decoded(part or "") for part in (self.user, self.password)]
        if ours != [percent_decoded(part or "") for part in (other.user, other.password)]:
            return False
        a, b = _decoded(self.params), _decoded(other.params)
        decisive = {"user", "ttl", "method", "maddr", "transport"}
        for name in (a.keys() & b.keys()) | ((a.keys() | b.keys()) & decisive):
            if name not in a or name not in b or a[name] != b[name]:
                return False
        return sorted(self.headers.split("&")) == sorted(other.headers.split("&"))

    def __str__(self) -> str:
        if self._text is None:
            self._text = self._written()
        return self._text

    def _written(self) -> str:
        if self.scheme not in DEFAULT_PORTS:
            return f"{self.scheme}:{self.host}{self.params}"
        user = ""
        if self.user is not None:
            user = f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.host}{port}{self.params}{headers}"


known_uri = lru_cache(2048)(Uri.parse)
"""URIs are values, and the same ones come again and again: a tag is new each time, who calls whom
is not. Bounded, so that a peer who never repeats costs no memory.
"""


def _decoded(params: Params) -> dict[str, str]:
    pairs = params.items()
    return {percent_decoded(n).lower(): percent_decoded(v or "").lower() for n, v in pairs}


def _digits(number: str) -> str:
    return re.sub(r"[\-.()]", "", number).lower()


@attrs.define(unsafe_hash=True)
class NameAddr:
    """`"Alice" <sip:alice@example.com>;tag=1`: From, To, Contact, Route and their like."""

    uri: Uri
    display_name: str | None = None
    params: Params = NONE
    """Of the header field, behind the brackets."""
    tag: str | None = attrs.field(init=False, eq=False, repr=False)
    """Read twenty times a call, and therefore no property."""

    def __attrs_post_init__(self) -> None:
        self.tag = self.params.get("tag") if self.params is not NONE else None

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """ProtocolError says what is wrong. Without brackets, parameters belong to the header."""
        plain = _PLAIN_ADDRESS.match(text)
        if plain is not None:
            quoted, bare, spec, tag = plain.groups()
            return cls(known_uri(spec), quoted or bare, Params.made(("tag", tag)) if tag else NONE)
        opening = text.find("<") if '"' not in text else _bracket(text := text.strip())
        if opening < 0:
            text = text.strip()
            spec, semicolon, params = text.partition(";")
            if "," in spec or "?" in spec:
                raise ProtocolError(
                    f"an address with a comma or question mark wants brackets: {text[:60]!r}"
                )
            parsed = Params.parse(params) if semicolon else NONE
            return cls(Uri.parse(spec.strip()), None, parsed)
        closing = text.find(">", opening)
        if closing < 0:
            raise ProtocolError(f"no closing bracket in {text[:60]!r}")
        uri = Uri.parse(text[opening + 1 : closing])
        name = _display(text[:opening].strip()) if opening else None
        rest = text[closing + 1 :].strip()
        if not rest:
            return cls(uri, name)
        if rest[0] != ";":
            raise ProtocolError(f"{rest[:20]!r} behind an address")
        return cls(uri, name, Params.parse(rest[1:]))

    @classmethod
    def parse_many(cls, text: str) -> list[NameAddr]:
        """A list with commas, as Contact and Route have it."""
        return [cls.parse(part) for part in split(text, ",") if part]

    def with_tag(self, tag: str) -> NameAddr:
        others = self.params.without("tag").items() if self.params is not NONE else ()
        params = Params.made(*others, ("tag", tag))
        return NameAddr(self.uri, self.display_name, params)

    def __str__(self) -> str:
        name = ""
        if self.display_name:
            if "\r" in self.display_name or "\n" in self.display_name:
                raise ProtocolError("a display name with a line break")
            name = quote(self.display_name) + " "
        return f"{name}<{self.uri}>{self.params}"


def _bracket(text: str) -> int:
    """Where the opening bracket is, not counting one in a quoted name; -1 without one."""
    if not text.startswith('"'):
        return text.find("<")
    n = text.find('"', 1)
    if "\\" in text[:n]:
        n = 1
        while n < len(text) and text[n] != '"':
            n += 2 if text[n] == "\\" else 1
    if not 0 < n < len(text):
        raise ProtocolError(f"no closing quote in {text[:60]!r}")
    return text.find("<", n)


def _display(name: str) -> str | None:
    if not name:
        return None
    if name[0] == '"':
        if len(name) < 2 or name[-1] != '"':
            raise ProtocolError(f"bad display name {name[:40]!r}")
        return unquote(name)
    if not all(TOKEN.fullmatch(word) or not word.isascii() for word in name.split()):
        raise ProtocolError(f"a display name that wants quotes: {name[:40]!r}")
    return name
