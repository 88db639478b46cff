"""Headers: ordered, many-valued, without case, compact names known (RFC 3261 §7.3).

What nobody touched is written from the very text that was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from siptg.sip.errors import LocalError
from siptg.sip.grammar import TOKEN, UNSAFE
from siptg.sip.names import NAMES, key_of

Pair = tuple[str, str]
"""A name as it is written, and its value without blanks around it."""


class Headers:
    """Mutable. `first` holds the first values by `key_of`, for reading alone: a busy server asks it
    thirty times a message. `cache` holds values parsed from these lines by the same keys; who
    changes a header drops what was cached of it.
    """

    __slots__ = ("_more", "_pairs", "_text", "cache", "first")

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._pairs: list[Pair] = []
        self.first: dict[str, str] = {}
        self._more: dict[str, list[str]] | None = None
        self._text: str | None = None
        self.cache: dict[str, Any] = {}
        for name, value in pairs:
            self.add(name, value)

    @classmethod
    def read(cls, pairs: list[Pair], text: str | None = None) -> Headers:
        """Of a message that came: its lines taken apart, and as they stood if they were not
        folded.
        """
        made = cls.__new__(cls)
        made._pairs, made._text, made.cache = pairs, text, {}
        made.first, made._more = first, _ = dict(pairs), None
        if not NAMES.issuperset(first):
            made._index()
        elif len(first) < len(pairs):
            made.first = first = dict(reversed(pairs))
            more: dict[str, list[str]] = {}
            made._more = more
            for name, value in pairs:
                if first[name] is not value:
                    more.setdefault(name, [first[name]]).append(value)
        return made

    @classmethod
    def spelled(cls, pairs: list[Pair], text: str) -> Headers | None:
        """The same where all names are those of `NAMES`; None where one is not, or is no pair."""
        try:
            first = dict(pairs)
        except ValueError:
            return None  # a line without a colon
        if not NAMES.issuperset(first):
            return None
        made = cls.__new__(cls)
        made._pairs, made._text, made.cache, made._more = pairs, text, {}, None
        made.first = first
        again = len(pairs) - len(first)
        if again:
            top, second = pairs[0], pairs[1]
            if again == 1 and top[0] == second[0]:
                # nearly always the Vias of a proxy and its client, and nothing else stands twice
                name, value = top
                first[name], made._more = value, {name: [value, second[1]]}
            else:
                made._index()
        return made

    @classmethod
    def made(cls, pairs: list[Pair], first: dict[str, str], cache: dict[str, Any]) -> Headers:
        """Of a message of ours whose lines are known to be good, each name of `NAMES` and once."""
        made = cls.__new__(cls)
        made._pairs, made.first, made._more, made._text = pairs, first, None, None
        made.cache = cache
        return made

    def get(self, name: str) -> str | None:
        """The first value, blanks around it off."""
        value = self.first.get(name)
        if value is None and name not in NAMES:
            value = self.first.get(key_of(name))
        return value

    def get_all(self, name: str) -> list[str]:
        """One value a line, in order; lists with commas are not taken apart."""
        key = name if name in NAMES else key_of(name)
        value = self.first.get(key)
        if value is None:
            return []
        if self._more is not None and key in self._more:
            return self._more[key].copy()
        return [value]

    def count(self, name: str) -> int:
        key = key_of(name)
        return len(self._more[key]) if self._more and key in self._more else key in self.first

    @property
    def repeated(self) -> Iterable[str]:
        """Keys that stand more than once."""
        return self._more or ()

    def add(self, name: str, value: str) -> None:
        """Behind all others."""
        key = name if name in NAMES else _good_name(name)
        if not value.isprintable():
            _refuse_unsafe(name, value)
        value = value.strip()
        self._pairs.append((name, value))
        self._text = None
        if self.cache:
            self.cache.pop(key, None)
        if key not in self.first:
            self.first[key] = value
            return
        self._more = self._more or {}
        self._more.setdefault(key, [self.first[key]]).append(value)

    def prepend(self, name: str, value: str) -> None:
        """Before all others: a Via, a Route."""
        key = name if name in NAMES else _good_name(name)
        if not value.isprintable():
            _refuse_unsafe(name, value)
        value = value.strip()
        self._pairs.insert(0, (name, value))
        self._text = None
        if self.cache:
            self.cache.pop(key, None)
        if key in self.first:
            self._index()
        else:
            self.first[key] = value

    def set(self, name: str, value: str) -> None:
        """In the place of the first of that name, the others go; at the end where there is none."""
        key = name if name in NAMES else key_of(name)
        if key not in self.first:
            self.add(name, value)
            return
        if self._more is not None and key in self._more:
            at = self._at(key)
            self._pairs[at + 1 :] = [p for p in self._pairs[at + 1 :] if key_of(p[0]) != key]
            del self._more[key]
        self.set_first(name, value)

    def set_first(self, name: str, value: str) -> None:
        """Change the first of that name alone. KeyError where there is none."""
        key = name if name in NAMES else _good_name(name)
        if key not in self.first:
            raise KeyError(name)
        if not value.isprintable():
            _refuse_unsafe(name, value)
        value = value.strip()
        self._pairs[self._at(key)] = name, value
        self._text, self.first[key] = None, value
        if self._more is not None and key in self._more:
            self._more[key][0] = value
        self.cache.pop(key, None)

    def remove(self, *names: str) -> None:
        gone = {key_of(name) for name in names}
        if not gone.isdisjoint(self.first):
            self._pairs = [pair for pair in self._pairs if key_of(pair[0]) not in gone]
            self._text, self.cache = None, {}
            self._index()

    def copy(self) -> Headers:
        made = Headers.__new__(Headers)
        made._pairs, made._text, made.cache = self._pairs.copy(), self._text, {}
        made.first, made._more = self.first.copy(), None
        if self._more is not None:
            made._more = {key: values.copy() for key, values in self._more.items()}
        return made

    def only(self, *keys: str, to: str | None = None) -> Headers:
        """A copy with nothing but these, in this order, and another To where that is given; keys
        are `key_of` names.
        """
        first, more = self.first, self._more
        kept = {key: first[key] for key in keys if key in first}
        if to is not None:
            kept["To"] = to
        made = Headers.made(list(kept.items()), kept, {})
        if more is not None and not more.keys().isdisjoint(kept):
            again = {key: more[key] for key in kept if key in more}
            made._pairs = [(k, v) for k, one in kept.items() for v in again.get(k, (one,))]
            made._more = {key: values.copy() for key, values in again.items()}
        return made

    def items(self) -> Iterator[Pair]:
        """Names as they are written, and values."""
        return iter(self._pairs)

    def text(self) -> str:
        """All lines as they are sent, without the empty one behind them."""
        return "\r\n".join(map(": ".join, self._pairs)) if self._text is None else self._text

    def __contains__(self, name: str) -> bool:
        return name in self.first or (name not in NAMES and key_of(name) in self.first)

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        return f"Headers({len(self)} lines)"

    def _at(self, key: str) -> int:
        if self._pairs[0][0] == key:  # a Via mostly
            return 0
        return next(n for n, pair in enumerate(self._pairs) if key_of(pair[0]) == key)

    def _index(self) -> None:
        """Read all pairs anew, the slow way: some name stands twice, or is not spelled as usual."""
        first: dict[str, str] = {}
        more: dict[str, list[str]] = {}
        for name, value in self._pairs:
            key = name if name in NAMES else key_of(name)
            if key not in first:
                first[key] = value
            elif key in more:
                more[key].append(value)
            else:
                more[key] = [first[key], value]
        self.first, self._more = first, more or None


def _good_name(name: str) -> str:
    if not TOKEN.fullmatch(name):
        raise LocalError(f"not a header name: {name[:40]!r}")
    return key_of(name)


def _refuse_unsafe(name: str, value: str) -> None:
    """LocalError where a value could end the line and begin another header."""
    if UNSAFE.search(value):
        raise LocalError(f"a line break in the value of {name}")
