"""What people send, and what is dialled (SP-1); what is shown of a caller (SP-11, SP-33)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.app.numbers import NotDialable, announcement, read_wish, shown_name
from siptg.app.texts import TEXTS


@pytest.mark.product("SP-1")
@pytest.mark.parametrize(
    ("sent", "target"),
    [
        ("100", "100"),
        (" +49 (30) 123-456 ", "+4930123456"),
        ("030/12.34.56", "030123456"),
        ("*97", "*97"),
        ("#31#123", "#31#123"),
        ("sales", "sales"),
        ("office.kyiv", "office.kyiv"),
        ("bob@example.com", "sip:bob@example.com"),
        ("sip:bob@example.com:5070", "sip:bob@example.com:5070"),
        ("tel:+4930123456", "+4930123456"),
    ],
)
def test_what_can_be_dialled(sent: str, target: str) -> None:
    assert read_wish(sent).target == target


@pytest.mark.product("SP-1")
@pytest.mark.parametrize(
    "sent",
    ["", "   ", "call me later", "@ann", "1\n2", "1" * 129, "👋", "sip:", "@", "+", "a@", "\0"],
)
def test_what_cannot_be_dialled_gets_a_hint_with_an_example(sent: str) -> None:
    with pytest.raises(NotDialable) as caught:
        read_wish(sent)
    assert "e.g. +49 30 123456" in str(caught.value.told(TEXTS.of("en")))
    assert "например" in str(caught.value.told(TEXTS.of("ru")))


@given(st.text(max_size=200))
def test_any_text_is_a_wish_or_a_hint(text: str) -> None:
    try:
        wish = read_wish(text)
    except NotDialable:
        return
    assert not re.search(r"[\s<>\"]", wish.target)


@pytest.mark.product("SP-33")
def test_the_announcement_has_three_fixed_lines() -> None:
    assert (
        announcement("+4930123456", "Example Ltd", "Office") == "☎ +4930123456\nExample Ltd\nOffice"
    )
    assert announcement("", None, "Office") == "☎ hidden\n—\nOffice"


@pytest.mark.product("SP-11.5")
@given(st.text(), st.text())
def test_no_name_or_number_can_break_the_three_lines(number: str, name: str) -> None:
    lines = announcement(number, name, "Office").split("\n")
    assert len(lines) == 3 and len(lines[1]) <= 64
    assert re.fullmatch(r"☎ \S+", lines[0])


def test_a_name_loses_what_would_turn_or_hide_text() -> None:
    assert shown_name("A\u202enn\u200b\x00  B\t.") == "Ann B."
