"""From bytes to messages (RFC 3261 §7, §18.3): strict where it decides something, lenient
elsewhere.
"""

from __future__ import annotations

import re
from typing import cast

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.fields import METHODS, parse_number
from siptg.sip.grammar import METHOD, TOKEN
from siptg.sip.headers import Headers, Pair
from siptg.sip.message import Message, Request, Response


@attrs.frozen
class Limits:
    """What a peer may ask of us."""

    size: int = 65_535
    """Bytes of a message."""
    headers: int = 256
    line: int = 8_192
    """Characters of one header, folded lines together."""
    transactions: int = 200_000
    """A call that is over leaves two of them for 32 s, of about 1.1 kB each: this many are 3,000
    calls a second and 220 MB.
    """
    dialogs: int = 10_000


LIMITS = Limits()
_ORDER = ("Via", "From", "To", "Call-ID", "CSeq")
MANDATORY = frozenset(_ORDER)
ONCE = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type")
"""Headers that may not stand twice (RFC 3261 §7.3.1)."""

_USUAL = re.compile(r"\r\n([A-Za-z\-]+): *([^\r]*)(?<! )")
"""A header as nearly all are written, not folded; blanks around its value are passed over."""
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
    text = head.decode("utf-8", "surrogateescape")
    first, _, rest = text.partition("\r\n")
    headers = _short_way(head, text, rest, limits) or _by_pattern(head, text, rest, limits)
    count = len(headers)
    if count > limits.headers:
        raise ProtocolError(f"{count} headers, {limits.headers} at most")
    seen = headers.first
    if not seen.keys() >= MANDATORY:
        raise ProtocolError(f"no {next(key for key in _ORDER if key not in seen).lower()}")
    if len(seen) < count:
        for key in headers.repeated:
            if key in ONCE:
                raise ProtocolError(f"{key.lower()} stands twice")
    length = seen.get("Content-Length")
    if length is not None and length != str(len(body)):
        body = _cut(body, length)
    if first[:4].upper() == "SIP/":
        return _response(first, headers, body)
    return _request(first, headers, body)


def _short_way(head: bytes, text: str, rest: str, limits: Limits) -> Headers | None:
    """Where every name is spelled as its RFC does and one blank stands before each value: then
    splitting is all there is to do. None where it is not so, or something is wrong.
    """
    lines = rest.split("\r\n")
    if head.count(b"\n") != len(lines) or len(head) > limits.line:
        return None
    if "  " in rest or " \r" in rest or rest[-1:] == " " or "\t" in rest:
        return None  # blanks where none are needed: they have to come off
    if head.count(b"\r") != len(lines):
        return None
    # lists of two, which are as good as tuples here and cheaper
    return Headers.spelled(cast("list[Pair]", [line.split(": ", 1) for line in lines]), rest)


def _by_pattern(head: bytes, text: str, rest: str, limits: Limits) -> Headers:
    ends = head.count(b"\n")
    pairs: list[Pair] = _USUAL.findall(text)
    if len(pairs) == ends == head.count(b"\r") and len(head) <= limits.line and "\t" not in text:
        return Headers.read(pairs, rest)
    if not text.count("\r\n") == ends == head.count(b"\r"):
        raise ProtocolError("a carriage return or line feed alone in the head")
    return Headers.read(_long_way(rest, limits))


def _long_way(text: str, limits: Limits) -> list[Pair]:
    """Headers of which one is folded, spelled strangely, very long or none at all."""
    lines: list[str] = []
    for line in text.split("\r\n") if text else ():
        if len(lines) > limits.headers:
            break  # said by who called
        if line[:1] in (" ", "\t") and lines:
            lines[-1] += " " + line.lstrip(" \t")
            if len(lines[-1]) > limits.line:
                break  # said below; joining on would cost the square of its length
        else:
            lines.append(line)
    pairs = []
    for line in lines:
        name, colon, value = line.partition(":")
        if len(line) > limits.line:
            raise ProtocolError(f"a header of {len(line)} characters")
        name = name.rstrip(" \t")
        if not colon or not TOKEN.fullmatch(name):
            raise ProtocolError(f"not a header: {line[:60]!r}")
        pairs.append((name, value.strip()))
    return pairs


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
