"""Headers: ordered, many-valued, without case, compact names known (RFC 3261 §7.3).

Lines are kept as they came: what nobody touched is written from the very text that was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from siptg.sip.errors import LocalError
from siptg.sip.grammar import TOKEN, UNSAFE

COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""Compact forms (RFC 3261 §7.3.3 and IANA's list)."""

_keys: dict[str, str] = dict(COMPACT)
_MOST_KEYS = 512


def key_of(name: str) -> str:
    """The name that equal names share: lower case, long form. The usual ones are looked up."""
    key = _keys.get(name)
    if key is None:
        plain = name.strip().lower()
        key = COMPACT.get(plain, plain)
        if len(_keys) < _MOST_KEYS:  # bounded: a peer may invent names for ever
            _keys[name] = key
    return key


class Headers:
    """Mutable. `version` rises with each change, so that cached values know when to go."""

    __slots__ = ("_keys", "_lines", "version")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._keys: list[str] = []
        self._lines: list[str] = []
        self.version = 0
        for name, value in pairs:
            self.add(name, value)

    @classmethod
    def from_lines(cls, keys: list[str], lines: list[str]) -> Headers:
        """Of a parsed message: `Name: value` lines and their keys, both without line ends."""
        made = cls.__new__(cls)
        made._keys, made._lines, made.version = keys, lines, 0
        return made

    def get(self, name: str) -> str | None:
        """The first value, blanks around it off."""
        try:
            return self._lines[self._keys.index(key_of(name))].partition(":")[2].strip()
        except ValueError:
            return None

    def get_all(self, name: str) -> list[str]:
        """One value a line, in order; lists with commas are not taken apart."""
        key = key_of(name)
        found = zip(self._keys, self._lines, strict=True)
        return [line.partition(":")[2].strip() for k, line in found if k == key]

    def count(self, name: str) -> int:
        return self._keys.count(key_of(name))

    def add(self, name: str, value: str) -> None:
        """Behind all others."""
        line = _line(name, value)
        self._keys.append(key_of(name))
        self._lines.append(line)
        self.version += 1

    def prepend(self, name: str, value: str) -> None:
        """Before all others: a Via, a Route."""
        self._lines.insert(0, _line(name, value))
        self._keys.insert(0, key_of(name))
        self.version += 1

    def set(self, name: str, value: str) -> None:
        """In the place of the first of that name, the others go; at the end where there is none."""
        line, key = _line(name, value), key_of(name)
        if key not in self._keys:
            self.add(name, value)
            return
        at = self._keys.index(key)
        self.remove(name)
        self._keys.insert(at, key)
        self._lines.insert(at, line)
        self.version += 1

    def remove(self, name: str) -> None:
        key = key_of(name)
        if key in self._keys:
            kept = [n for n, k in enumerate(self._keys) if k != key]
            self._lines = [self._lines[n] for n in kept]
            self._keys = [self._keys[n] for n in kept]
            self.version += 1

    def copy(self) -> Headers:
        return Headers.from_lines(list(self._keys), list(self._lines))

    def items(self) -> Iterator[tuple[str, str]]:
        """Names as they are written, and values."""
        for line in self._lines:
            name, _, value = line.partition(":")
            yield name.strip(), value.strip()

    def text(self) -> str:
        """All lines as they are sent, without the empty one behind them."""
        return "\r\n".join(self._lines)

    def __contains__(self, name: str) -> bool:
        return key_of(name) in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"Headers({len(self)} lines)"


def _line(name: str, value: str) -> str:
    """LocalError where name or value could end the line and begin another header."""
    if not TOKEN.fullmatch(name):
        raise LocalError(f"not a header name: {name[:40]!r}")
    if UNSAFE.search(value):
        raise LocalError(f"a line break in the value of {name}")
    return f"{name}: {value}"
