"""From bytes to messages (RFC 3261 §7, §18.3): strict where it decides something, lenient
elsewhere.
"""

from __future__ import annotations

import re

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.fields import parse_number
from siptg.sip.grammar import METHOD
from siptg.sip.headers import Headers, key_of
from siptg.sip.message import Message, Request, Response
from siptg.sip.uri import Uri


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
MANDATORY = ("via", "from", "to", "call-id", "cseq")
ONCE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type")
"""Headers that may not stand twice (RFC 3261 §7.3.1)."""

_FOLD = re.compile(r"\r\n[ \t]+")
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
    head, body = _halves(data.lstrip(b"\r\n"))
    text = head.decode("utf-8", "surrogateescape")
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    first, *lines = text.split("\r\n")
    if len(lines) > limits.headers:
        raise ProtocolError(f"{len(lines)} headers, {limits.headers} at most")
    keys = []
    for line in lines:
        name, colon, _ = line.partition(":")
        if not colon or not name or len(line) > limits.line:
            raise ProtocolError(
                f"not a header: {line[:60]!r}"
                if len(line) <= limits.line
                else f"a header of {len(line)} characters"
            )
        keys.append(key_of(name))
    for key in MANDATORY:
        if key not in keys:
            raise ProtocolError(f"no {key}")
    if len(set(keys)) < len(keys):
        for key in ONCE:
            if keys.count(key) > 1:
                raise ProtocolError(f"{key} stands twice")
    headers = Headers.from_lines(keys, lines)
    if "content-length" in keys:
        body = _cut(body, headers.get("Content-Length") or "")
    if first[:4].upper() == "SIP/":
        return _response(first, headers, body)
    return _request(first, headers, body)


def _halves(data: bytes) -> tuple[bytes, bytes]:
    """Head and body; bare line feeds are taken for line ends where no CRLF ends the head."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        if b"\r\n" in data:
            head, body = data.removesuffix(b"\r\n"), b""
        else:
            head, _, body = data.partition(b"\n\n")
            head = head.rstrip(b"\n").replace(b"\n", b"\r\n")
    if b"\x00" in head:
        raise ProtocolError("a zero byte in the head")
    return head, body


def _cut(body: bytes, length: str) -> bytes:
    """Content-Length in a datagram: more bytes are dropped, fewer are an error (§18.3)."""
    size = parse_number("Content-Length", length)
    if size > len(body):
        raise ProtocolError(f"Content-Length {size}, but only {len(body)} bytes came")
    return body[:size]


def _request(first: str, headers: Headers, body: bytes) -> Request:
    parts = first.split(" ")
    if len(parts) != 3 or not METHOD.match(parts[0]):
        raise ProtocolError(f"bad request line {first[:60]!r}")
    method, target, version = parts
    if version.upper() != "SIP/2.0":
        status = 505 if re.fullmatch(r"SIP/\d+\.\d+", version, re.I) else 400
        raise ProtocolError(f"version {version[:20]!r}", status)
    request = Request(method, Uri.parse(target), headers, body)
    if request.cseq.method != method:
        raise ProtocolError(f"a {method[:20]} whose CSeq says {request.cseq.method[:20]}")
    return request


def _response(first: str, headers: Headers, body: bytes) -> Response:
    found = _STATUS.match(first)
    if found is None:
        raise ProtocolError(f"bad status line {first[:60]!r}")
    return Response(int(found[1]), found[2] or "", headers, body)
