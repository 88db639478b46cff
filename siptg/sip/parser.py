"""From bytes to messages (RFC 3261 §7, §18.3): strict where it decides something, lenient
elsewhere.
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.fields import METHODS, parse_number
from siptg.sip.grammar import METHOD, TOKEN
from siptg.sip.headers import Headers, key_of, known_key
from siptg.sip.message import Message, Request, Response


@attrs.frozen
class Limits:
    """What a peer may ask of us."""

    size: int = 65_535
    """Bytes of a message."""
    headers: int = 256
    line: int = 8_192
    """Characters of one header, folded lines together."""
    transactions: int = 20_000
    dialogs: int = 10_000


LIMITS = Limits()
_ORDER = ("via", "from", "to", "call-id", "cseq")
MANDATORY = frozenset(_ORDER)
ONCE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type")
"""Headers that may not stand twice (RFC 3261 §7.3.1)."""

_BARE_ZERO = re.compile(rb"(?<!\\)\x00")
"""With a backslash before it, it may stand in a quoted string (RFC 4475 §3.1.1.2)."""
_STATUS = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: (.*))?\Z", re.I)


def is_keepalive(data: bytes) -> bool:
    """Nothing but line ends and zero bytes: what keeps a NAT open (RFC 5626 §3.5.1)."""
    return not data.strip(b"\r\n\x00 ")


def parse(data: bytes, limits: Limits = LIMITS) -> Message:
    """One datagram as a message. ProtocolError carries the status to answer with and says why.

    Header values are looked at when they are touched; only what every message needs is checked.
    """
    if len(data) > limits.size:
        raise ProtocolError(f"{len(data)} bytes, {limits.size} at most", 513)
    head, end, body = data.partition(b"\r\n\r\n")
    if not end or data.startswith((b"\r", b"\n")):
        head, body = _halves(data.lstrip(b"\r\n"))
    if b"\x00" in head and _BARE_ZERO.search(head):
        raise ProtocolError("a zero byte in the head")
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    if not len(lines) - 1 == head.count(b"\n") == head.count(b"\r"):
        raise ProtocolError("a carriage return or line feed alone in the head")
    first = lines.pop(0)
    keys: list[Any] = [known_key(line[: line.find(":") + 1]) for line in lines]
    if None in keys or len(head) > limits.line:
        keys = _long_way(lines, limits)
    if len(lines) > limits.headers:
        raise ProtocolError(f"{len(lines)} headers, {limits.headers} at most")
    seen = set(keys)
    if not seen >= MANDATORY:
        raise ProtocolError(f"no {next(key for key in _ORDER if key not in seen)}")
    if len(keys) - len(seen) >= keys.count("via"):  # something other than Via stands twice
        for key in ONCE:
            if key in seen and keys.count(key) > 1:
                raise ProtocolError(f"{key} stands twice")
    headers = Headers.from_lines(keys, lines)
    if "content-length" in seen:
        length = lines[keys.index("content-length")].partition(":")[2].strip()
        if length != str(len(body)):
            body = _cut(body, length)
    if first.startswith("SIP/") or first[:4].upper() == "SIP/":
        return _response(first, headers, body)
    return _request(first, headers, body)


def _long_way(lines: list[str], limits: Limits) -> list[str]:
    """Keys of headers of which one is folded, unknown, very long or none at all; changes `lines`
    where they were folded.
    """
    if any(line[:1] in (" ", "\t") for line in lines):
        whole: list[str] = []
        for line in lines:
            if line[:1] in (" ", "\t") and whole:
                whole[-1] += " " + line.lstrip(" \t")
                if len(whole[-1]) > limits.line:
                    break  # said below; joining on would cost the square of its length
            else:
                whole.append(line)
        lines[:] = whole
    keys = []
    for line in lines:
        name, colon, _ = line.partition(":")
        if len(line) > limits.line:
            raise ProtocolError(f"a header of {len(line)} characters")
        if not colon or not TOKEN.fullmatch(name.rstrip(" \t")):
            raise ProtocolError(f"not a header: {line[:60]!r}")
        keys.append(key_of(name))
    return keys


def _halves(data: bytes) -> tuple[bytes, bytes]:
    """Head and body; bare line feeds are taken for line ends where no CRLF ends the head."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        if b"\r\n" in data:
            head, body = data.removesuffix(b"\r\n"), b""
        else:
            head, _, body = data.partition(b"\n\n")
            head = head.rstrip(b"\n").replace(b"\n", b"\r\n")
    return head, body


def _cut(body: bytes, length: str) -> bytes:
    """Content-Length in a datagram: more bytes are dropped, fewer are an error (§18.3)."""
    size = parse_number("Content-Length", length)
    if size > len(body):
        raise ProtocolError(f"Content-Length {size}, but only {len(body)} bytes came")
    return body[:size]


def _request(first: str, headers: Headers, body: bytes) -> Request:
    method, _, rest = first.partition(" ")
    target, _, version = rest.partition(" ")
    if not (method in METHODS or METHOD.match(method)) or not target or " " in version:
        raise ProtocolError(f"bad request line {first[:60]!r}")
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":
        status = 505 if re.fullmatch(r"SIP/\d+\.\d+", version, re.I) else 400
        raise ProtocolError(f"version {version[:20]!r}", status)
    request = Request(method, target, headers, body)
    if request.cseq.method != method:
        raise ProtocolError(f"a {method[:20]} whose CSeq says {request.cseq.method[:20]}")
    return request


def _response(first: str, headers: Headers, body: bytes) -> Response:
    found = _STATUS.match(first)
    if found is None:
        raise ProtocolError(f"bad status line {first[:60]!r}")
    return Response(int(found[1]), found[2] or "", headers, body)
