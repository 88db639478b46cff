"""What the bot hears: queries for cards, where they were sent, and presses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import attrs
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.chat.actions import Action
from siptg.telegram.chat.bot import Bot, Greeting
from siptg.telegram.chat.links import started
from siptg.telegram.people import Person, TelegramRefused

if TYPE_CHECKING:
    from siptg.telegram.chat.shown import Cards

log = logging.getLogger(__name__)

ANSWER_WITHIN = 0.9
"""A press is answered within a second, whatever the product does (BT-19)."""
MOST_WAITING = 1000


@attrs.frozen
class Press:
    """Somebody pressed a button that is theirs."""

    person_id: int
    action: Action
    about: str
    """As the card was shown with; empty for a lasting action of an older card."""
    language: str
    """The presser's language, where Telegram told it (bots are told, users are not)."""
    _ear: Ear = attrs.field(repr=False)
    _query: int

    async def answer(self, text: str = "") -> None:
        """Shown for a moment at the top of her screen; within a second, or nothing is shown."""
        await self._ear.answer(self._query, text)


@attrs.frozen
class Started:
    """Somebody pressed Start in the bot's own chat."""

    person: Person
    """As the bot knows them: the access hash is the bot's."""
    payload: str


class Ear:
    """The bot's updates, taken one by one; nothing in them raises into its task."""

    def __init__(self, cards: Cards, bot: Bot | None) -> None:
        self._cards, self._bot = cards, bot
        self._presses: asyncio.Queue[Press] = asyncio.Queue(MOST_WAITING)
        self._starts: asyncio.Queue[Started] = asyncio.Queue(MOST_WAITING)
        self._open: dict[int, asyncio.TimerHandle] = {}

    def close(self) -> None:
        for timer in self._open.values():
            timer.cancel()
        self._open.clear()

    async def presses(self) -> AsyncIterator[Press]:
        while True:
            yield await self._presses.get()

    async def starts(self) -> AsyncIterator[Started]:
        while True:
            yield await self._starts.get()

    async def listen(self) -> None:
        while self._bot is not None:
            update = await self._bot.updates.get()
            try:
                self._take(self._bot, update)
            except (ValueError, TypeError, AttributeError) as error:
                self._cards.counters["malformed_update"] += 1
                log.debug("! the bot's update: %s", error)

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
            # mostly QUERY_ID_INVALID: the press is older than Telegram's patience
            self._cards.counters["answer_failed"] += 1
            log.info("a press was not answered: %s", refused)

    def _take(self, bot: Bot, update: Any) -> None:
        match update:
            case tl.UpdateBotInlineQuery():
                self._cards.do(self._give_card(bot, update))
            case tl.UpdateBotInlineSend():
                self._cards.learnt(bytes.fromhex(update.id), update.msg_id)
            case tl.UpdateInlineBotCallbackQuery():
                self._press(bot, update)
            case Greeting():
                self._start(update)

    async def _give_card(self, bot: Bot, update: Any) -> None:
        """Only the phone account gets cards, and only those that it asks for now."""
        if str(update.query).startswith("doctor "):
            return  # `siptg doctor` tries the bot beside us, and answers itself
        result = None
        if update.user_id == self._cards.owner:
            try:
                token = bytes.fromhex(str(update.query).removeprefix("card "))
                result = self._cards.inline_result(token)
            except ValueError as error:
                log.warning("! a card cannot be made: %s", error)
        request = fn.messages.SetInlineBotResultsRequest(
            update.query_id, [result] if result else [], 0, private=True
        )
        try:
            await bot.ask(request)
        except TelegramRefused as refused:
            log.info("a card was refused: %s", refused)

    def _press(self, bot: Bot, update: Any) -> None:
        cards, query, who = self._cards, update.query_id, update.user_id
        loop = asyncio.get_running_loop()
        self._open[query] = loop.call_later(ANSWER_WITHIN, self._answer_soon, query, "")
        read = cards.stamp.read(who, bytes(update.data or b""))
        if read is None:
            cards.counters["foreign_press"] += 1
            self._answer_soon(query, cards.answers(who).not_yours)
            return
        token, data = read
        live, action = cards.live.get(token), cards.actions.decode(data)
        if live is not None:
            cards.learnt(token, update.msg_id)
        if action is None or not (live or action.lasting) or self._presses.full():
            cards.counters["late_press"] += 1
            self._answer_soon(query, cards.answers(who).too_late)
            if live is None and (action is None or not action.lasting):
                cards.do(self._strip(bot, update.msg_id))
            return
        user = getattr(update, "_entities", {}).get(who)
        language = getattr(user, "lang_code", None) or ""
        about = live.about if live is not None else ""
        self._presses.put_nowait(Press(who, action, about, language, self, query))

    def _start(self, greeting: Greeting) -> None:
        payload = started(greeting.text)
        if payload is not None and not self._starts.full():
            self._starts.put_nowait(Started(greeting.person, payload))

    async def _strip(self, bot: Bot, inline_id: Any) -> None:
        """Take the buttons from a card of an earlier run: nobody else will."""
        try:
            await bot.ask(fn.messages.EditInlineBotMessageRequest(inline_id))
        except TelegramRefused as refused:
            log.debug("an old card keeps its buttons: %s", refused)

    def _answer_soon(self, query: int, text: str) -> None:
        self._cards.do(self.answer(query, text))
