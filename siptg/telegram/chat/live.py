"""One card in one chat, from its first showing to its last word.

A card is placed by one of two ways (`bodies`); whichever it is, only its newest state is sent,
equal states are not sent again, and what Telegram does not take now is caught up later (BT-22).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

import attrs

from siptg.telegram.chat.bodies import Body, Lost
from siptg.telegram.chat.cards import Card
from siptg.telegram.chat.text import Text
from siptg.telegram.people import Person, TelegramRefused

log = logging.getLogger(__name__)

LONGEST_PAUSE = 30.0
TRIES = 40
"""Of one state in a row; after about a quarter of an hour nobody looks at the card any more."""


class Table(Protocol):
    """What a card asks of where it lies (`shown.Cards`)."""

    async def place(self, live: LiveCard, lost: Lost | None = None) -> Body | None:
        """Send the card anew, by the way that works now; None where none does. Never raises."""
        ...

    def forget(self, live: LiveCard) -> None:
        """Its buttons are for nothing from now on."""
        ...

    def later(self, seconds: float, live: LiveCard) -> None:
        """Call `settle` again after a while."""
        ...


@attrs.define(eq=False)
class LiveCard:
    """Shown to one person; `edit` and `retire` never raise."""

    table: Table
    person: Person
    token: bytes
    about: str
    """What it is for: a call's id, or anything of the application."""
    wanted: Card
    shown: Card | None = None
    live: bool = True
    """Its buttons act."""
    body: Body | None = None
    _tries: int = 0
    _lock: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    async def edit(self, card: Card) -> None:
        """Show this instead; states that are overtaken meanwhile are never sent."""
        if self.live:
            self.wanted = card
            await self.settle()

    async def retire(self, text: str | Text) -> None:
        """The last edit: buttons go, the text stays as the record."""
        self.wanted = Card(text)
        self._end()
        await self.settle()

    async def give_way(self) -> None:
        """A newer card takes its place in the chat: its buttons go (BT-21)."""
        self.wanted = Card(self.wanted.text)
        self._end()
        await self.settle()

    async def settle(self) -> None:
        """Bring the chat to the newest state."""
        async with self._lock:
            if self.wanted == self.shown:
                return
            card = self.wanted
            try:
                if self.body is None:
                    self.body = await self.table.place(self)
                else:
                    await self.body.edit(card)
            except Lost as lost:
                log.info("a card is shown anew: %s", lost)
                # the last word of a card that somebody deleted is not wanted
                if self.live or lost.no_feedback:
                    self.body = await self.table.place(self, lost)
            except TelegramRefused as refused:
                self._try_later(refused)
                return
            self.shown, self._tries = card, 0

    def _end(self) -> None:
        self.live = False
        self.table.forget(self)

    def _try_later(self, refused: TelegramRefused) -> None:
        self._tries += 1
        log.info("a card is edited later: %s", refused)
        if self._tries <= TRIES:
            pause = min(2.0 ** (self._tries - 1), LONGEST_PAUSE)
            self.table.later(max(refused.seconds, pause), self)
