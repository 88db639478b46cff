"""Bodies of several parts (RFC 5621, RFC 2046 §5.1)."""

from __future__ import annotations

import re

import attrs

from siptg.sip.grammar import split, unquote

MOST_PARTS = 32
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")


@attrs.frozen
class Part:
    content_type: str
    """Type and subtype in lower case; `text/plain` where the part says nothing."""
    body: bytes
    disposition: str = "render"
    """First word of Content-Disposition; SDP says `session` (RFC 3261 §20.11)."""


def boundary_of(content_type: str) -> str | None:
    """Of a multipart type; None for others."""
    first, *params = split(content_type, ";")
    if not first.lower().startswith("multipart/"):
        return None
    for param in params:
        name, _, value = param.partition("=")
        if name.strip().lower() == "boundary" and 0 < len(unquote(value.strip())) <= 70:
            return unquote(value.strip())
    return None


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """The parts, those of nested ones in their place; none where it is not multipart."""
    return _parts(content_type, body, depth=0)


def find(content_type: str, body: bytes, wanted: str) -> bytes | None:
    """The first part of a type, or the body itself where it is of that type."""
    plain = content_type.partition(";")[0].strip().lower()
    if plain == wanted:
        return body
    return next((p.body for p in parts_of(content_type, body) if p.content_type == wanted), None)


def _parts(content_type: str, body: bytes, depth: int) -> list[Part]:
    boundary = boundary_of(content_type)
    if boundary is None or depth > 3:
        return []
    mark = b"--" + boundary.encode("utf-8", "surrogateescape")
    found: list[Part] = []
    delimiter = rb"(?:\A|\r?\n)" + re.escape(mark) + rb"(?=--|[ \t]*\r?\n)"
    for piece in re.split(delimiter, body)[1 : MOST_PARTS + 1]:
        if piece.startswith(b"--"):
            break
        found += _part(piece.lstrip(b" \t"), depth)
    return found[:MOST_PARTS]


def _part(piece: bytes, depth: int) -> list[Part]:
    """`piece` begins with the line end behind its boundary."""
    inner = piece[2:] if piece.startswith(b"\r\n") else piece[1:]
    headless = _EMPTY_LINE.match(b"\n" + inner)
    found = headless or _EMPTY_LINE.search(inner)
    if found is None:
        return []
    head, body = (
        (b"", inner[found.end() - 1 :])
        if headless
        else (inner[: found.start()], inner[found.end() :])
    )
    content_type, disposition = "text/plain", "render"
    for line in _FOLD.sub(b" ", head).split(b"\n"):
        name, _, value = line.decode("utf-8", "surrogateescape").partition(":")
        match name.strip().lower():
            case "content-type" | "c":
                content_type = value.strip()
            case "content-disposition":
                disposition = value.partition(";")[0].strip().lower()
    nested = _parts(content_type, body, depth + 1)
    return nested or [Part(content_type.partition(";")[0].strip().lower(), body, disposition)]
