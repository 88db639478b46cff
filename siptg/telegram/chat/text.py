"""Formatted text: words and what is bold, code or a link in them, safe for whatever people write.

Telegram formats by entities beside the text, counted in UTF-16 units; nothing is ever glued into
markup, so no name or number can break or forge a format.
"""

from __future__ import annotations

import enum
import re
import string
from collections.abc import Mapping

import attrs

from siptg.telegram.people import Person

LONGEST = 4096
"""UTF-16 units of one message."""
MOST_SPANS = 100
"""Entities of one message; Telegram drops what is beyond."""


class Mark(enum.Enum):
    """How a piece of text looks, or what a tap on it does."""

    BOLD = "bold"
    ITALIC = "italic"
    UNDERLINE = "underline"
    STRIKE = "strike"
    SPOILER = "spoiler"
    CODE = "code"
    PRE = "pre"
    QUOTE = "quote"
    LINK = "link"
    MENTION = "mention"


@attrs.frozen
class Span:
    """One format; offset and length are UTF-16 units."""

    mark: Mark
    offset: int
    length: int
    value: str = ""
    """The address of a link, the language of a block of code."""
    person: Person | None = None
    """Who is mentioned."""


def units(text: str) -> int:
    """Length in UTF-16 units: characters beyond the basic plane are two."""
    return len(text) + sum(c > "\uffff" for c in text)


def _clean(text: str) -> str:
    """As Telegram's servers would change it, so that offsets stay true: no CR, no control
    characters, no halves of surrogate pairs.
    """
    return re.sub("[\ud800-\udfff]", "\ufffd", _CONTROL.sub(" ", text.replace("\r", "")))


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@attrs.frozen
class Text:
    """`bold("Ann") + " calls"`; `str()` is the words alone."""

    plain: str = attrs.field(default="", converter=_clean)
    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, text: str | Text) -> Text:
        return text if isinstance(text, Text) else cls(text)

    def __str__(self) -> str:
        return self.plain

    def __bool__(self) -> bool:
        return bool(self.plain)

    def __add__(self, other: str | Text) -> Text:
        added, by = Text.of(other), units(self.plain)
        moved = tuple(attrs.evolve(s, offset=s.offset + by) for s in added.spans)
        return Text(self.plain + added.plain, self.spans + moved)

    def __radd__(self, other: str) -> Text:
        return Text(other) + self

    @property
    def units(self) -> int:
        return units(self.plain)

    def trimmed(self) -> Text:
        """Without blanks at its ends: Telegram cuts them off, and offsets would be wrong."""
        begin = units(self.plain) - units(self.plain.lstrip())
        return self._window(self.plain.strip(), begin)

    def cut(self, longest: int = LONGEST) -> Text:
        """At most so many units, the last one an ellipsis where something was cut."""
        if self.units <= longest:
            return self
        kept = self.plain[: longest - 1]
        while units(kept) > longest - 1:
            kept = kept[:-1]
        return self._window(kept, 0) + "…"

    def _window(self, plain: str, begin: int) -> Text:
        end, spans = begin + units(plain), []
        for span in self.spans:
            first, last = max(span.offset, begin), min(span.offset + span.length, end)
            if first < last:
                spans.append(attrs.evolve(span, offset=first - begin, length=last - first))
        return Text(plain, tuple(spans))


def text_of(text: str | Text) -> Text:
    """Plain words as text; text stays as it is."""
    return Text.of(text)


def marked(mark: Mark, text: str | Text, value: str = "", person: Person | None = None) -> Text:
    inner = Text.of(text)
    if not inner:
        return inner
    return Text(inner.plain, (Span(mark, 0, inner.units, value, person), *inner.spans))


def bold(text: str | Text) -> Text:
    return marked(Mark.BOLD, text)


def italic(text: str | Text) -> Text:
    return marked(Mark.ITALIC, text)


def code(text: str | Text) -> Text:
    return marked(Mark.CODE, text)


def pre(text: str | Text, language: str = "") -> Text:
    return marked(Mark.PRE, text, language)


def spoiler(text: str | Text) -> Text:
    return marked(Mark.SPOILER, text)


def quote(text: str | Text) -> Text:
    return marked(Mark.QUOTE, text)


def link(text: str | Text, url: str) -> Text:
    return marked(Mark.LINK, text, url)


def mention(person: Person, text: str | Text = "") -> Text:
    return marked(Mark.MENTION, text or person.name, person=person)


def filled(template: str, values: Mapping[str, object]) -> Text:
    """A template with `{name}` places; a value may be formatted text. KeyError where a value is
    missing.
    """
    made = Text()
    for words, name, _, _ in string.Formatter().parse(template):
        made += words
        if name is not None:
            value = values[name]
            made += value if isinstance(value, Text) else str(value)
    return made
