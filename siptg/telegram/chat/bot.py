"""The bot's own connection to Telegram."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

import attrs
from telethon import events
from telethon.tl import types as tl

from siptg.telegram.account.health import AccountState, Health
from siptg.telegram.account.moving import nobody
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
    """The bot's side: `async with Bot(settings) as bot`. Its updates go to `Cards`.

    Settings without a session make a bot that is not connected until `renew` brings one.
    """

    def __init__(self, settings: TelegramSettings) -> None:
        self.me: Person
        self.moved: Callable[[str], Awaitable[None]] = nobody
        """Told the session that takes the place of ours when Telegram moves the account."""
        self.updates: asyncio.Queue[Any] = asyncio.Queue(MOST_WAITING)
        self._settings = settings
        self._take_client()
        self.queue = Queue(self._ask_where, settings.rates)
        """For edits of cards: in their turn, at Telegram's pace."""

    async def __aenter__(self) -> Self:
        if self._settings.session:
            await self._connect()
        await self.queue.__aenter__()
        return self

    async def renew(self, session: str) -> None:
        """Another session in the place of one that is gone, or of none.

        AccountGone where Telegram does not know it; TelegramRefused where it may be tried again.
        """
        await self._watch.stop()
        await self._client.disconnect()
        self._settings = attrs.evolve(self._settings, session=session)
        self._take_client()
        await self._connect()

    def _take_client(self) -> None:
        self._client = new_client(self._settings)
        self._client.moved = self._move
        self._watch = Watch(self._client, "the bot")

    async def _move(self, session: str) -> None:
        self._settings = attrs.evolve(self._settings, session=session)
        await self.moved(session)

    async def _connect(self) -> None:
        self._client.add_event_handler(self._update, events.Raw(KINDS))
        self._client.add_event_handler(self._message, events.NewMessage(incoming=True))
        self.me = person_of(await self._watch.connect())
        self._watch.start()

    async def __aexit__(self, *why: object) -> None:
        await self.queue.__aexit__(*why)
        await self._watch.stop()
        await self._client.disconnect()

    @property
    def health(self) -> Health:
        """How the bot stands with Telegram, as far as was noticed."""
        return self._watch.health if self.session else Health(AccountState.UNKNOWN)

    async def gone(self) -> Health:
        """Wait until the bot's session or token is good no more; what happened."""
        return await self._watch.gone()

    @property
    def session(self) -> str:
        """The one that it was given last; empty where there was none."""
        return self._settings.session

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
