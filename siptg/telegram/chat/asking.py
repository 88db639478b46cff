"""Questions that are open, one a person: messages go to them, time goes on for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import attrs

from siptg.telegram.chat.form import WAITS, Form, FormWords
from siptg.telegram.chat.text import Text

T = TypeVar("T")
Say = Callable[[Text], Awaitable[None]]


@attrs.define(eq=False)
class _Open:
    form: Form[Any]
    say: Say
    changed: asyncio.Event


@attrs.define(eq=False)
class Asking:
    """The open questions of a chat application."""

    _open: dict[int, _Open] = attrs.field(factory=dict)

    async def ask(
        self,
        person: int,
        question: Text,
        check: Callable[[str], T],
        words: FormWords,
        say: Say,
        waits: float = WAITS,
    ) -> T | None:
        """Her answer; None where she cancelled, left, or let the time pass. A new question takes
        the place of an open one.
        """
        self.leave(person)
        loop = asyncio.get_running_loop()
        form = Form(question, check, words, loop.time(), waits)
        mine = self._open[person] = _Open(form, say, asyncio.Event())
        try:
            while True:
                for text in form.said():
                    await say(text)
                if form.deadline is None:
                    return form.value
                try:
                    async with asyncio.timeout_at(form.deadline):
                        await mine.changed.wait()
                except TimeoutError:
                    form.tick(loop.time())
                mine.changed.clear()
        finally:
            if self._open.get(person) is mine:
                del self._open[person]

    def take(self, person: int, text: str) -> bool:
        """A message of hers; False where no question of hers is open."""
        mine = self._open.get(person)
        if mine is None or mine.form.done:
            return False
        mine.form.read(text, asyncio.get_running_loop().time())
        mine.changed.set()
        return True

    def leave(self, person: int) -> None:
        """She pressed a button: whatever was asked is asked no more."""
        mine = self._open.get(person)
        if mine is not None:
            mine.form.leave(asyncio.get_running_loop().time())
            mine.changed.set()
