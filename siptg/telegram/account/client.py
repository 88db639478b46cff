"""A user account of Telegram, by Telethon: people, messages, calls."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Self

import attrs
from telethon import errors, events, helpers
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.rtp.clock import MediaClock
from siptg.telegram.account.calls import CallDesk
from siptg.telegram.account.health import AccountGone, Health, health_of
from siptg.telegram.account.telethon import (
    new_client,
    peer_of,
    person_of,
    sent_id,
)
from siptg.telegram.account.watch import Watch
from siptg.telegram.call import api
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.times import CallTimes
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from siptg.telegram.settings import TelegramSettings

log = logging.getLogger(__name__)

MOST_WAITING = 1000


@attrs.frozen
class ChatMessage:
    """A text in a private chat; for anything else than text, `text` is empty."""

    person: Person
    text: str
    date: datetime
    id: int


@attrs.frozen
class MessageRef:
    """A message of ours, to edit it."""

    person: Person
    id: int


class Account:
    """`async with Account(settings) as account`: signed in, and it stays so."""

    def __init__(
        self,
        settings: TelegramSettings,
        *,
        times: CallTimes | None = None,
        clock: MediaClock | None = None,
    ) -> None:
        """`clock` is the one that moves the calls' audio; its beat then empties their sockets."""
        self.settings = settings
        self.counters: Counter[str] = Counter()
        self.me: Person
        self._client = new_client(settings)
        self._watch = Watch(self._client, "the phone account")
        self._desk = CallDesk(
            self.ask, self._who, lambda: self.me.id, settings, times=times, clock=clock
        )
        self._messages: asyncio.Queue[ChatMessage] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        # before it connects: what comes with the very first bytes is not to be lost
        self._client.add_event_handler(self._update, events.Raw(api.UPDATES))
        self._client.add_event_handler(self._message, events.NewMessage(incoming=True))
        try:
            await self._client.connect()
            (me,) = await self.ask(fn.users.GetUsersRequest([tl.InputUserSelf()]))
        except (errors.AuthKeyNotFound, TelegramRefused) as error:
            await self._client.disconnect()
            word = error.text if isinstance(error, TelegramRefused) else "AUTH_KEY_NOT_FOUND"
            health = health_of(word)
            if health is None:
                raise
            raise AccountGone(health) from None
        # Telethon's own knowledge of it, which its updates need
        await self._client.is_user_authorized()
        await self._client.get_me()
        self.me = person_of(me)
        self._watch.start()
        # Telegram's group is proved sound now, in a thread: the first call shall not wait for it
        self._proving = asyncio.create_task(self._desk.prove())
        return self

    async def __aexit__(self, *why: object) -> None:
        """Hang up what is left, then leave."""
        await self._desk.close()
        self._proving.cancel()
        await asyncio.gather(self._proving, return_exceptions=True)
        await self._watch.stop()
        await self._client.disconnect()

    @property
    def health(self) -> Health:
        """How the account stands with Telegram, as far as was noticed."""
        return self._watch.health

    async def gone(self) -> Health:
        """Wait until the account is signed out, banned or deleted; what happened."""
        return await self._watch.gone()

    @property
    def session(self) -> str:
        return str(self._client.session.save())

    @property
    def telethon(self) -> Any:
        """The client below, for this package's own rooms."""
        return self._client

    @property
    def connected(self) -> bool:
        return bool(self._client.is_connected())

    async def ask(self, request: Any) -> Any:
        """One request of ours; TelegramRefused where Telegram says no, or nothing."""
        return await self._watch.ask(request)

    # people and messages

    async def find(self, username: str) -> Person:
        """Somebody by user name; TelegramRefused where there is nobody."""
        found = await self.ask(fn.contacts.ResolveUsernameRequest(username))
        for user in found.users:
            return person_of(user)
        raise TelegramRefused(TelegramCause.UNKNOWN, "USERNAME_NOT_OCCUPIED")

    async def messages(self) -> AsyncIterator[ChatMessage]:
        """What people write to us, as it comes."""
        while True:
            yield await self._messages.get()

    async def send(self, person: Person, text: str) -> MessageRef:
        sent = await self.ask(
            fn.messages.SendMessageRequest(
                peer_of(person), text, random_id=helpers.generate_random_long()
            )
        )
        return MessageRef(person, sent_id(sent))

    async def edit(self, message: MessageRef, text: str) -> None:
        await self.ask(
            fn.messages.EditMessageRequest(peer_of(message.person), message.id, message=text)
        )

    # calls

    def calls(self) -> AsyncIterator[TelegramCall]:
        """Who calls us, as they come; each is to be answered or declined."""
        return self._desk.calls()

    async def call(self, person: Person) -> TelegramCall:
        """Call somebody; what becomes of it is in the call's events."""
        return await self._desk.call(person)

    # news from Telegram

    async def _message(self, event: Any) -> None:
        if not event.is_private or self._messages.qsize() >= MOST_WAITING:
            self.counters["message_skipped"] += 1
            return
        sender = await event.get_sender()
        if not isinstance(sender, tl.User) or sender.bot or sender.is_self:
            return
        text = "" if event.message.media else (event.message.message or "")
        self._messages.put_nowait(
            ChatMessage(person_of(sender), text, event.message.date, event.message.id)
        )

    async def _update(self, update: Any) -> None:
        news = api.read(update)
        if news is not None:
            await self._desk.take(news, getattr(update, "_entities", {}))

    async def _who(self, user_id: int, users: dict[int, Any]) -> Person:
        """By what came with the news, else by what the session knows, else a stranger."""
        user = users.get(user_id)
        if user is None:
            try:
                user = await self._client.get_entity(tl.PeerUser(user_id))
            except (ValueError, errors.RPCError):
                user = tl.User(user_id, access_hash=0)
        return person_of(user)
