"""Cards in the phone account's chats: sent through the bot's inline mode, edited by the bot.

A user account's messages cannot have buttons of their own; an inline result of a bot can, and the
phone account sends it (design: §7 of the wire protocol). Where that fails, the card comes as text.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Self

import attrs
from telethon import Button, TelegramClient, helpers
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account, MessageRef
from siptg.telegram.account.pace import Priority
from siptg.telegram.account.telethon import peer_of, sent_id
from siptg.telegram.chat import typed
from siptg.telegram.chat.actions import Action, Actions
from siptg.telegram.chat.bodies import NO_FEEDBACK, Body, InlineBody, Lost, TextBody, send_text
from siptg.telegram.chat.bot import Bot
from siptg.telegram.chat.cards import Card
from siptg.telegram.chat.ear import Ear, Press, Started
from siptg.telegram.chat.entities import wired
from siptg.telegram.chat.live import LiveCard
from siptg.telegram.chat.stamp import TOKEN, Stamp
from siptg.telegram.chat.ways import AGAIN, Ways
from siptg.telegram.people import Person, TelegramCause, TelegramRefused

log = logging.getLogger(__name__)

QUERY_WITHIN = 3.0
"""Seconds that our own bot has for a card; then the card comes as text."""
MOST_CARDS = 10_000


@attrs.frozen
class Answers:
    """What is shown for a moment to who presses in vain."""

    too_late: str = "This call is over."
    not_yours: str = "This button is for another person."


class Cards:
    """`async with Cards(account, bot, actions) as cards`: shows cards, hears presses.

    `key` signs the buttons. Kept and given again after a restart, old buttons are still known as
    ours: they say that the call is over, leave their card, and `lasting` actions act. Without it
    every older button says that it is for somebody else.
    """

    def __init__(
        self,
        account: Account,
        bot: Bot | None,
        actions: Actions,
        *,
        key: bytes | None = None,
        answers: Callable[[int], Answers] = lambda person: Answers(),
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.live: OrderedDict[bytes, LiveCard] = OrderedDict()
        self.answers, self.actions = answers, actions
        self.stamp = Stamp(key or os.urandom(32))
        self._account, self._bot = account, bot
        self._ways = Ways()
        self._of: dict[int, LiveCard] = {}
        """Person → the live card in the chat with them."""
        self._bot_user: tuple[int, tl.InputUser] | None = None
        """(phone account, the bot as that knows it); asked once: Telegram is sparing with it."""
        self._sent: OrderedDict[bytes, asyncio.Future[Any]] = OrderedDict()
        """Token → the inline id, as soon as the bot hears it."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._ear = Ear(self, bot)

    async def __aenter__(self) -> Self:
        self.do(self._ear.listen())
        return self

    async def __aexit__(self, *why: object) -> None:
        self._ear.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def show(self, person: Person, card: Card, about: str = "") -> LiveCard:
        """The live card in the chat with a person; an older one gives way (BT-21). Never raises."""
        token = secrets.token_bytes(TOKEN)
        live = LiveCard(self, person, token, about, card)
        self.live[token] = live
        while len(self.live) > MOST_CARDS:
            self.do(next(iter(self.live.values())).give_way())
            self.live.popitem(last=False)
        older, self._of[person.id] = self._of.get(person.id), live
        if older is not None:
            self.do(older.give_way())
        await live.settle()
        return live

    def presses(self) -> AsyncIterator[Press]:
        """Good presses of people on their own cards, as they come."""
        return self._ear.presses()

    def starts(self) -> AsyncIterator[Started]:
        """Who came to the bot, by a link perhaps."""
        return self._ear.starts()

    def typed(self, person: int, text: str) -> tuple[Action, ...]:
        """The actions that a message asks of the person's live card, where it is a reply to it."""
        live = self._of.get(person)
        return () if live is None else typed.read(live.wanted, text)

    # for live cards

    async def place(self, live: LiveCard, lost: Lost | None = None) -> Body:
        """Through the bot where that works, else as text."""
        now, chat = asyncio.get_running_loop().time(), live.person.id
        if lost is not None and lost.no_feedback:
            self._ways.failed(chat, TelegramRefused(TelegramCause.INTERNAL, NO_FEEDBACK), now)
        bot = self._bot
        # without buttons it needs no bot, and its inline id would never be told
        wanted = live.live and bool(live.wanted.rows)
        if bot is not None and wanted and bot.connected and self._ways.usable(chat, now):
            for last in (False, True):
                try:
                    body = await self._place_inline(bot, live)
                except TelegramRefused as refused:
                    self.counters["card_failed"] += 1
                    self._bot_user = None  # it may be another one by now
                    if refused.text in AGAIN and not last:
                        continue
                    self._ways.failed(chat, refused, now)
                    log.warning("a card comes without buttons: %s", refused)
                    break
                self._ways.worked(chat)
                return body
        try:
            message = await send_text(
                self._account,
                live.person,
                typed.as_text(live.wanted),
                Priority.CARD,
                patient=False,
            )
        except TelegramRefused as refused:
            self.counters["message_failed"] += 1
            log.warning("a card cannot be shown: %s", refused)
            raise
        return TextBody(self._account, message, self.counters)

    def forget(self, live: LiveCard) -> None:
        self.live.pop(live.token, None)
        if self._of.get(live.person.id) is live:
            del self._of[live.person.id]

    def later(self, seconds: float, live: LiveCard) -> None:
        async def settle() -> None:
            await asyncio.sleep(seconds)
            await live.settle()

        self.do(settle())

    # for the bot's ear

    @property
    def owner(self) -> int:
        """Whom the bot gives cards: the phone account, whoever that is now."""
        return self._account.me.id

    def inline_result(self, token: bytes) -> Any:
        """What the bot gives for a card that is about to be sent, or None."""
        live = self.live.get(token)
        if live is None:
            return None
        message, entities = wired(live.wanted.text)
        body = tl.InputBotInlineMessageText(
            message, entities=entities, reply_markup=self._markup(live, live.wanted)
        )
        return tl.InputBotInlineResult(token.hex(), "article", body, title="Call")

    def learnt(self, token: bytes, inline_id: Any) -> None:
        """The bot was told under which id a card can be edited."""
        waiting = self._sent.get(token)
        if waiting is not None and not waiting.done() and inline_id is not None:
            waiting.set_result(inline_id)

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("! a task of cards broke", exc_info=error)

    async def _place_inline(self, bot: Bot, live: LiveCard) -> InlineBody:
        token = live.token
        self._sent[token] = told = asyncio.get_running_loop().create_future()
        while len(self._sent) > MOST_CARDS:
            self._sent.popitem(last=False)
        peer, user = peer_of(live.person), await self._as_known(bot)
        query = fn.messages.GetInlineBotResultsRequest(user, peer, f"card {token.hex()}", "")
        try:
            async with asyncio.timeout(QUERY_WITHIN):
                found = await self._account.ask(query)
        except TimeoutError:
            raise TelegramRefused(TelegramCause.SILENT, "BOT_RESPONSE_TIMEOUT") from None
        if not found.results:
            raise TelegramRefused(TelegramCause.INTERNAL, "the bot gave no card")
        sent = await self._account.ask(
            fn.messages.SendInlineBotResultRequest(
                peer, found.query_id, found.results[0].id, random_id=helpers.generate_random_long()
            )
        )
        message = MessageRef(live.person, sent_id(sent))

        def markup(card: Card) -> Any:
            return self._markup(live, card)

        return InlineBody(self._account, bot, message, told, markup, self.counters)

    async def _as_known(self, bot: Bot) -> tl.InputUser:
        """The bot as the phone account knows it: access hashes are each account's own."""
        if bot.me.username is None:
            raise TelegramRefused(TelegramCause.UNKNOWN, "BOT_INVALID")
        known = self._bot_user
        if known is None or (known[0], known[1].user_id) != (self.owner, bot.me.id):
            found = await self._account.find(bot.me.username)
            known = self._bot_user = self.owner, tl.InputUser(bot.me.id, found.access_hash)
        return known[1]

    def _markup(self, live: LiveCard, card: Card) -> Any:
        """By Telethon's own builder: the types behind buttons change with Telegram's layers."""
        rows = [
            [
                Button.inline(
                    b.label,
                    self.stamp.data(live.person.id, live.token, self.actions.encode(b.action)),
                )
                for b in row
            ]
            for row in card.rows
        ]
        return TelegramClient.build_reply_markup(rows) if rows else None
