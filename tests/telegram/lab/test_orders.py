"""What is typed at a lab phone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.telegram.lab.orders import HELP, NotUnderstood, Order, lesson, read


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("100", Order("write", "100")),
        ("  +49 30 123456 ", Order("write", "+49 30 123456")),
        ("\\:no order", Order("write", ":no order")),
        (":chat siptg", Order("chat", "siptg")),
        (":CH siptg", Order("chat", "siptg")),
        (":5", Order("press", "5")),
        (":#", Order("press", "#")),
        (":press ✖ End", Order("press", "✖ End")),
        (":ans", Order("answer")),
        (":call", Order("call")),
        (":say tone:440/2000", Order("say", "tone:440/2000")),
        (":wait 2.5", Order("wait", "2.5")),
    ],
)
def test_a_line_is_an_order(line: str, order: Order) -> None:
    assert read(line) == order


@pytest.mark.parametrize("line", ["", "   ", "# a comment of a script"])
def test_what_says_nothing_is_nothing(line: str) -> None:
    assert read(line) is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (":", "expected"),
        (":fly", "One of :chat"),
        (":chat", ":chat NAME expected"),
        (":h", "One of"),
        (":wait long", "up to 3600"),
        (":mute maybe", ":mute on"),
    ],
)
def test_what_is_no_order_is_told_what_was_expected(line: str, says: str) -> None:
    with pytest.raises(NotUnderstood, match=says):
        read(line)


@given(st.text())
def test_any_line_is_an_order_or_is_refused_in_words(line: str) -> None:
    try:
        order = read(line)
    except NotUnderstood as problem:
        assert str(problem)
    else:
        assert order is None or order.verb in {*HELP, "write"}


def test_the_lesson_names_every_order() -> None:
    assert all(any(line.startswith(f":{verb}") for line in lesson()) for verb in HELP)
