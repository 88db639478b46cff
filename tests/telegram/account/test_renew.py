"""An account that goes on with another session: what waits is read once, by whoever has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import attrs
import pytest
import pytest_asyncio

from siptg.telegram.account.client import Account, ChatMessage
from siptg.telegram.account.health import AccountGone, AccountState
from siptg.telegram.call import events
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.people import TelegramCause, TelegramRefused
from tests.support.lab import settings, signed_in
from tests.support.two import until
from tests.telegram.account.test_updates import Memory


@attrs.define(eq=False)
class Scene:
    lab: Lab
    users: dict[str, LabAccount]
    account: Account
    """Ann's, at first."""
    bob: Account
    keeper: Memory

    async def lose(self) -> None:
        self.lab.revoke(next(u for u in self.users.values() if u.id == self.account.me.id))
        await asyncio.wait_for(self.account.gone(), 15)

    async def renew(self, name: str, keeper: Memory) -> None:
        user = self.users[name]
        await self.account.renew(await signed_in(self.lab, user), user.id, keeper)

    async def write(self, name: str, text: str) -> None:
        await self.bob.send(await self.bob.find(name), text)

    async def waiting(self) -> None:
        async with asyncio.timeout(8):
            while not len(self.account._messages):
                await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def on() -> AsyncIterator[Scene]:
    async with Lab() as lab:
        names = ("ann", "bob", "carl")
        users = {name: lab.add_user(name, f"+{n}00", name) for n, name in enumerate(names, 1)}
        keeper = Memory()
        ann = Account(settings(lab, await signed_in(lab, users["ann"])), keeper=keeper)
        bob = Account(settings(lab, await signed_in(lab, users["bob"])))
        async with ann, bob:
            yield Scene(lab, users, ann, bob, keeper)


async def next_of(messages: AsyncIterator[ChatMessage]) -> str:
    return (await asyncio.wait_for(anext(messages), 8)).text


async def test_the_same_user_reads_each_message_once_over_the_loss(on: Scene) -> None:
    messages = on.account.messages()
    await on.write("ann", "read before")
    assert await next_of(messages) == "read before"
    await on.write("ann", "waited")
    await on.waiting()
    await on.lose()
    await on.write("ann", "came meanwhile")
    await on.renew("ann", on.keeper)
    await on.write("ann", "came after")
    read = [await next_of(messages) for _ in range(3)]
    assert read == ["waited", "came meanwhile", "came after"]


async def test_what_waits_of_one_user_hides_nothing_of_the_next(on: Scene) -> None:
    messages = on.account.messages()
    await on.write("ann", "to ann")
    await on.waiting()
    await on.lose()
    other = Memory()
    await on.renew("carl", other)
    assert on.account.me.id == on.users["carl"].id
    assert await next_of(messages) == "to ann"
    for text in ("to carl", "the next"):
        await on.write("carl", text)
        assert await next_of(messages) == text
    assert len(other.handled) == 1, "what was Ann's is not Carl's"


@pytest.mark.parametrize("name", ["ann", "carl"])
async def test_calls_live_on_with_the_same_user_only(on: Scene, name: str) -> None:
    call = await on.account.call(await on.account.find("bob"))
    theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
    await theirs.answer()
    await asyncio.gather(until(call, events.Answered), until(theirs, events.Answered))
    await on.lose()
    await on.renew(name, on.keeper if name == "ann" else Memory())
    assert call.is_over is (name == "carl")
    await call.hangup()
    await until(theirs, events.Ended)


async def test_a_session_that_telegram_does_not_know_leaves_the_account_gone(on: Scene) -> None:
    ann = on.users["ann"]
    session = await signed_in(on.lab, ann)
    await on.lose()
    with pytest.raises(AccountGone):
        await on.account.renew(session, ann.id, on.keeper)
    assert (await on.account.gone()).state is AccountState.REVOKED
    with pytest.raises(TelegramRefused) as refused:
        await on.account.find("bob")
    assert refused.value.cause is TelegramCause.GONE
    await on.renew("ann", on.keeper)
    assert (await on.account.find("bob")).username == "bob"
