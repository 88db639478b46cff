"""Cards in the phone account's chats: sent through the bot's inline mode, edited by the bot.

A user account's messages cannot have buttons of their own; an inline result of a bot can, and the
phone account sends it (design: §7 of the wire protocol).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import secrets
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from typing import Any, Self

import attrs
from telethon import Button, TelegramClient, errors, events, helpers
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account, MessageRef
from siptg.telegram.account.health import AccountGone, Health, health_of
from siptg.telegram.account.telethon import new_client, peer_of, person_of, sent_id
from siptg.telegram.account.watch import Watch
from siptg.telegram.chat.cards import Card
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from siptg.telegram.settings import TelegramSettings

log = logging.getLogger(__name__)

SENT_WITHIN = 2.0
"""Seconds that the bot has to hear that its card was sent: only then can it be edited."""
ANSWER_WITHIN = 0.9
"""A press is answered within a second, whatever the product does (BT-19)."""
MOST_CARDS = 10_000
MAC_SIZE = 6
NOT_YOURS = "This button is for another person."
TOO_LATE = "This call is over."


class Bot:
    """The bot's side: `async with Bot(settings) as bot`. Its updates go to `Cards`."""

    def __init__(self, settings: TelegramSettings) -> None:
        self.me: Person
        self.updates: asyncio.Queue[Any] = asyncio.Queue()
        self._client = new_client(settings)
        self._watch = Watch(self._client, "the bot")

    async def __aenter__(self) -> Self:
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
        await self._client.is_user_authorized()
        self.me = person_of(me)
        kinds = (tl.UpdateBotInlineQuery, tl.UpdateBotInlineSend, tl.UpdateInlineBotCallbackQuery)
        self._client.add_event_handler(self.updates.put, events.Raw(kinds))
        self._watch.start()
        return self

    async def __aexit__(self, *why: object) -> None:
        await self._watch.stop()
        await self._client.disconnect()

    @property
    def health(self) -> Health:
        """How the bot stands with Telegram, as far as was noticed."""
        return self._watch.health

    async def gone(self) -> Health:
        """Wait until the bot's session or token is good no more; what happened."""
        return await self._watch.gone()

    async def ask(self, request: Any) -> Any:
        return await self._watch.ask(request)


@attrs.define(eq=False)
class _Live:
    """A card in a chat, from the bot's side."""

    cards: Cards
    person: Person
    token: str
    card: Card
    sent: asyncio.Future[Any] = attrs.field(
        factory=lambda: asyncio.get_running_loop().create_future()
    )
    message: MessageRef | None = None

    async def edit(self, card: Card) -> None:
        self.card = card
        await self.cards.edit(self, card)

    async def retire(self, text: str) -> None:
        self.cards.live.pop(self.token, None)
        await self.cards.edit(self, Card(text))


@attrs.define(eq=False)
class _Plain:
    """A card without buttons: where there is no bot, or it fails."""

    cards: Cards
    message: MessageRef | None

    async def edit(self, card: Card) -> None:
        if self.message is not None:
            await self.cards.edit_plain(self.message, card.text)

    async def retire(self, text: str) -> None:
        await self.edit(Card(text))


@attrs.frozen
class Press:
    """Somebody pressed a button of a live card that is theirs."""

    person_id: int
    data: str
    _cards: Cards = attrs.field(repr=False)
    _query: int

    async def answer(self, text: str = "") -> None:
        """Shown for a moment at the top of her screen; within a second, or nothing is shown."""
        await self._cards.answer(self._query, text)


