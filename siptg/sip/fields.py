"""Values of single header fields: Via, CSeq, and the numbers and lists that several share.

Values are never changed, though attrs does not forbid it: a frozen class would cost three times as
much to make, and a busy server makes some of them for each message.
"""

from __future__ import annotations

import re

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.grammar import METHOD, TOKEN, USUAL_PORT, is_host
from siptg.sip.params import NONE, Params

_VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9\-]+)\s+(\[[^\]]*\]|[^:;\s\[\]]+)\s*(?::\s*(\d{1,5}))?\s*(?:;(.*))?\Z",
    re.I | re.S,
)
_PLAIN_VIA = re.compile(
    r"SIP/2\.0/([A-Z]+) ([A-Za-z0-9][A-Za-z0-9\-_.]{0,252})(?::" + USUAL_PORT + r")?"
    r";branch=([A-Za-z0-9\-.!%*_+`'~]+)(;rport)?\Z"
)
"""As nearly all are written; the others go the long way."""
_CSEQ = re.compile(r"(\d{1,10})\s+(\S+)\Z")
MAX_SEQUENCE = 2**31 - 1
METHODS = frozenset(
    (
        "INVITE",
        "ACK",
        "CANCEL",
        "BYE",
        "OPTIONS",
        "INFO",
        "REGISTER",
        "MESSAGE",
        "SUBSCRIBE",
        "NOTIFY",
        "REFER",
        "UPDATE",
        "PRACK",
        "PUBLISH",
    )
)
"""All that RFCs define."""


@attrs.define(unsafe_hash=True)
class Via:
    """Where a request went through (RFC 3261 §20.42)."""

    transport: str
    host: str
    port: int | None = None
    params: Params = NONE

    @classmethod
    def parse(cls, text: str) -> Via:
        plain = _PLAIN_VIA.match(text)
        if plain is not None:
            transport, host, digits, branch, rport = plain.groups()
            first = "branch", branch
            params = Params.made(first, ("rport", None)) if rport else Params.made(first)
            return cls(transport, host, int(digits) if digits else None, params)
        found = _VIA.match(text.strip())
        if found is None or not is_host(found[2]):
            raise ProtocolError(f"bad Via {text[:60]!r}")
        transport, host, digits, rest = found.groups()
        port = int(digits) if digits else None
        if port is not None and not 0 < port < 65_536:
            raise ProtocolError(f"bad port in Via {text[:60]!r}")
        return cls(transport.upper(), host, port, Params.parse(rest) if rest else NONE)

    @property
    def known_port(self) -> int:
        """That of sent-by, or its transport's own."""
        return self.port or (5061 if self.transport == "TLS" else 5060)

    @property
    def branch(self) -> str | None:
        return self.params.get("branch")

    @property
    def received(self) -> str | None:
        return self.params.get("received")

    @property
    def rport(self) -> int | None:
        """RFC 3581: the port it came from, where a server filled it in."""
        text = self.params.get("rport", "")
        return int(text) if text and text.isdigit() and 0 < int(text) < 65_536 else None

    @property
    def sent_by(self) -> tuple[str, int]:
        return self.host.strip("[]").lower(), self.known_port

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{self.params}"


@attrs.define(unsafe_hash=True)
class CSeq:
    """Sequence number and method (RFC 3261 §20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        digits, _, method = text.partition(" ")
        if method in METHODS and digits.isascii() and digits.isdigit() and len(digits) < 10:
            return cls(int(digits), method)
        found = _CSEQ.match(text.strip())
        if found is None or int(found[1]) > MAX_SEQUENCE or not METHOD.match(found[2]):
            raise ProtocolError(f"bad CSeq {text[:60]!r}")
        return cls(int(found[1]), found[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def parse_number(name: str, text: str, most: int = 2**32 - 1) -> int:
    """A bare number, as in Max-Forwards and Expires."""
    plain = text.strip()
    if not plain.isascii() or not plain.isdigit() or len(plain) > 10 or int(plain) > most:
        raise ProtocolError(f"bad {name}: {text[:40]!r}")
    return int(plain)


def parse_tokens(values: list[str]) -> list[str]:
    """The tokens of lists with commas, as in Allow, Supported, Require."""
    parts = [part.strip() for value in values for part in value.split(",")]
    bad = next((part for part in parts if part and not TOKEN.fullmatch(part)), None)
    if bad is not None:
        raise ProtocolError(f"not a token: {bad[:40]!r}")
    return [part for part in parts if part]
