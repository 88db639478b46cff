"""The two ways a card is in a chat: as an inline result of the bot, and as text with commands."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Protocol

import attrs
from telethon import helpers
from telethon.tl import functions as fn

from siptg.telegram.account.client import Account, MessageRef
from siptg.telegram.account.pace import Priority
from siptg.telegram.account.telethon import peer_of, sent_id
from siptg.telegram.chat.bot import Bot
from siptg.telegram.chat.cards import Card
from siptg.telegram.chat.entities import wired
from siptg.telegram.chat.text import Text
from siptg.telegram.chat.typed import as_text
from siptg.telegram.people import Person, TelegramCause, TelegramRefused

SENT_WITHIN = 2.0
"""Seconds that the bot has to hear that its card was sent: only then can it be edited."""
UNCHANGED = "MESSAGE_NOT_MODIFIED"
GONE = frozenset({"MESSAGE_ID_INVALID", "MESSAGE_EDIT_TIME_EXPIRED", "MESSAGE_AUTHOR_REQUIRED"})


NO_FEEDBACK = "NO_FEEDBACK"
"""The bot was not told the inline id of what was sent: its inline feedback is off."""


class Lost(Exception):
    """The message can be edited no more: it has to be shown anew."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.no_feedback = why == NO_FEEDBACK
        """We took it out of the chat ourselves: even its last word is wanted."""


class Body(Protocol):
    """A card's message."""

    async def edit(self, card: Card) -> None:
        """`Lost`, or TelegramRefused for what may be tried again."""
        ...


def _sender(body: InlineBody | TextBody) -> int:
    return body.account.me.id


@attrs.define(eq=False)
class InlineBody:
    """Sent by the phone account, edited by the bot under the inline id that it is told."""

    account: Account
    bot: Bot
    message: MessageRef
    inline_id: asyncio.Future[Any]
    markup: Any
    """Card → reply markup."""
    counters: Counter[str]
    _sender: int = attrs.field(default=attrs.Factory(_sender, takes_self=True))

    async def edit(self, card: Card) -> None:
        try:
            async with asyncio.timeout(SENT_WITHIN):
                at = await asyncio.shield(self.inline_id)
        except TimeoutError:
            # no inline feedback, and nobody pressed yet: this message stays as it is for ever
            self.counters["no_feedback"] += 1
            await self._take_out()
            raise Lost(NO_FEEDBACK) from None
        message, entities = wired(card.text)
        request = fn.messages.EditInlineBotMessageRequest(
            at, message=message, entities=entities, reply_markup=self.markup(card)
        )
        asked = self.bot.queue.send(
            self.message.person.id, Priority.CARD, request, key=("inline", at.id), patient=False
        )
        await edited(asked, self.counters)

    async def _take_out(self) -> None:
        if self.account.me.id != self._sender:
            return  # the number is that of a message of another phone account
        try:
            await self.account.ask(
                fn.messages.DeleteMessagesRequest([self.message.id], revoke=True)
            )
        except TelegramRefused:
            self.counters["left_behind"] += 1


@attrs.define(eq=False)
class TextBody:
    """A message of the phone account: no buttons, but a command for each."""

    account: Account
    message: MessageRef
    counters: Counter[str]
    _sender: int = attrs.field(default=attrs.Factory(_sender, takes_self=True))

    async def edit(self, card: Card) -> None:
        if self.account.me.id != self._sender:
            raise Lost("it was sent by another phone account")
        text, entities = wired(as_text(card))
        request = fn.messages.EditMessageRequest(
            peer_of(self.message.person), self.message.id, message=text, entities=entities
        )
        asked = self.account.queue.send(
            self.message.person.id,
            Priority.CARD,
            request,
            key=("edit", self.message.id),
            patient=False,
        )
        await edited(asked, self.counters)


async def edited(request: Any, counters: Counter[str]) -> None:
    """An edit; that nothing changed is no error."""
    try:
        await request
    except TelegramRefused as refused:
        if refused.text in GONE:
            raise Lost(refused.text) from None
        if refused.text != UNCHANGED:
            counters["edit_failed"] += 1
            raise


async def send_text(
    account: Account,
    person: Person,
    text: Text,
    priority: Priority = Priority.NOTE,
    *,
    patient: bool = True,
    once: bool = False,
) -> MessageRef:
    """A formatted message of the phone account, in its turn; TelegramRefused.

    `once`: while one waits that says the same, it is that one.
    """
    message, entities = wired(text)
    if not message:
        raise TelegramRefused(TelegramCause.INTERNAL, "MESSAGE_EMPTY")
    request = fn.messages.SendMessageRequest(
        peer_of(person), message, entities=entities, random_id=helpers.generate_random_long()
    )
    key = ("text", person.id, message) if once else None
    sent = await account.queue.send(person.id, priority, request, key=key, patient=patient)
    return MessageRef(person, sent_id(sent))
