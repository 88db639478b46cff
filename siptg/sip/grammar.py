"""Characters and tokens (RFC 3261 §25.1): what may stand where, how to quote and to split."""

from __future__ import annotations

import ipaddress
import re

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
METHOD = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,64}\Z")
HOST = re.compile(
    r"\[[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9]+)?\]\Z"
    r"|[A-Za-z0-9](?:[A-Za-z0-9\-_.]{0,252}[A-Za-z0-9.])?\Z"
)
USUAL_PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3})"
"""Part of the patterns for what is usual; those few that are larger go the long way."""
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*\Z")
USER = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+\Z")
PARAM_CHARS = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$]|%[0-9A-Fa-f]{2})*\Z")
UNSAFE = re.compile(r"[\r\n]|(?<!\\)\x00")
"""What must never stand in a header we write: it would begin another one."""
_QUOTED = re.compile(r"[\"\\\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def is_host(text: str) -> bool:
    """A name, an IPv4 address, or an IPv6 address in brackets that is one (RFC 5118 §4.1)."""
    if HOST.match(text) is None:
        return False
    if text[0] != "[":
        return True
    try:
        ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        return False
    return True


def written_host(address: str) -> str:
    """An IP address as it stands in a URI or a Via: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def unquote(text: str) -> str:
    """The inside of a quoted-string, or the text itself."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        inner = text[1:-1]
        return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) if "\\" in inner else inner
    return text


def quote(text: str) -> str:
    """As a quoted-string; what may not stand in one bare has a backslash before it."""
    return '"' + (text if text.isalnum() else _QUOTED.sub(r"\\\g<0>", text)) + '"'


def split(text: str, at: str) -> list[str]:
    """Split at a character outside of quoted strings and angle brackets; parts are stripped."""
    if at not in text:
        return [text.strip()]
    if '"' not in text and "<" not in text:
        return [part.strip() for part in text.split(at)]
    parts, begun, quoted, angle, escaped = [], 0, False, 0, False
    for n, c in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            if c == "\\":
                escaped = True
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c == "<":
            angle += 1
        elif c == ">":
            angle = max(0, angle - 1)
        elif c == at and not angle:
            parts.append(text[begun:n].strip())
            begun = n + 1
    parts.append(text[begun:].strip())
    return parts
