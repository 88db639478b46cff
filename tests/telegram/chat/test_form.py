"""Questions: asked, checked, asked again, given up; each row of the form's table."""

from __future__ import annotations

import asyncio

import pytest

from siptg.telegram.chat.asking import Asking
from siptg.telegram.chat.form import TABLE, WAITS, Form, FormWords, Given, State, Wrong
from siptg.telegram.chat.text import Text

WORDS = FormWords(
    lambda problem, example: problem + f" For example: {example}", Text("Cancelled."), Text("Over.")
)


def seconds(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 120:
        raise Wrong(f"{text} is no number from 1 to 120.", "60")
    return int(text)


def form() -> Form[int]:
    made = Form(Text("How long?"), seconds, WORDS, 0.0)
    assert [str(t) for t in made.said()] == ["How long?"]
    return made


def said(asked: Form[int]) -> list[str]:
    return [str(text) for text in asked.said()]


@pytest.mark.product("BT-6")
def test_a_wrong_answer_is_told_with_an_example_and_a_right_one_ends_it() -> None:
    asked = form()
    asked.read("long", 1.0)
    assert said(asked) == ["long is no number from 1 to 120. For example: 60"]
    asked.read(" 90 ", 2.0)
    assert (asked.state, asked.value, asked.deadline, said(asked)) == (
        State.ANSWERED,
        90,
        None,
        [],
    )


def test_something_else_than_text_is_answered_by_what_is_expected() -> None:
    asked = form()
    asked.read("", 1.0)
    assert (said(asked), asked.state) == (["How long?"], State.ASKING)


@pytest.mark.parametrize("way", ["word", "button"])
def test_it_can_be_cancelled(way: str) -> None:
    asked = form()
    if way == "word":
        asked.read("/CANCEL", 1.0)
    else:
        asked.cancel(1.0)
    assert (asked.state, said(asked)) == (State.CANCELLED, ["Cancelled."])


def test_any_other_button_leaves_it_without_a_word() -> None:
    asked = form()
    asked.leave(1.0)
    assert (asked.state, said(asked)) == (State.LEFT, [])


@pytest.mark.product("BT-6")
def test_it_waits_ten_minutes() -> None:
    asked = form()
    assert not asked.tick(WAITS - 0.1) and asked.deadline == WAITS == 600.0
    asked.read("60", WAITS)  # too late, though nobody ticked
    assert (asked.state, asked.value, said(asked)) == (State.OVER, None, ["Over."])


def test_a_form_that_is_done_takes_nothing_more() -> None:
    asked = form()
    asked.read("60", 1.0)
    asked.read("61", 2.0)
    asked.cancel(3.0)
    asked.leave(4.0)
    assert not asked.tick(1000.0)
    assert (asked.value, said(asked)) == (60, [])
    assert {given for _, given in TABLE} == set(Given)


async def test_messages_go_to_the_open_question_and_a_new_one_takes_its_place() -> None:
    asking, heard = Asking(), []

    async def say(text: Text) -> None:
        heard.append(str(text))

    async def ask(waits: float = WAITS) -> int | None:
        return await asking.ask(7, Text("How long?"), seconds, WORDS, say, waits)

    assert not asking.take(7, "60")
    first = asyncio.create_task(ask())
    await asyncio.sleep(0)
    second = asyncio.create_task(ask())
    assert await first is None
    assert asking.take(7, "x") and not asking.take(8, "60")
    await asyncio.sleep(0)
    assert asking.take(7, "60")
    assert await second == 60
    assert await ask(0.01) is None
    third = asyncio.create_task(ask())
    await asyncio.sleep(0)
    asking.leave(7)
    assert await third is None and not asking.take(7, "60")
    assert heard == [
        "How long?",
        "How long?",
        "x is no number from 1 to 120. For example: 60",
        "How long?",
        "Over.",
        "How long?",
    ]
