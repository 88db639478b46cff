"""A question to a person: ask, check, ask again with what was wrong, give up in time (BT-6). Pure.

After each call send what `said()` gives, and wake at `deadline`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

from siptg.machine import Symbol, Table, step
from siptg.telegram.chat.text import Text

WAITS = 600.0
"""Seconds that a question waits for its answer."""
CANCEL = "/cancel"

T = TypeVar("T")


class State(Symbol):
    """Drawn in docs/states/form.md."""

    ASKING = "asking"
    ANSWERED = "answered"
    CANCELLED = "cancelled"
    LEFT = "left"
    """She pressed a button: she is somewhere else now."""
    OVER = "over"
    """The time was up."""


class Given(Symbol):
    """What can happen to a question."""

    GOOD = "a message that is an answer"
    WRONG = "a message that is none"
    UNFIT = "something else than text"
    CANCEL = "the word for it, or its button"
    BUTTON = "any other button"
    LATE = "the time is up"


class Wrong(ValueError):
    """A check's refusal: what is wrong with the answer, and one that would be right."""

    def __init__(self, problem: str | Text, example: str) -> None:
        super().__init__(str(problem))
        self.problem, self.example = Text.of(problem), example


@attrs.frozen
class FormWords:
    """What a form says beside its question."""

    wrong: Callable[[Text, str], Text]
    """(what is wrong, an example) → one text."""
    cancelled: Text
    over: Text


@attrs.define(eq=False)
class Form(Generic[T]):
    """One question. `check` gives the value of an answer, or raises `Wrong`."""

    question: Text
    check: Callable[[str], T]
    words: FormWords
    began: float
    waits: float = WAITS
    state: State = attrs.field(default=State.ASKING, init=False)
    value: T | None = attrs.field(default=None, init=False)
    _said: list[Text] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._said = [self.question]

    @property
    def deadline(self) -> float | None:
        """When to call `tick`; None when the form is done."""
        return self.began + self.waits if self.state is State.ASKING else None

    @property
    def done(self) -> bool:
        return self.state is not State.ASKING

    def read(self, text: str, now: float) -> None:
        """A message of hers; empty for anything that is not text."""
        if not self.tick(now) and not self.done:
            self._feed(text)

    def cancel(self, now: float) -> None:
        """The form's own button."""
        if not self.tick(now):
            step(self, TABLE, Given.CANCEL)

    def leave(self, now: float) -> None:
        """Any other button."""
        if not self.tick(now):
            step(self, TABLE, Given.BUTTON)

    def tick(self, now: float) -> bool:
        """True where the time was up by now."""
        late = self.deadline is not None and now >= self.began + self.waits
        return late and step(self, TABLE, Given.LATE)

    def said(self) -> list[Text]:
        """What to send her now, in order."""
        said, self._said = self._said, []
        return said

    def _feed(self, text: str) -> None:
        typed = text.strip()
        if not typed:
            step(self, TABLE, Given.UNFIT, None)
        elif typed.lower() == CANCEL:
            step(self, TABLE, Given.CANCEL)
        else:
            try:
                value = self.check(typed)
            except Wrong as wrong:
                step(self, TABLE, Given.WRONG, wrong)
            else:
                step(self, TABLE, Given.GOOD, value)

    # the table's actions

    def _keep(self, value: T) -> None:
        self.value = value

    def _ask_again(self, wrong: Wrong | None) -> None:
        """An unexpected message is answered by what is expected."""
        said = self.question if wrong is None else self.words.wrong(wrong.problem, wrong.example)
        self._said.append(said)

    def _say_cancelled(self) -> None:
        self._said.append(self.words.cancelled)

    def _say_over(self) -> None:
        self._said.append(self.words.over)


_F = Form
TABLE: Table = {
    (State.ASKING, Given.GOOD): (State.ANSWERED, (_F._keep,)),
    (State.ASKING, Given.WRONG): (State.ASKING, (_F._ask_again,)),
    (State.ASKING, Given.UNFIT): (State.ASKING, (_F._ask_again,)),
    (State.ASKING, Given.CANCEL): (State.CANCELLED, (_F._say_cancelled,)),
    (State.ASKING, Given.BUTTON): (State.LEFT, ()),
    (State.ASKING, Given.LATE): (State.OVER, (_F._say_over,)),
}
"""A form that is done takes nothing any more: the message is somebody else's then."""
