"""An answer to a request that cannot be parsed, made of its lines as they are (RFC 3261 §8.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from siptg.sip.errors import ProtocolError
from siptg.sip.fields import Via
from siptg.sip.grammar import split
from siptg.sip.message import REASONS

_NAMES = {
    "via": ("Via", 40),
    "v": ("Via", 40),
    "from": ("From", 1),
    "f": ("From", 1),
    "to": ("To", 1),
    "t": ("To", 1),
    "call-id": ("Call-ID", 1),
    "i": ("Call-ID", 1),
    "cseq": ("CSeq", 1),
}
"""What every answer copies, and how often it may stand."""
_FOLD = re.compile(r"\r\n[ \t]+")
_BAD = re.compile(r"[\r\n]|(?<!\\)\x00")
_TAG = re.compile(r";\s*tag\s*=", re.I)
LONGEST = 16_384
"""Characters of a head that we read at most: a large one is not worth an answer."""


def refusal(data: bytes, status: int, tag: str) -> tuple[bytes, Via | None] | None:
    """The answer, and the topmost Via where that much can be read. None for responses, for ACKs,
    and where what every answer needs is not there.
    """
    head = data.lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    if len(head) > LONGEST:
        head = head[:LONGEST].rpartition(b"\r\n")[0]
    lines = _FOLD.sub(" ", head.decode("utf-8", "surrogateescape")).split("\r\n")
    first = lines.pop(0).upper()
    if first.startswith(("SIP/", "ACK ")):
        return None
    copied = _copied(lines)
    if copied is None:
        return None
    names = [name for name, _ in copied]
    values = dict(reversed(copied))
    if {*names} != {"Via", "From", "To", "Call-ID", "CSeq"} or "ACK" in values["CSeq"].upper():
        return None
    if not _TAG.search(values["To"]):
        copied[names.index("To")] = "To", f"{values['To']};tag={tag}"
    said = [f"SIP/2.0 {status} {REASONS.get(status, 'Bad Request')}"]
    said += [f"{name}: {value}" for name, value in copied]
    text = "\r\n".join([*said, "Content-Length: 0", "", ""])
    return text.encode("utf-8", "surrogateescape"), _via(values["Via"])


def _copied(lines: Iterable[str]) -> list[tuple[str, str]] | None:
    found: list[tuple[str, str]] = []
    for line in lines:
        name, _, value = line.partition(":")
        known = _NAMES.get(name.strip().lower())
        value = value.strip()
        if known is None or sum(known[0] == n for n, _ in found) >= known[1]:
            continue
        if _BAD.search(value) or not (value or known[0] == "Call-ID"):
            return None
        found.append((known[0], value))
    return found


def _via(text: str) -> Via | None:
    try:
        return Via.parse(split(text, ",")[0])
    except ProtocolError:
        return None
