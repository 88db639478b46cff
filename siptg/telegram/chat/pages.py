"""Long lists, a page at a time: ◀ 2/5 ▶."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import attrs

from siptg.telegram.chat.actions import Action
from siptg.telegram.chat.cards import Button

SIZE = 10
"""Items of a page."""

T = TypeVar("T")


@attrs.frozen
class Page(Generic[T]):
    items: tuple[T, ...]
    number: int
    """From 0."""
    count: int

    def buttons(self, turn: Callable[[int], Action]) -> tuple[Button, ...]:
        """The row that turns pages, none where there is one page alone; it goes round at the ends.
        The number in the middle shows its own page anew.
        """
        if self.count < 2:
            return ()
        back, on = (self.number - 1) % self.count, (self.number + 1) % self.count
        return (
            Button("◀", turn(back)),
            Button(f"{self.number + 1}/{self.count}", turn(self.number)),
            Button("▶", turn(on)),
        )


def page(items: Sequence[T], number: int, size: int = SIZE) -> Page[T]:
    """A page of a list; a number beyond it is its last or first page: lists grow and shrink while
    somebody looks at them.
    """
    count = max(-(-len(items) // size), 1)
    shown = min(max(number, 0), count - 1)
    return Page(tuple(items[shown * size : (shown + 1) * size]), shown, count)
