"""Telegram sends again what was not acknowledged; nothing of it is handled twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account
from siptg.telegram.account.telethon import new_client
from siptg.telegram.chat.bot import Bot
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.lab.resends import Patience
from tests.support.lab import settings, signed_in

WITHIN = 10.0


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab() as made:
        made.patience = Patience(first=0.02, times=3)
        made.add_user("Ann", "+100", "ann")
        made.add_user("Bob", "+200", "bob")
        made.add_bot("Bot", "the_bot", "777:token")
        yield made


def named(lab: Lab, name: str) -> LabAccount:
    return next(a for a in lab.accounts.values() if a.first_name == name)


async def all_again(lab: Lab, account: LabAccount) -> None:
    """Until all that the account's clients did not acknowledge has gone as often as it may."""
    async with asyncio.timeout(WITHIN):
        while any(link._resends.next is not None or link._out for link in account.links):
            await asyncio.sleep(0.01)
    assert lab.counters["sent_again"]


async def test_messages_and_calls_that_are_told_again_are_handled_once(lab: Lab) -> None:
    bob = named(lab, "Bob")
    async with (
        Account(settings(lab, await signed_in(lab, named(lab, "Ann")))) as ann,
        Account(settings(lab, await signed_in(lab, bob))) as account,
    ):
        lab.faults.lose_acks(bob, 10_000)
        person = await ann.find("bob")
        lab.withhold(bob)
        for text in ("one", "two"):
            await ann.send(person, text)
        lab.release(bob)  # both in one container
        call = await ann.call(person)
        theirs = await asyncio.wait_for(anext(account.calls()), WITHIN)
        await all_again(lab, bob)
        await ann.send(person, "three")
        messages = account.messages()
        texts = [(await asyncio.wait_for(anext(messages), WITHIN)).text for _ in range(3)]
        assert texts == ["one", "two", "three"]
        assert not len(account._messages) and account._desk._incoming.empty()
        await call.hangup()
        await theirs.wait_over(WITHIN)


async def test_queries_to_a_bot_that_come_again_in_a_container_are_taken_once(lab: Lab) -> None:
    bot = named(lab, "Bot")
    ann = new_client(settings(lab, await signed_in(lab, named(lab, "Ann"))))
    await ann.connect()
    peer = tl.InputUser(bot.id, bot.hash_for(named(lab, "Ann")))

    def ask(text: str) -> asyncio.Task[Any]:
        request = fn.messages.GetInlineBotResultsRequest(peer, tl.InputPeerSelf(), text, "")
        return asyncio.ensure_future(ann(request))

    tasks: list[asyncio.Task[Any]] = []
    async with Bot(settings(lab, await signed_in(lab, bot))) as connected:
        lab.faults.lose_acks(bot, 10_000)
        lab.withhold(bot)
        try:
            tasks += [ask("one"), ask("two")]
            async with asyncio.timeout(WITHIN):
                while len(bot.updates.held or []) < 2:
                    await asyncio.sleep(0.01)
            lab.release(bot)
            await all_again(lab, bot)
            tasks.append(ask("three"))
            texts: list[str] = []
            while "three" not in texts:
                texts.append((await asyncio.wait_for(connected.updates.get(), WITHIN)).query)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await ann.disconnect()
        assert texts == ["one", "two", "three"]
