"""The bot's own connection to Telegram."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import attrs
from telethon import events
from telethon.tl import types as tl

from siptg.telegram.account.health import Health
from siptg.telegram.account.queue import Queue
from siptg.telegram.account.telethon import new_client, person_of
from siptg.telegram.account.watch import Watch
from siptg.telegram.chat.dc import ask_dc
from siptg.telegram.people import Person
from siptg.telegram.settings import TelegramSettings

KINDS = (
    tl.UpdateBotInlineQuery,
    tl.UpdateBotInlineSend,
    tl.UpdateInlineBotCallbackQuery,
)
MOST_WAITING = 10_000


@attrs.frozen
class Greeting:
    """Somebody wrote to the bot itself."""

    person: Person
    text: str


class Bot:
    """The bot's side: `async with Bot(settings) as bot`. Its updates go to `Cards`."""

    def __init__(self, settings: TelegramSettings) -> None:
        self.me: Person
        self.updates: asyncio.Queue[Any] = asyncio.Queue(MOST_WAITING)
        self._client = new_client(settings)
        self._watch = Watch(self._client, "the bot")
        self.queue = Queue(self._ask_where, settings.rates)
        """For edits of cards: in their turn, at Telegram's pace."""

    async def __aenter__(self) -> Self:
        self._client.add_event_handler(self._update, events.Raw(KINDS))
        self._client.add_event_handler(self._message, events.NewMessage(incoming=True))
        me = await self._watch.connect()
        await self._client.is_user_authorized()
        self.me = person_of(me)
        self._watch.start()
        await self.queue.__aenter__()
        return self

    async def __aexit__(self, *why: object) -> None:
        await self.queue.__aexit__(*why)
        await self._watch.stop()
        await self._client.disconnect()

    @property
    def health(self) -> Health:
        """How the bot stands with Telegram, as far as was noticed."""
        return self._watch.health

    async def gone(self) -> Health:
        """Wait until the bot's session or token is good no more; what happened."""
        return await self._watch.gone()

    @property
    def connected(self) -> bool:
        return bool(self._client.is_connected())

    async def ask(self, request: Any) -> Any:
        """One request, at once; TelegramRefused. Edits of cards go through `queue`."""
        return await self.queue.now(request)

    async def _ask_where(self, request: Any) -> Any:
        """Inline messages are edited where they lie, which is not always where the bot is."""
        dc = getattr(getattr(request, "id", None), "dc_id", None)
        if dc is None or dc == self._client.session.dc_id:
            return await self._watch.ask(request)
        return await ask_dc(self._client, request, dc)

    async def _message(self, event: Any) -> None:
        sender = await event.get_sender() if event.is_private else None
        if isinstance(sender, tl.User) and not sender.bot:
            await self._update(Greeting(person_of(sender), event.message.message or ""))

    async def _update(self, update: Any) -> None:
        if not self.updates.full():
            self.updates.put_nowait(update)
