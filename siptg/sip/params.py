"""Parameters behind a semicolon: `;name=value;flag` (RFC 3261 §7.3.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from siptg.sip.errors import ProtocolError
from siptg.sip.grammar import TOKEN, quote, split, unquote


class Params:
    """Immutable and ordered; names without case, values text or None for a bare flag."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Mapping[str, str | None] | None = None) -> None:
        # a tuple: it is a third of a dictionary's size, and there are one or two parameters
        self._pairs = tuple((k.lower(), v) for k, v in (pairs or {}).items())

    @classmethod
    def parse(cls, text: str) -> Params:
        """From `a=1;b` (without the first semicolon, a last one is borne); ProtocolError for a name
        twice or none.
        """
        pairs: dict[str, str | None] = {}
        plain = '"' not in text and "<" not in text  # most are, and splitting those costs nothing
        parts = text.split(";") if plain else split(text, ";")
        for n, part in enumerate(parts):
            name, sep, value = part.partition("=")
            name = name.strip().lower()
            if not name:
                if part.strip() or n < len(parts) - 1:
                    raise ProtocolError(f"a parameter without a name: {part[:40]!r}")
                continue
            if name in pairs:
                raise ProtocolError(f"the parameter {name[:40]!r} stands twice")
            pairs[name] = (value.strip() if plain else unquote(value.strip())) if sep else None
        return cls.made(*pairs.items())

    @classmethod
    def made(cls, *pairs: tuple[str, str | None]) -> Params:
        """Of pairs that are as they should be: names in lower case, values without quotes."""
        made = cls.__new__(cls)
        made._pairs = pairs
        return made

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value; `default` where it is not there or has none."""
        for known, value in self._pairs:
            if known == name:
                return default if value is None else value
        return default

    def with_(self, **more: str | None) -> Params:
        """A copy with some set; names with an underscore are written with a hyphen."""
        return Params(dict(self._pairs) | {n.replace("_", "-"): v for n, v in more.items()})

    def without(self, *names: str) -> Params:
        return Params.made(*(pair for pair in self._pairs if pair[0] not in names))

    def __contains__(self, name: str) -> bool:
        for known, _ in self._pairs:  # noqa: SIM110 (a generator would cost more than the rest)
            if known == name:
                return True
        return False

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._pairs])

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> tuple[tuple[str, str | None], ...]:
        return self._pairs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Params) and dict(self._pairs) == dict(other._pairs)

    def __hash__(self) -> int:
        return hash(frozenset(self._pairs))

    def __repr__(self) -> str:
        return f"Params({dict(self._pairs)!r})"

    def __str__(self) -> str:
        """With a semicolon before each; values that are no token are quoted."""
        text = ""
        for name, value in self._pairs:
            if value is None:
                text += f";{name}"
            else:
                text += f";{name}={value if not value or value.isalnum() else _written(value)}"
        return text


def _written(value: str) -> str:
    if TOKEN.fullmatch(value) or (value and all(c not in value for c in ' \t";,<>="\\')):
        return value
    return quote(value)


NONE = Params()
