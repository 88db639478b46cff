"""Headers: ordered, many-valued, without case, compact names known (RFC 3261 §7.3).

Lines are kept as they came: what nobody touched is written from the very text that was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

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
_spelled: dict[str, str] = {f"{name}:": key for name, key in COMPACT.items()}
_MOST_KEYS = 512


def key_of(name: str) -> str:
    """The name that equal names share: lower case, long form. The usual ones are looked up."""
    key = _keys.get(name)
    if key is None:
        plain = name.strip().lower()
        key = COMPACT.get(plain, plain)
        if len(_keys) < _MOST_KEYS and TOKEN.fullmatch(
            name
        ):  # bounded: a peer may invent names for ever
            _keys[name] = _spelled[f"{name}:"] = key
    return key


known_key = _spelled.get
"""The key of `Name:` as it was seen before, else None: one call in C for each line of a message."""


class Headers:
    """Mutable. `cache` holds values parsed from these lines by key; who changes a header of a name
    drops what was cached of it.
    """

    __slots__ = ("_keys", "_lines", "cache")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._keys: list[str] = []
        self._lines: list[str] = []
        self.cache: dict[str, Any] = {}
        for name, value in pairs:
            self.add(name, value)

    @classmethod
    def from_lines(cls, keys: list[str], lines: list[str]) -> Headers:
        """Of a parsed message: `Name: value` lines and their keys, both without line ends."""
        made = cls.__new__(cls)
        made._keys, made._lines, made.cache = keys, lines, {}
        return made

    def get(self, name: str) -> str | None:
        """The first value, blanks around it off."""
        try:
            at = self._keys.index(_keys.get(name) or key_of(name))
        except ValueError:
            return None
        return self._lines[at].partition(":")[2].strip()

    def get_all(self, name: str) -> list[str]:
        """One value a line, in order; lists with commas are not taken apart."""
        key = _keys.get(name) or key_of(name)
        count = self._keys.count(key)
        if count < 2:
            return [self._lines[self._keys.index(key)].partition(":")[2].strip()] if count else []
        return [
            self._lines[n].partition(":")[2].strip() for n, k in enumerate(self._keys) if k == key
        ]

    def count(self, name: str) -> int:
        return self._keys.count(key_of(name))

    def add(self, name: str, value: str) -> None:
        """Behind all others."""
        key = _keys.get(name) or key_of(name)
        self._lines.append(_line(name, value))
        self._keys.append(key)
        self.cache.pop(key, None)

    def prepend(self, name: str, value: str) -> None:
        """Before all others: a Via, a Route."""
        key = key_of(name)
        self._lines.insert(0, _line(name, value))
        self._keys.insert(0, key)
        self.cache.pop(key, None)

    def set(self, name: str, value: str) -> None:
        """In the place of the first of that name, the others go; at the end where there is none."""
        key = _keys.get(name) or key_of(name)
        keys = self._keys
        if key not in keys:
            self.add(name, value)
            return
        at = keys.index(key)
        if keys.count(key) > 1:
            self.remove(name)
            keys = self._keys
            keys.insert(at, key)
            self._lines.insert(at, "")
        self._lines[at] = _line(name, value)
        self.cache.pop(key, None)

    def set_first(self, name: str, value: str) -> None:
        """Change the first of that name alone. KeyError where there is none."""
        key = key_of(name)
        if key not in self._keys:
            raise KeyError(name)
        self._lines[self._keys.index(key)] = _line(name, value)
        self.cache.pop(key, None)

    def remove(self, *names: str) -> None:
        gone = {key_of(name) for name in names}
        kept = [n for n, k in enumerate(self._keys) if k not in gone]
        if len(kept) < len(self._keys):
            self._lines = [self._lines[n] for n in kept]
            self._keys = [self._keys[n] for n in kept]
            self.cache = {}

    def copy(self) -> Headers:
        return Headers.from_lines(self._keys.copy(), self._lines.copy())

    def only(self, keys: frozenset[str]) -> Headers:
        """A copy with nothing but these, in their order; keys are `key_of` names."""
        kept = [n for n, k in enumerate(self._keys) if k in keys]
        return Headers.from_lines([self._keys[n] for n in kept], [self._lines[n] for n in kept])

    def items(self) -> Iterator[tuple[str, str]]:
        """Names as they are written, and values."""
        for line in self._lines:
            name, _, value = line.partition(":")
            yield name.strip(), value.strip()

    def text(self) -> str:
        """All lines as they are sent, without the empty one behind them."""
        return "\r\n".join(self._lines)

    def __contains__(self, name: str) -> bool:
        return (_keys.get(name) or key_of(name)) in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"Headers({len(self)} lines)"


def _line(name: str, value: str) -> str:
    """LocalError where name or value could end the line and begin another header."""
    if name not in _keys and not TOKEN.fullmatch(name):
        raise LocalError(f"not a header name: {name[:40]!r}")
    if not value.isprintable() and UNSAFE.search(value):
        raise LocalError(f"a line break in the value of {name}")
    return f"{name}: {value}"
