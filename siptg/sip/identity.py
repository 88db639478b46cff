"""Who calls, who says so, and by whom the call came: headers around the caller (RFC 3323, 3325,
5806, 7044).
"""

from __future__ import annotations

from urllib.parse import unquote

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.grammar import split
from siptg.sip.message import Request
from siptg.sip.uri import NameAddr, Uri

ANONYMOUS = NameAddr(Uri("sip", "anonymous", "anonymous.invalid"), "Anonymous")
"""From of a caller who withholds the number (RFC 3323 §4.1)."""
MOST = 20


@attrs.frozen
class Caller:
    name_addr: NameAddr
    asserted: bool
    """The network vouches for it (RFC 3325 §9.1). That is worth as much as whoever sent it."""
    private: bool
    """They want the number withheld from whoever is called (RFC 3323 §4.2)."""


@attrs.frozen
class Diverted:
    """One step by which the call came to us."""

    by: NameAddr
    reason: str | None = None
    """`user-busy`, `no-answer`, `unconditional`, … (RFC 5806 §4)."""
    counter: int = 1


@attrs.frozen
class Historic:
    """One entry of History-Info (RFC 7044 §5)."""

    index: str
    target: NameAddr
    reason: str | None = None
    """As a Reason header has it: `SIP;cause=302`."""
    cause: int | None = None
    """Of the URI (RFC 4458)."""


def caller_of(request: Request) -> Caller:
    """P-Asserted-Identity where there is a readable one, else From."""
    private = bool(privacy_of(request) & {"id", "user", "header"})
    for value in request.headers.get_all("P-Asserted-Identity")[:2]:
        try:
            for name_addr in NameAddr.parse_many(value):
                return Caller(name_addr, asserted=True, private=private)
        except ProtocolError:
            continue  # a malformed one is as good as none
    return Caller(request.from_, asserted=False, private=private)


def privacy_of(request: Request) -> frozenset[str]:
    """Of the Privacy header: `id`, `user`, `header`, `session`, `critical`, `none`."""
    values = request.headers.get_all("Privacy")
    return frozenset(p.strip().lower() for v in values for p in v.replace(",", ";").split(";") if p)


def diversions(request: Request) -> list[Diverted]:
    """Diversion headers, the latest step first (RFC 5806 §4). Malformed ones are passed over."""
    found: list[Diverted] = []
    for value in request.headers.get_all("Diversion")[:MOST]:
        try:
            for by in NameAddr.parse_many(value)[:MOST]:
                counter = by.params.get("counter") or "1"
                number = int(counter) if counter.isascii() and counter.isdigit() else 1
                found.append(Diverted(by, by.params.get("reason"), min(number, 1000)))
        except ProtocolError:
            continue
    return found[:MOST]


def history(request: Request) -> list[Historic]:
    """History-Info, in the order of its indices. Malformed entries are passed over."""
    found: list[Historic] = []
    for value in request.headers.get_all("History-Info")[:MOST]:
        for text in split(value, ",")[:MOST]:
            try:
                target = NameAddr.parse(text)
            except ProtocolError:
                continue
            cause = target.uri.params.get("cause") or ""
            found.append(
                Historic(
                    index=target.params.get("index") or "",
                    target=target,
                    reason=_reason(target.uri),
                    cause=int(cause) if cause.isascii() and cause.isdigit() else None,
                )
            )
    return sorted(found[:MOST], key=_order)


def _reason(uri: Uri) -> str | None:
    for part in uri.headers.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "reason":
            return unquote(value)
    return None


def _order(entry: Historic) -> list[int]:
    parts = entry.index.split(".")
    return [int(p) if p.isascii() and p.isdigit() and len(p) < 10 else 0 for p in parts]
