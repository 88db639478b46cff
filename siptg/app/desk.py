"""What a conversation asks of the house around it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import attrs

from siptg.app.bridge import Beat, Sounds
from siptg.app.cards import ShownCard
from siptg.app.causes import Cause
from siptg.app.legs import Leg
from siptg.app.numbers import Wish
from siptg.app.store import CallRecord
from siptg.app.texts import Words
from siptg.telegram.chat.cards import Card
from siptg.telegram.chat.text import Text


class Refused(Exception):
    """A leg could not even begin; `cause` and `detail` are as a leg's `Ended` has them."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(detail or cause.value)
        self.cause, self.detail = cause, detail


@attrs.frozen
class LineTerms:
    """What a conversation has to know of the line it uses."""

    name: str
    ring_seconds: float
    callback_seconds: float
    ringback: Sounds
    refusal: Callable[[Cause], Sounds]
    """The tone that tells her why a party was not reached."""


class Desk(Protocol):
    """What a conversation asks of the house around it, for its one person."""

    @property
    def beat(self) -> Beat: ...

    @property
    def words(self) -> Words:
        """What she reads, in her language."""
        ...

    def now(self) -> datetime:
        """The time of day, UTC."""
        ...

    async def ring_her(self) -> Leg:
        """Call the person on Telegram; Refused where Telegram says no."""
        ...

    async def dial(self, line: str, wish: Wish) -> Leg:
        """Call a party through the line; Refused where that cannot begin."""
        ...

    async def say(self, text: str | Text) -> None:
        """A message in her chat; never raises."""
        ...

    async def show(self, card: Card) -> ShownCard:
        """A card in her chat; never raises."""
        ...

    async def record(self, record: CallRecord) -> None:
        """Keep a call; never raises."""
        ...