class Cards:
    """`async with Cards(account, bot) as cards`: shows cards, hears presses."""

    def __init__(self, account: Account, bot: Bot | None) -> None:
        self.counters: Counter[str] = Counter()
        self.live: OrderedDict[str, _Live] = OrderedDict()
        self._account, self._bot = account, bot
        self._key = os.urandom(32)
        self._presses: asyncio.Queue[Press] = asyncio.Queue()
        self._open: dict[int, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if self._bot is not None:
            self._do(self._listen(self._bot))
        return self

    async def __aexit__(self, *why: object) -> None:
        for timer in self._open.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def show(self, person: Person, card: Card) -> _Live | _Plain:
        """A card in the chat with a person; plain text where buttons cannot be had. Never
        raises.
        """
        if self._bot is not None:
            try:
                return await self._show(self._bot, person, card)
            except TelegramRefused as refused:
                self.counters["card_failed"] += 1
                log.warning("a card comes without buttons: %s", refused)
        try:
            return _Plain(self, await self._account.send(person, card.text))
        except TelegramRefused as refused:
            self.counters["message_failed"] += 1
            log.warning("a card cannot be shown: %s", refused)
            return _Plain(self, None)

    async def presses(self) -> AsyncIterator[Press]:
        while True:
            yield await self._presses.get()

    async def edit(self, live: _Live, card: Card) -> None:
        """Never raises: what Telegram does not take now is caught up by the next edit."""
        try:
            async with asyncio.timeout(SENT_WITHIN):
                inline_id = await asyncio.shield(live.sent)
            if self._bot is not None:
                markup = self._markup(live.person, live.token, card)
                await self._bot.ask(
                    fn.messages.EditInlineBotMessageRequest(
                        inline_id, message=card.text, reply_markup=markup
                    )
                )
        except (TelegramRefused, TimeoutError) as refused:
            self.counters["edit_failed"] += 1
            log.info("a card was not edited: %s", refused)

    async def edit_plain(self, message: MessageRef, text: str) -> None:
        try:
            await self._account.edit(message, text)
        except TelegramRefused as refused:
            self.counters["edit_failed"] += 1
            log.info("a message was not edited: %s", refused)

    async def answer(self, query: int, text: str) -> None:
        timer = self._open.pop(query, None)
        if timer is None or self._bot is None:
            return  # answered, or too late for it
        timer.cancel()
        try:
            await self._bot.ask(
                fn.messages.SetBotCallbackAnswerRequest(query, 0, message=text or None)
            )
        except TelegramRefused as refused:
            log.info("a press was not answered: %s", refused)

    async def _show(self, bot: Bot, person: Person, card: Card) -> _Live:
        token = secrets.token_urlsafe(6)
        live = self.live[token] = _Live(self, person, token, card)
        while len(self.live) > MOST_CARDS:
            self.live.popitem(last=False)
        try:
            peer, user = peer_of(person), tl.InputUser(bot.me.id, await self._bot_hash(bot))
            found = await self._account.ask(
                fn.messages.GetInlineBotResultsRequest(user, peer, f"card {token}", "")
            )
            if not found.results:
                raise TelegramRefused(TelegramCause.INTERNAL, "the bot gave no card")
            sent = await self._account.ask(
                fn.messages.SendInlineBotResultRequest(
                    peer,
                    found.query_id,
                    found.results[0].id,
                    random_id=helpers.generate_random_long(),
                )
            )
        except TelegramRefused:
            self.live.pop(token, None)
            raise
        live.message = MessageRef(person, sent_id(sent))
        return live

    async def _bot_hash(self, bot: Bot) -> int:
        """The bot as the phone account knows it: access hashes are each account's own."""
        if bot.me.username is None:
            raise TelegramRefused(TelegramCause.UNKNOWN, "the bot has no user name")
        return (await self._account.find(bot.me.username)).access_hash

    # the bot's ear

    async def _listen(self, bot: Bot) -> None:
        while True:
            update = await bot.updates.get()
            try:
                await self._take(bot, update)
            except TelegramRefused as refused:
                log.info("the bot was refused: %s", refused)

    async def _take(self, bot: Bot, update: Any) -> None:
        match update:
            case tl.UpdateBotInlineQuery():
                await self._give_card(bot, update)
            case tl.UpdateBotInlineSend():
                live = self.live.get(update.id)
                if live is not None and not live.sent.done() and update.msg_id is not None:
                    live.sent.set_result(update.msg_id)
            case tl.UpdateInlineBotCallbackQuery():
                self._press(update)

    async def _give_card(self, bot: Bot, update: Any) -> None:
        """Only the phone account gets cards, and only those that it asks for now."""
        token = str(update.query).removeprefix("card ")
        if token.startswith("doctor "):
            return  # `siptg doctor` tries the bot beside us, and answers itself
        live = self.live.get(token) if update.user_id == self._account.me.id else None
        results = []
        if live is not None:
            message = tl.InputBotInlineMessageText(
                live.card.text, reply_markup=self._markup(live.person, token, live.card)
            )
            results.append(tl.InputBotInlineResult(token, "article", message, title="Call"))
        await bot.ask(
            fn.messages.SetInlineBotResultsRequest(update.query_id, results, 0, private=True)
        )

    def _press(self, update: Any) -> None:
        query, loop = update.query_id, asyncio.get_running_loop()
        self._open[query] = loop.call_later(ANSWER_WITHIN, self._answer_soon, query, "")
        token, data, mac = _taken_apart(bytes(update.data or b""))
        live = self.live.get(token)
        if live is None:
            self._answer_soon(query, TOO_LATE)
        elif live.person.id != update.user_id or not hmac.compare_digest(
            mac, self._mac(live.person, token, data)
        ):
            self.counters["foreign_press"] += 1
            self._answer_soon(query, NOT_YOURS)
        else:
            if not live.sent.done():
                live.sent.set_result(update.msg_id)
            self._presses.put_nowait(Press(update.user_id, data, self, query))

    def _answer_soon(self, query: int, text: str) -> None:
        self._do(self.answer(query, text))

    def _markup(self, person: Person, token: str, card: Card) -> Any:
        """By Telethon's own builder: the types behind buttons change with Telegram's layers."""
        rows = [
            [
                Button.inline(
                    b.label, f"{token}|{b.data}|{self._mac(person, token, b.data)}".encode()
                )
                for b in row
            ]
            for row in card.rows
        ]
        return TelegramClient.build_reply_markup(rows) if rows else None

    def _mac(self, person: Person, token: str, data: str) -> str:
        """Binds a button to person and card (BT-20)."""
        text = f"{person.id}|{token}|{data}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[: 2 * MAC_SIZE]

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _taken_apart(data: bytes) -> tuple[str, str, str]:
    parts = data.decode("utf-8", "replace").split("|")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else ("", "", "")
