"""A card that follows a call: `show` at any time, only the newest state is sent (SP-8)."""

from __future__ import annotations

import asyncio

import attrs

from siptg.app.cards import ShownCard
from siptg.app.desk import Desk
from siptg.telegram.chat.cards import Card
from siptg.telegram.chat.text import Text


@attrs.define(eq=False)
class LiveCard:
    """Edits are slow and limited by Telegram; states that were overtaken are never sent."""

    desk: Desk
    _next: Card | None = attrs.field(default=None, init=False)
    _shown: ShownCard | None = attrs.field(default=None, init=False)
    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    def show(self, card: Card) -> None:
        self._next = card
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._catch_up(), name="card")

    async def retire(self, text: Text) -> bool:
        """The last word, without buttons; False where no card was ever shown."""
        self._next = None
        if self._shown is None and self._task is not None:
            await self._task  # it is being shown for the first time
        if self._shown is not None:
            await self._shown.retire(text)
        return self._shown is not None

    async def _catch_up(self) -> None:
        while self._next is not None:
            card, self._next = self._next, None
            if self._shown is None:
                self._shown = await self.desk.show(card)
            else:
                await self._shown.edit(card)
