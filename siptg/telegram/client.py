"""A user account of Telegram, by Telethon: people, messages, calls."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import attrs
from telethon import TelegramClient, errors, events, helpers
from telethon.crypto import rsa
from telethon.sessions import StringSession
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.rtp.clock import MediaClock
from siptg.telegram import tl_calls
from siptg.telegram.calls import TelegramCall
from siptg.telegram.dh import Group, KeyRefused, Secret
from siptg.telegram.events import Discarded, Requested
from siptg.telegram.machine import CallTimes
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from siptg.telegram.refusals import refusal_of
from siptg.telegram.settings import TelegramSettings

log = logging.getLogger(__name__)

ANSWER_WITHIN = 20.0
"""Seconds that Telegram has for one request."""
STALE_AFTER = timedelta(seconds=90)
"""News of a call that is older than any call rings (after a pause) is no news."""
MOST_WAITING = 1000


class NotSignedIn(Exception):
    """The session is not, or no more, good; the text says what to do."""


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


class _Client(TelegramClient):  # type: ignore[misc]
    """Telethon, but it asks for what it missed after each reconnection."""

    async def _handle_auto_reconnect(self) -> None:
        await super()._handle_auto_reconnect()
        await self.catch_up()


def new_client(settings: TelegramSettings) -> TelegramClient:
    """Telethon as we want it: no sleeping through flood waits, no silent repetitions, no giving
    up.
    """
    session = StringSession(settings.session or None)
    if settings.server is not None:
        server = settings.server
        rsa.add_key(server.public_key, old=False)
        if not settings.session:
            session.set_dc(server.dc_id, server.host, server.port)
    return _Client(
        session,
        settings.api_id,
        settings.api_hash,
        device_model="siptg",
        app_version="1",
        connection_retries=None,
        retry_delay=1,
        request_retries=0,
        raise_last_call_error=True,
        flood_sleep_threshold=0,
        catch_up=True,
        use_ipv6=False,
    )


def person_of(user: tl.User) -> Person:
    name = " ".join(part for part in (user.first_name, user.last_name) if part)
    return Person(user.id, user.access_hash or 0, name or str(user.id), user.username)


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
        self.settings, self._clock = settings, clock
        self.counters: Counter[str] = Counter()
        self.me: Person
        self._times = times or CallTimes()
        self._client = new_client(settings)
        self._calls: dict[int, TelegramCall] = {}
        self._asking: list[TelegramCall] = []
        self._incoming: asyncio.Queue[TelegramCall] = asyncio.Queue()
        self._messages: asyncio.Queue[ChatMessage] = asyncio.Queue()
        self._group: Group | None = None
        self._chance = b""

    @classmethod
    async def sign_in(
        cls,
        settings: TelegramSettings,
        phone: str,
        code: Callable[[], Awaitable[str]],
        password: Callable[[], Awaitable[str]] | None = None,
    ) -> str:
        """Sign a user in by the code that Telegram sends; the session to keep. TelegramRefused
        else.
        """
        client = new_client(settings)
        try:
            await client.connect()
            sent = await ask(
                client,
                fn.auth.SendCodeRequest(
                    phone, settings.api_id, settings.api_hash, tl.CodeSettings()
                ),
            )
            try:
                await client.sign_in(phone, await code(), phone_code_hash=sent.phone_code_hash)
            except errors.SessionPasswordNeededError:
                if password is None:
                    raise
                await client.sign_in(password=await password())
            return str(client.session.save())
        except errors.RPCError as error:
            raise refusal_of(error) from None
        finally:
            await client.disconnect()

    @classmethod
    async def sign_in_bot(cls, settings: TelegramSettings, token: str) -> str:
        """Sign a bot in by its token; the session to keep."""
        client = new_client(settings)
        try:
            await client.connect()
            await client.sign_in(bot_token=token)
            return str(client.session.save())
        except errors.RPCError as error:
            raise refusal_of(error) from None
        finally:
            await client.disconnect()

    async def __aenter__(self) -> Self:
        # before it connects: what comes with the very first bytes is not to be lost
        self._client.add_event_handler(self._update, events.Raw(tl_calls.UPDATES))
        self._client.add_event_handler(self._message, events.NewMessage(incoming=True))
        try:
            await self._client.connect()
            me = await self._client.get_me() if await self._client.is_user_authorized() else None
        except errors.AuthKeyNotFound:
            me = None
        if me is None:
            await self._client.disconnect()
            raise NotSignedIn("Telegram knows this session no more: run `siptg login` again")
        self.me = person_of(me)
        # Telegram's group is proved sound now, in a thread: the first call shall not wait for it
        self._proving = asyncio.create_task(self._prove())
        return self

    async def __aexit__(self, *why: object) -> None:
        """Hang up what is left, then leave."""
        calls = [*self._calls.values(), *self._asking]
        for call in calls:
            await call.hangup()
        await asyncio.gather(*(call.wait_over(1.0) for call in calls))
        self._proving.cancel()
        await asyncio.gather(self._proving, return_exceptions=True)
        await self._client.disconnect()

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

    async def calls(self) -> AsyncIterator[TelegramCall]:
        """Who calls us, as they come; each is to be answered or declined."""
        while True:
            yield await self._incoming.get()

    async def call(self, person: Person) -> TelegramCall:
        """Call somebody; what becomes of it is in the call's events."""
        secret = await self._secret()
        call = self._new_call(person, secret, outgoing=True)
        self._asking.append(call)
        call.start()
        return call

    def _new_call(
        self, person: Person, secret: Callable[[], Secret], *, outgoing: bool
    ) -> TelegramCall:
        api = tl_calls.Calls(self.ask, self.settings.versions, self._know)
        return TelegramCall(
            api,
            person,
            secret,
            outgoing=outgoing,
            times=self._times,
            addresses=self.settings.ice_addresses,
            clock=self._clock,
            over=self._forget,
        )

    def _know(self, call_id: int, commitment: bytes) -> None:
        """Our request has its number: news of it find their call from now on."""
        for call in self._asking:
            if call.commitment == commitment:
                self._asking.remove(call)
                self._calls[call_id] = call
                return

    def _forget(self, call: TelegramCall) -> None:
        self._calls.pop(call.id, None)
        if call in self._asking:
            self._asking.remove(call)

    async def _prove(self) -> None:
        try:
            await self._secret()
        except TelegramRefused as refused:
            log.warning("no group for keys yet: %s", refused)

    async def _secret(self) -> Callable[[], Secret]:
        """Ready to draw our half of a key; TelegramRefused where Telegram's group is not sound."""
        version = self._group.version if self._group else 0
        config = await self.ask(fn.messages.GetDhConfigRequest(version, 256))
        self._chance = bytes(config.random)
        if isinstance(config, tl.messages.DhConfig):
            group = Group(int.from_bytes(config.p, "big"), config.g, config.version)
            try:
                await asyncio.to_thread(_check, group)
            except KeyRefused as error:
                raise TelegramRefused(TelegramCause.SECURITY, str(error)) from None
            self._group = group
        if self._group is None:
            raise TelegramRefused(TelegramCause.SECURITY, "Telegram gave no group")
        group, extra = self._group, self._chance
        return lambda: Secret.draw(group, os.urandom, extra)

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
        news = tl_calls.read(update)
        if news is None:
            return
        call = self._calls.get(news.id)
        if call is not None:
            call.update(news)
        elif isinstance(news, Requested):
            await self._rings(news, getattr(update, "_entities", {}))
        elif len(self._asking) == 1 and not isinstance(news, Discarded):
            # the update may overtake the result of our request
            self._asking[0].update(news)
        else:
            self.counters["unknown_call"] += 1

    async def _rings(self, news: Requested, entities: dict[int, Any]) -> None:
        if datetime.now(UTC) - news.date > STALE_AFTER:
            self.counters["stale_call"] += 1
            return
        user = entities.get(news.caller)
        if user is None:
            try:
                user = await self._client.get_entity(tl.PeerUser(news.caller))
            except (ValueError, errors.RPCError):
                user = tl.User(news.caller, access_hash=0)
        try:
            secret = await self._secret()
        except TelegramRefused as refused:
            log.error("a call cannot be taken: %s", refused)
            return
        if news.id in self._calls:
            return
        call = self._new_call(person_of(user), secret, outgoing=False)
        self._calls[news.id] = call
        call.update(news)
        if self._incoming.qsize() < MOST_WAITING:
            self._incoming.put_nowait(call)

    async def ask(self, request: Any) -> Any:
        """One request of ours; TelegramRefused where Telegram says no, or nothing."""
        return await ask(self._client, request)


_one_at_a_time = threading.Lock()


def _check(group: Group) -> None:
    """Prove a group sound; whoever comes meanwhile waits and finds it proved."""
    with _one_at_a_time:
        group.check(os.urandom)


async def ask(client: TelegramClient, request: Any) -> Any:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            return await client(request)
    except errors.RPCError as error:
        raise refusal_of(error) from None
    except TimeoutError:
        raise TelegramRefused(TelegramCause.SILENT, "no answer") from None
    except (ConnectionError, OSError) as error:
        raise TelegramRefused(TelegramCause.SILENT, str(error) or "no connection") from None


def peer_of(person: Person) -> tl.InputPeerUser:
    return tl.InputPeerUser(person.id, person.access_hash)


def sent_id(sent: Any) -> int:
    """The number of a message that we sent, from the server's answer."""
    if isinstance(sent, tl.UpdateShortSentMessage):
        return int(sent.id)
    for update in sent.updates:
        if isinstance(update, tl.UpdateMessageID):
            return int(update.id)
    for update in sent.updates:
        if isinstance(update, tl.UpdateNewMessage):
            return int(update.message.id)
    return 0
