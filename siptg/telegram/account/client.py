"""A user account of Telegram, by Telethon: people, messages, calls."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Self

import attrs
from telethon import events, helpers
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.rtp.clock import MediaClock
from siptg.telegram.account.calls import STALE_AFTER, CallDesk
from siptg.telegram.account.hashes import STALE, put_in
from siptg.telegram.account.health import Health
from siptg.telegram.account.inbox import Inbox
from siptg.telegram.account.moving import nobody
from siptg.telegram.account.pace import Priority
from siptg.telegram.account.queue import Queue
from siptg.telegram.account.session import Glimpse, Keeper, KeptSession
from siptg.telegram.account.telethon import (
    new_client,
    peer_of,
    person_of,
    sent_id,
)
from siptg.telegram.account.watch import Watch
from siptg.telegram.call import api
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.events import CallUpdate, Requested
from siptg.telegram.call.times import CallTimes
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from siptg.telegram.settings import TelegramSettings

log = logging.getLogger(__name__)


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


@attrs.frozen
class MissedCall:
    """Somebody called while we were away."""

    person: Person
    date: datetime
    id: int
    """Telegram's number of the call."""


class Account:
    """`async with Account(settings) as account`: signed in, and it stays so."""

    def __init__(
        self,
        settings: TelegramSettings,
        *,
        times: CallTimes | None = None,
        clock: MediaClock | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        """`keeper` has what is to outlive the process: how far we have read, and whom we met.
        `clock` is the one that moves the calls' audio; its beat then empties their sockets."""
        self.settings = settings
        self.counters: Counter[str] = Counter()
        self.me: Person
        self.moved: Callable[[str], Awaitable[None]] = nobody
        """Told the session that takes the place of ours when Telegram moves the account."""
        self._changed = asyncio.Event()
        self._take_client(keeper)
        self.queue = Queue(self._ask_once, settings.rates)
        self._desk = CallDesk(
            self.ask, self._who, lambda: self.me.id, settings, times=times, clock=clock
        )
        self._messages: Inbox[tuple[Callable[[], None], ChatMessage]] = Inbox()
        self._missed: Inbox[tuple[Callable[[], None], MissedCall]] = Inbox()
        self._waiting: set[tuple[str, int]] = set()
        """Messages and missed calls that the product has not handled yet."""
        self._users = 0
        """How many Telegram users there were before: numbers of messages are each one's own."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._connect()
        await self.queue.__aenter__()
        self._do(self._keep())
        # Telegram's group is proved sound now, in a thread: the first call shall not wait for it
        self._proving = asyncio.create_task(self._desk.prove())
        return self

    async def renew(self, session: str, user: int, keeper: Keeper | None = None) -> None:
        """A session of that Telegram user in the place of one that is gone: who holds the account
        keeps it.

        Calls of the same user live on; those of another one are hung up. AccountGone where
        Telegram does not know the new session either; TelegramRefused where it may be tried again.
        """
        if user != self.me.id:
            await self._desk.close()
            self._waiting.clear()
            self._users += 1
        await self._watch.stop()
        await self._client.disconnect()
        await self._session.flush()
        self.settings = attrs.evolve(self.settings, session=session)
        self._take_client(keeper)
        await self._connect()

    def _take_client(self, keeper: Keeper | None) -> None:
        self._client = new_client(self.settings, keeper)
        self._session: KeptSession = self._client.session
        self._client.saved = self._changed.set
        self._client.moved = self._move
        self._watch = Watch(self._client, "the phone account")

    async def _move(self, session: str) -> None:
        self.settings = attrs.evolve(self.settings, session=session)
        await self.moved(session)

    async def _connect(self) -> None:
        # before it connects: what comes with the very first bytes is not to be lost
        self._client.add_event_handler(self._update, events.Raw(api.UPDATES))
        self._client.add_event_handler(self._message, events.NewMessage(incoming=True))
        self._client.add_event_handler(self._call_note, events.Raw(tl.UpdateNewMessage))
        self.me = person_of(await self._watch.connect())
        self._watch.start()

    async def __aexit__(self, *why: object) -> None:
        """Hang up what is left, then leave."""
        await self._desk.close()
        self._proving.cancel()
        await asyncio.gather(self._proving, return_exceptions=True)
        await self._watch.stop()
        await self.queue.__aexit__(*why)
        await self._client.disconnect()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.flush()

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

    @property
    def happened(self) -> Counter[str]:
        """What is worth counting, of people, messages and calls."""
        return self.counters + self._desk.counters

    async def ask(self, request: Any) -> Any:
        """One request, at once; TelegramRefused where Telegram says no, or nothing."""
        return await self.queue.now(request)

    async def _ask_once(self, request: Any) -> Any:
        """Ask; who is refused for a person's stale access hash asks once more with a new one."""
        try:
            return await self._watch.ask(request)
        except TelegramRefused as refused:
            if refused.text not in STALE:
                raise
            if not await put_in(request, self._session, self._watch.ask):
                raise
        self.counters["resolved_again"] += 1
        return await self._watch.ask(request)

    # people and messages

    async def find(self, username: str) -> Person:
        """Somebody by user name; TelegramRefused where there is nobody."""
        found = await self.ask(fn.contacts.ResolveUsernameRequest(username))
        for user in found.users:
            return person_of(user)
        raise TelegramRefused(TelegramCause.UNKNOWN, "USERNAME_NOT_OCCUPIED")

    async def messages(self) -> AsyncIterator[ChatMessage]:
        """What people write to us, as it comes. Who asks for the next has handled the last: that
        is kept, and neither a gap nor a restart brings it again.
        """
        while True:
            handled, message = await self._messages.get()
            yield message
            handled()
            await self._session.flush()

    async def missed(self) -> AsyncIterator[MissedCall]:
        """Who called while we were away, each call once."""
        while True:
            handled, call = await self._missed.get()
            yield call
            handled()
            await self._session.flush()

    def _is_known(self, kind: str, id: int) -> bool:
        """Whether it was handled, or waits to be."""
        return (kind, id) in self._waiting or self._session.is_handled(kind, id)

    def _hand_over(self, kind: str, id: int) -> Callable[[], None]:
        """For what waits to be handled: until this is called the saved state stays before it."""
        self._waiting.add((kind, id))
        client, token, users = self._client, self._client.progress.wait(), self._users

        def handled() -> None:
            client.handled(token)
            if users == self._users:
                self._session.handle(kind, id)
                self._waiting.discard((kind, id))

        return handled

    async def send(
        self, person: Person, text: str, *, priority: Priority = Priority.NOTE
    ) -> MessageRef:
        request = fn.messages.SendMessageRequest(
            self._peer(person), text, random_id=helpers.generate_random_long()
        )
        sent = await self.queue.send(person.id, priority, request)
        return MessageRef(person, sent_id(sent))

    async def edit(
        self, message: MessageRef, text: str, *, priority: Priority = Priority.CARD
    ) -> None:
        """Of the edits that wait for their turn only the last is made."""
        person, id = message.person, message.id
        request = fn.messages.EditMessageRequest(self._peer(person), id, message=text)
        key = ("edit", person.id, id)
        await self.queue.send(person.id, priority, request, key=key, text=text)

    def _peer(self, person: Person) -> Any:
        """By the newest access hash that we know of them."""
        known = self._session.person(person.id)
        return tl.InputPeerUser(person.id, known.access_hash) if known else peer_of(person)

    # calls

    @property
    def calls_now(self) -> int:
        """Calls that there are; those that ring are among them."""
        return self._desk.calls_now

    async def calls(self) -> AsyncIterator[TelegramCall]:
        """Who calls us, as they come; each is to be answered or declined."""
        async for call in self._desk.calls():
            if call.is_over and self._is_known("c", call.id):
                continue  # she gave up, and is told as missed
            self._taken_up(call.id)
            yield call

    async def call(self, person: Person) -> TelegramCall:
        """Call somebody; what becomes of it is in the call's events."""
        known = self._session.person(person.id)
        if known is not None:
            person = attrs.evolve(person, access_hash=known.access_hash)
        return await self._desk.call(person)

    # news from Telegram: these run one after the other, so none of them waits for an answer

    async def _message(self, event: Any) -> None:
        message = event.message
        if not event.is_private or self._is_known("m", message.id):
            return
        sender = self._user(event.sender, message.sender_id or 0)
        if sender is None or sender.bot or sender.is_self:
            return
        if not self._messages.has_room(sender.id):
            self.counters["message_skipped"] += 1
            return
        text = "" if message.media else (message.message or "")
        news = ChatMessage(person_of(sender), text, message.date, message.id)
        self._messages.put(sender.id, (self._hand_over("m", news.id), news))

    async def _update(self, update: Any) -> None:
        news = api.read(update)
        if news is None:
            return
        users = getattr(update, "_entities", {})
        if isinstance(news, Requested):
            if self._is_known("c", news.id):
                return
            if datetime.now(UTC) - news.date > STALE_AFTER:
                self._miss(news.id, await self._who(news.caller, users), news.date)
        self._do(self._take(news, users))

    async def _take(self, news: CallUpdate, users: dict[int, Any]) -> None:
        if await self._desk.take(news, users):
            self._taken_up(news.id)

    def _taken_up(self, call: int) -> None:
        """No longer to be missed."""
        self._session.handle("c", call)
        self._changed.set()

    async def _call_note(self, update: Any) -> None:
        """Each new message: whom it names, and the line that a call leaves in the chat, which is
        the news of a call that never rang here.
        """
        message, users = update.message, getattr(update, "_entities", {})
        chat = getattr(message.peer_id, "user_id", 0)
        for id, named in users.items():
            if chat and isinstance(named, tl.User) and named.min:
                self._session.glimpse(id, Glimpse(chat, message.id))
        action = getattr(message, "action", None)
        if not isinstance(action, tl.MessageActionPhoneCall) or message.out:
            return
        missed = isinstance(action.reason, tl.PhoneCallDiscardReasonMissed)
        if missed and chat:
            self._miss(action.call_id, await self._who(chat, users), message.date)

    def _miss(self, call: int, person: Person, date: datetime) -> None:
        if self._is_known("c", call):
            return
        if not self._missed.has_room(person.id):
            self.counters["missed_skipped"] += 1
            return
        self.counters["missed_call"] += 1
        self._missed.put(person.id, (self._hand_over("c", call), MissedCall(person, date, call)))

    def _user(self, user: Any, id: int) -> Any:
        """A user with an access hash that can be used, or without one: that of a "min" user can
        not, and `_resolve` asks for another when there is need.
        """
        if isinstance(user, tl.User) and user.access_hash and not user.min:
            return user
        known = self._session.person(id)
        if known is None:
            if not isinstance(user, tl.User):
                return None
            name, last = user.first_name, user.last_name
            return tl.User(
                id, bot=user.bot, first_name=name, last_name=last, username=user.username
            )
        bot = isinstance(user, tl.User) and user.bot
        return tl.User(
            id,
            bot=bot,
            access_hash=known.access_hash,
            first_name=known.name,
            username=known.username,
        )

    async def _who(self, user_id: int, users: dict[int, Any]) -> Person:
        """By what came with the news, else by what the session knows, else a stranger."""
        user = self._user(users.get(user_id), user_id)
        if user is None:
            self.counters["stranger"] += 1
        return person_of(user or tl.User(user_id, access_hash=0))

    async def _keep(self) -> None:
        """Save what is new, as soon as there is something, one transaction after the other."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._session.flush()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
