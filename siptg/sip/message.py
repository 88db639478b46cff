"""Requests and responses (RFC 3261 §7). Headers are parsed when touched, and once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from siptg.sip.bodies import multipart
from siptg.sip.errors import ProtocolError
from siptg.sip.fields import CSeq, Via, parse_number, parse_tokens
from siptg.sip.grammar import split
from siptg.sip.headers import Headers
from siptg.sip.uri import NameAddr, Uri, known_uri

T = TypeVar("T")

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    493: "Undecipherable",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}
"""Status codes and their phrases (RFC 3261 §21)."""


# One dialog says the same From, To, Contact and routes again and again, and values never change:
# what was read lately is not read anew. Bounded, so that a peer who never repeats costs no memory.
_KEPT = 2048
_name_addr = lru_cache(_KEPT)(NameAddr.parse)
_cseq = lru_cache(_KEPT)(CSeq.parse)


@lru_cache(256)
def _tokens(text: str) -> list[str]:
    return parse_tokens([text])


@lru_cache(256)
def _token_set(text: str) -> frozenset[str]:
    return frozenset(parse_tokens([text]))


_NOTHING: frozenset[str] = frozenset()


def _missing(name: str) -> ProtocolError:
    return ProtocolError(f"no {name}")


class _Message:
    """What requests and responses share. The properties that follow are alike on purpose: they are
    read fifty times a call, and one more function between would double what that costs.
    """

    __slots__ = ("body", "headers")

    def __init__(self, headers: Headers, body: bytes) -> None:
        self.headers, self.body = headers, body

    def _list(self, key: str, parse: Callable[[str], T]) -> list[T]:
        headers = self.headers
        known: list[T] | None = headers.cache.get(key)
        if known is None:
            text = headers.first.get(key)
            if text is None:
                return []
            if text and "," not in text and key not in headers.repeated:
                known = headers.cache[key] = [parse(text)]
                return known
            known = headers.cache[key] = []
            for value in headers.get_all(key):
                if "," in value:
                    known += [parse(part) for part in split(value, ",") if part]
                elif value:
                    known.append(parse(value))
        return known

    @property
    def via(self) -> Via:
        """The topmost Via."""
        headers = self.headers
        value: Via | None = headers.cache.get("Via")
        if value is None:
            text = headers.first.get("Via")
            if text is None:
                raise _missing("via")
            value = Via.parse(split(text, ",")[0] if "," in text else text)
            headers.cache["Via"] = value
        return value

    @property
    def vias(self) -> list[Via]:
        return [
            Via.parse(part)
            for value in self.headers.get_all("Via")
            for part in split(value, ",")
            if part
        ]

    @property
    def from_(self) -> NameAddr:
        headers = self.headers
        value: NameAddr | None = headers.cache.get("From")
        if value is None:
            text = headers.first.get("From")
            if text is None:
                raise _missing("from")
            value = headers.cache["From"] = _name_addr(text)
        return value

    @property
    def to(self) -> NameAddr:
        headers = self.headers
        value: NameAddr | None = headers.cache.get("To")
        if value is None:
            text = headers.first.get("To")
            if text is None:
                raise _missing("to")
            value = headers.cache["To"] = _name_addr(text)
        return value

    @property
    def call_id(self) -> str:
        text = self.headers.first.get("Call-ID")
        if text is None:
            raise _missing("call-id")
        return text

    @property
    def cseq(self) -> CSeq:
        headers = self.headers
        value: CSeq | None = headers.cache.get("CSeq")
        if value is None:
            text = headers.first.get("CSeq")
            if text is None:
                raise _missing("cseq")
            value = headers.cache["CSeq"] = _cseq(text)
        return value

    @property
    def contacts(self) -> list[NameAddr]:
        """Without the `*` of an unregistering REGISTER."""
        cache = self.headers.cache
        known: list[NameAddr] | None = cache.get("Contact")
        if known is None:
            known = (
                self._list("Contact", _name_addr)
                if self.headers.first.get("Contact") != "*"
                else []
            )
        return known

    @property
    def routes(self) -> list[NameAddr]:
        return self._list("Route", _name_addr)

    @property
    def record_routes(self) -> list[NameAddr]:
        return self._list("Record-Route", _name_addr)

    @property
    def max_forwards(self) -> int:
        """70 where it is not there (RFC 3261 §16.6)."""
        text = self.headers.first.get("Max-Forwards")
        return 70 if text is None or text == "70" else parse_number("Max-Forwards", text, 255)

    @property
    def content_type(self) -> str:
        """Type and subtype in lower case, without parameters; empty without a body type."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    @property
    def sdp(self) -> bytes:
        """The session description: the body, or the part of it that is one (RFC 5621 §3.1); empty
        without one.
        """
        if not self.body:
            return b""
        text = self.headers.first.get("Content-Type", "application/sdp")
        if text == "application/sdp":
            return self.body
        return multipart.find(text, self.body, "application/sdp") or b""

    def tokens(self, name: str) -> list[str]:
        """Of Allow, Require, Supported and their like."""
        values = self.headers.get_all(name)
        if len(values) == 1:
            return _tokens(values[0]).copy()
        return parse_tokens(values) if values else []

    def token_set(self, name: str) -> frozenset[str]:
        """The same for who asks what is in it: sets that recur are shared."""
        values = self.headers.get_all(name)
        if len(values) == 1:
            return _token_set(values[0])
        return frozenset(parse_tokens(values)) if values else _NOTHING

    def number(self, name: str) -> int | None:
        """Of Expires, Min-Expires and their like; None where it is not there."""
        text = self.headers.get(name)
        return None if text is None else parse_number(name, text.partition(";")[0])


