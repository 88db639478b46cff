"""Formatted text: offsets in UTF-16 units, whatever people write."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from siptg.telegram.chat.entities import wired
from siptg.telegram.chat.text import (
    LONGEST,
    Mark,
    Text,
    bold,
    code,
    filled,
    italic,
    link,
    mention,
    pre,
    quote,
    spoiler,
    units,
)
from siptg.telegram.people import Person


def under(text: Text) -> list[tuple[Mark, str]]:
    """What each format covers, by UTF-16 units."""
    encoded = text.plain.encode("utf-16-le")
    return [
        (s.mark, encoded[2 * s.offset : 2 * (s.offset + s.length)].decode("utf-16-le"))
        for s in text.spans
    ]


def test_formats_nest_and_stay_where_they_belong() -> None:
    text = "😀 " + bold("Ann " + italic("Ω")) + " · " + code("1😀") + link("x", "https://e.org")
    assert str(text) == "😀 Ann Ω · 1😀x"
    assert under(text) == [
        (Mark.BOLD, "Ann Ω"),
        (Mark.ITALIC, "Ω"),
        (Mark.CODE, "1😀"),
        (Mark.LINK, "x"),
    ]


MARKS = st.sampled_from([bold, code, spoiler, quote, pre])


@given(st.lists(st.tuples(MARKS, st.text()), max_size=8))
def test_any_text_of_anybody_keeps_every_format_on_its_words(parts: list) -> None:  # type: ignore[type-arg]
    made, expected = Text(), []
    for mark, words in parts:
        piece = mark(words)
        made += piece
        expected += [str(piece)] if piece else []
    assert [words for _, words in under(made)] == expected
    sent, entities = wired(made)
    assert units(sent) <= LONGEST and sent == sent.strip()
    sent.encode()
    for entity in entities or []:
        assert 0 <= entity.offset < entity.offset + entity.length <= units(sent)


@given(st.text(min_size=1), st.integers(2, 40))
def test_a_cut_never_splits_a_character(words: str, longest: int) -> None:
    cut = bold(words).cut(longest)
    assert cut.units <= longest
    for _, covered in under(cut):
        assert covered


def test_what_servers_would_change_is_changed_before_offsets_are_counted() -> None:
    assert str(Text("a\r\nb\x00c\ud800")) == "a\nb c\ufffd"
    assert under(("  \n" + bold("x ")).trimmed()) == [(Mark.BOLD, "x")]


def test_templates_take_formatted_values_and_braces_of_strangers_are_only_braces() -> None:
    text = filled("{who} calls {line}", {"who": bold("{line} <b>"), "line": "Office"})
    assert str(text) == "{line} <b> calls Office"
    assert under(text) == [(Mark.BOLD, "{line} <b>")]


def test_a_mention_is_of_the_person() -> None:
    _, entities = wired(mention(Person(7, 8, "Ann")) + "!")
    assert entities is not None and entities[0].user_id.user_id == 7
