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
from siptg.telegram.people import Person, TelegramCause, TelegramRefused

log = logging.getLogger(__name__)

LONGEST_PAUSE = 30.0
HOPEFUL = frozenset({TelegramCause.SILENT, TelegramCause.FLOOD, TelegramCause.INTERNAL})
"""Refusals that may be over some time later."""
TRIES = 40
"""Of one state in a row; after about a quarter of an hour nobody looks at the card any more."""


class Table(Protocol):
    """What a card asks of where it lies (`shown.Cards`)."""

    async def place(self, live: LiveCard, lost: Lost | None = None) -> Body:
        """Send the card anew, by the way that works now; TelegramRefused where none does."""
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
    _waits: bool = False
    """It will be settled later, and not before: Telegram asked for it."""
    _lock: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    async def edit(self, card: Card) -> None:
        """Show this instead; states that are overtaken meanwhile are never sent."""
        if self.live:
            self.wanted = card
            if not self._waits:
                await self.settle()

    async def retire(self, text: str | Text) -> None:
        """The last edit: buttons go, the text stays as the record."""
        self.wanted = Card(text)
        self._end()
        if not self._waits:
            await self.settle()

    async def give_way(self) -> None:
        """A newer card takes its place in the chat: its buttons go (BT-21)."""
        self.wanted = Card(self.wanted.text)
        self._end()
        if not self._waits:
            await self.settle()

    async def settle(self) -> None:
        """Bring the chat to the newest state."""
        async with self._lock:
            self._waits = False
            if self.wanted == self.shown:
                return
            card = self.wanted
            try:
                await self._bring(card)
            except TelegramRefused as refused:
                self._try_later(refused)
                return
            self.shown, self._tries = card, 0

    async def _bring(self, card: Card) -> None:
        if self.body is None:
            self.body = await self.table.place(self)
            return
        try:
            await self.body.edit(card)
        except Lost as lost:
            log.info("a card is shown anew: %s", lost)
            # the last word of a card that somebody deleted is not wanted
            if self.live or lost.no_feedback:
                self.body = None
                self.body = await self.table.place(self, lost)

    def _end(self) -> None:
        self.live = False
        self.table.forget(self)

    def _try_later(self, refused: TelegramRefused) -> None:
        self._tries += 1
        if refused.cause in HOPEFUL and self._tries <= TRIES:
            log.info("a card is brought up to date later: %s", refused)
            self._waits = True
            pause = min(2.0 ** (self._tries - 1), LONGEST_PAUSE)
            self.table.later(max(refused.seconds, pause), self)