def _written(first: str, headers: Headers, body: bytes) -> bytes:
    length = str(len(body))
    said = headers.first.get("Content-Length")
    if said is None and headers.first:
        head = f"{first}\r\n{headers.text()}\r\nContent-Length: {length}\r\n\r\n"
    else:
        if said != length:
            headers.set("Content-Length", length)
        head = f"{first}\r\n{headers.text()}\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + body


class Request(_Message):
    """A request; its URI may be given as text, which is parsed when it is touched."""

    __slots__ = ("_target", "_uri", "method")

    def __init__(self, method: str, uri: Uri | str, headers: Headers, body: bytes = b"") -> None:
        self.headers, self.body, self.method = headers, body, method
        self._uri: Uri | None
        self._target: str | None
        if isinstance(uri, str):
            self._uri, self._target = None, uri
        else:
            self._uri, self._target = uri, None

    @property
    def uri(self) -> Uri:
        """The Request-URI; ProtocolError where it is none."""
        if self._uri is None:
            self._uri = known_uri(self._target or "")
        return self._uri

    @uri.setter
    def uri(self, uri: Uri) -> None:
        self._uri, self._target = uri, None

    def __bytes__(self) -> bytes:
        if self._target is None:
            self._target = str(self._uri)
        return _written(f"{self.method} {self._target} SIP/2.0", self.headers, self.body)

    def reply(
        self, status: int, reason: str | None = None, *, to_tag: str | None = None
    ) -> Response:
        """A response with what every response copies (RFC 3261 §8.2.6, §12.1.1)."""
        to = None
        if to_tag is not None and status > 100 and self.to.tag is None:
            to = f"{self.headers.first['To']};tag={to_tag}"
        headers = self.headers.only(*(_COPIED if status < 300 else _COPIED_BY_FAILURES), to=to)
        return Response(status, reason or REASONS.get(status, "Unknown"), headers)

    def __repr__(self) -> str:
        return f"<{self.method} {self.headers.get('Call-ID')} {self.headers.get('CSeq')}>"


class Response(_Message):
    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: Headers, body: bytes = b"") -> None:
        self.headers, self.body, self.status, self.reason = headers, body, status, reason

    def __bytes__(self) -> bytes:
        return _written(f"SIP/2.0 {self.status} {self.reason}", self.headers, self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.headers.get('Call-ID')} {self.headers.get('CSeq')}>"


Message = Request | Response
_COPIED_BY_FAILURES = "Via", "From", "To", "Call-ID", "CSeq"
_COPIED = "Via", "Record-Route", "From", "To", "Call-ID", "CSeq"
