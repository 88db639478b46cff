"""The bot's own connection to Telegram."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import attrs
from telethon import events
from telethon.tl import types as tl

from siptg.telegram.account.telethon import NotSignedIn, new_client, person_of
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

    async def __aenter__(self) -> Self:
        self._client.add_event_handler(self._update, events.Raw(KINDS))
        self._client.add_event_handler(self._message, events.NewMessage(incoming=True))
        await self._client.connect()
        if not await self._client.is_user_authorized():
            await self._client.disconnect()
            raise NotSignedIn("Telegram does not know the bot's session: is its token still good?")
        self.me = person_of(await self._client.get_me())
        return self

    async def __aexit__(self, *why: object) -> None:
        await self._client.disconnect()

    @property
    def connected(self) -> bool:
        return bool(self._client.is_connected())

    async def ask(self, request: Any, dc: int | None = None) -> Any:
        """One request, to another data centre where it is said; TelegramRefused."""
        # inline messages are edited where they lie, which is not always where the bot is at home
        return await ask_dc(self._client, request, dc)

    async def _message(self, event: Any) -> None:
        sender = await event.get_sender() if event.is_private else None
        if isinstance(sender, tl.User) and not sender.bot:
            await self._update(Greeting(person_of(sender), event.message.message or ""))

    async def _update(self, update: Any) -> None:
        if not self.updates.full():
            self.updates.put_nowait(update)
