"""A phone account, its bot and people at a lab, with cards between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import attrs

from siptg.app.actions import ACTIONS, HangUp, Key
from siptg.telegram.account.client import Account
from siptg.telegram.chat.bot import Bot
from siptg.telegram.chat.cards import Button, Card
from siptg.telegram.chat.ear import Press
from siptg.telegram.chat.shown import Cards
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.lab.user import LabUser, Seen
from siptg.telegram.people import Person
from tests.support.lab import LOOPBACK, settings, signed_in

KEY = b"k" * 32
KEYPAD = tuple(tuple(Button(k, Key(k)) for k in row) for row in ("123", "456", "789", "*0#"))
END = (Button("✖ End", HangUp()),)


def keypad(text: str) -> Card:
    return Card(text, (*KEYPAD, END))


def plain(text: str) -> Card:
    return Card(text, (END,))


@attrs.define(eq=False)
class Scene:
    lab: Lab
    us: LabAccount
    bot_user: LabAccount
    account: Account
    bot: Bot
    cards: Cards
    ann: LabUser
    ann_user: LabAccount
    person: Person
    """Ann, as the phone account knows her."""
    chat: Person
    """The phone account, as Ann knows it."""

    async def pressed(self) -> Press:
        return await anext(self.cards.presses())

    async def sees(self, text: str, seconds: float = 8.0) -> Seen:
        """The newest message in her chat, as soon as it holds these words."""
        return await self.ann.sees(lambda seen: text in seen.text, seconds)

    def asked(self, request: str, account: str = "Cards") -> int:
        """How often the lab was asked something."""
        return sum(e.request == request and e.account == account for e in self.lab.log)


@asynccontextmanager
async def scene(
    *, feedback: bool = True, inline: bool = True, key: bytes = KEY
) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab())
        us = lab.add_user("Phone", "+1", "phone_account")
        bot_user = lab.add_bot("Cards", "cards_bot", "777:token")
        bot_user.inline, bot_user.inline_feedback = inline, feedback
        ann_user = lab.add_user("Ann", "+2", "ann_user")
        account = await stack.enter_async_context(Account(settings(lab, await signed_in(lab, us))))
        bot = await stack.enter_async_context(Bot(settings(lab, await signed_in(lab, bot_user))))
        cards = await stack.enter_async_context(Cards(account, bot, ACTIONS, key=KEY))
        ann = await stack.enter_async_context(LabUser(lab, ann_user, LOOPBACK))
        person = await account.find("ann_user")
        chat = await ann.find("phone_account")
        yield Scene(lab, us, bot_user, account, bot, cards, ann, ann_user, person, chat)
