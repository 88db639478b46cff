"""Gaps, drops and restarts: every message is handled once, every missed call is told once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
import pytest_asyncio
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account, MissedCall
from siptg.telegram.account.session import (
    MOST_GLIMPSES,
    Entity,
    Glimpse,
    Handled,
    Kept,
    KeptSession,
    UpdateState,
)
from siptg.telegram.lab import Lab
from tests.support.lab import settings, signed_in

WITHIN = 20.0


@attrs.define(eq=False)
class Memory:
    """A keeper in memory: what outlives an account."""

    states: dict[int, UpdateState] = attrs.field(factory=dict)
    entities: dict[int, Entity] = attrs.field(factory=dict)
    handled: dict[Handled, None] = attrs.field(factory=dict)

    async def load(self) -> Kept:
        return Kept(tuple(self.states.values()), tuple(self.entities.values()), tuple(self.handled))

    async def save(self, new: Kept) -> None:
        self.states |= {state.entity: state for state in new.states}
        self.entities |= {entity.id: entity for entity in new.entities}
        self.handled |= dict.fromkeys(new.handled)


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab() as made:
        made.add_user("Ann", "+100", "ann")
        made.add_user("Bob", "+200", "bob")
        yield made


def user(lab: Lab, name: str) -> Any:
    return next(a for a in lab.accounts.values() if a.first_name == name)


@attrs.define(eq=False)
class Reader:
    """Bob's account, which can be killed and started again with what its keeper has."""

    lab: Lab
    session: str
    keeper: Memory = attrs.field(factory=Memory)
    texts: list[str] = attrs.field(factory=list)
    missed: list[MissedCall] = attrs.field(factory=list)
    rang: list[int] = attrs.field(factory=list)
    """Numbers of the calls that came."""
    account: Account | None = None
    _tasks: list[asyncio.Task[None]] = attrs.field(factory=list)

    async def start(self) -> None:
        self.account = Account(settings(self.lab, self.session), keeper=self.keeper)
        await self.account.__aenter__()
        works = self._read, self._hear, self._pick_up
        self._tasks = [asyncio.create_task(work(self.account)) for work in works]

    async def stop(self, *, crash: bool = False) -> None:
        assert self.account is not None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if crash:
            # what it would save from now on is lost with it
            self.account._session._keeper = Memory()
        await self.account.__aexit__(None, None, None)

    async def _read(self, account: Account) -> None:
        async for message in account.messages():
            self.texts.append(message.text)

    async def _hear(self, account: Account) -> None:
        async for call in account.missed():
            self.missed.append(call)

    async def _pick_up(self, account: Account) -> None:
        async for call in account.calls():
            self.rang.append(call.id)

    async def has(self, texts: int, missed: int = 0) -> None:
        async with asyncio.timeout(WITHIN):
            while len(self.texts) < texts or len(self.missed) < missed:
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def ann(lab: Lab) -> AsyncIterator[Account]:
    from siptg.telegram.account.pace import Rates

    fast = Rates(chat=10_000, chat_burst=1000, overall=10_000, overall_burst=1000, most_in_chat=500)
    session = await signed_in(lab, user(lab, "Ann"))
    async with Account(attrs.evolve(settings(lab, session), rates=fast)) as account:
        yield account


@pytest_asyncio.fixture
async def bob(lab: Lab) -> AsyncIterator[Reader]:
    reader = Reader(lab, await signed_in(lab, user(lab, "Bob")))
    await reader.start()
    yield reader
    await reader.stop()


async def write(ann: Account, *texts: str) -> None:
    person = await ann.find("bob")
    for text in texts:
        await ann.send(person, text)


async def test_a_lost_update_is_fetched_when_the_next_one_shows_the_hole(
    lab: Lab, ann: Account, bob: Reader
) -> None:
    lab.lose(user(lab, "Bob"))
    await write(ann, "lost", "seen")
    await bob.has(2)
    assert sorted(bob.texts) == ["lost", "seen"]


async def test_what_is_told_in_any_order_is_handled_in_order(
    lab: Lab, ann: Account, bob: Reader
) -> None:
    lab.withhold(user(lab, "Bob"))
    await write(ann, *map(str, range(20)))
    lab.release(user(lab, "Bob"), order=random.Random(7))
    await bob.has(20)
    assert bob.texts == [str(n) for n in range(20)]


async def test_a_difference_in_slices_is_taken_whole(lab: Lab, ann: Account, bob: Reader) -> None:
    await bob.stop()
    user(lab, "Bob").updates.slice_size = 7
    await write(ann, *map(str, range(30)))
    await bob.start()
    await bob.has(30)
    assert bob.texts == [str(n) for n in range(30)]


async def test_after_too_long_the_chats_are_read(lab: Lab, ann: Account, bob: Reader) -> None:
    await write(ann, "before")
    await bob.has(1)
    await bob.stop()
    user(lab, "Bob").updates.too_long = 5
    await write(ann, *map(str, range(30)))
    await bob.start()
    await bob.has(31)
    await write(ann, "after")
    await bob.has(32)
    assert bob.texts == ["before", *map(str, range(30)), "after"]


async def test_edits_in_a_difference_are_told(lab: Lab, ann: Account, bob: Reader) -> None:
    from telethon import events

    edits: asyncio.Queue[Any] = asyncio.Queue()
    sent = await ann.send(await ann.find("bob"), "one")
    await bob.has(1)
    assert bob.account is not None
    bob.account.telethon.add_event_handler(edits.put, events.MessageEdited())
    lab.lose(user(lab, "Bob"))
    await ann.edit(sent, "two")
    await write(ann, "next")
    event = await asyncio.wait_for(edits.get(), WITHIN)
    assert event.message.message == "two"


async def test_a_difference_that_fails_is_asked_for_again(
    lab: Lab, ann: Account, bob: Reader
) -> None:
    lab.refuse(user(lab, "Bob"), fn.updates.GetDifferenceRequest, 500, "INTERNAL", times=1)
    lab.lose(user(lab, "Bob"))
    await write(ann, "lost", "seen")
    await bob.has(2)


async def test_what_waits_when_the_process_dies_comes_again_and_what_was_handled_does_not(
    lab: Lab, ann: Account, bob: Reader
) -> None:
    await write(ann, "handled")
    await bob.has(1)
    assert bob.account is not None
    bob._tasks[0].cancel()  # the product takes nothing more
    await write(ann, "waiting")
    async with asyncio.timeout(WITHIN):
        while not len(bob.account._messages):
            await asyncio.sleep(0.02)
    await bob.stop(crash=True)
    await bob.start()
    await bob.has(2)
    await write(ann, "new")
    await bob.has(3)
    assert bob.texts == ["handled", "waiting", "new"]


async def test_a_call_while_away_is_told_once(lab: Lab, ann: Account, bob: Reader) -> None:
    await write(ann, "hello")
    await bob.has(1)
    await bob.stop()
    call = await ann.call(await ann.find("bob"))
    async with asyncio.timeout(WITHIN):
        while not lab.calls.by_id:
            await asyncio.sleep(0.02)
    await call.hangup()
    await bob.start()
    await bob.has(1, missed=1)
    await bob.stop()
    await bob.start()
    await write(ann, "more")
    await bob.has(2)
    assert [c.person.username for c in bob.missed] == ["ann"]


async def test_a_person_met_once_is_written_to_after_a_restart_without_a_lookup(
    lab: Lab, ann: Account, bob: Reader
) -> None:
    await write(ann, "hello")
    await bob.has(1)
    await bob.stop()
    await bob.start()
    assert bob.account is not None
    known = bob.account._session.person(user(lab, "Ann").id)
    assert known is not None and known.access_hash == user(lab, "Ann").hash_for(user(lab, "Bob"))


async def test_a_stale_access_hash_is_looked_up_once(lab: Lab, ann: Account) -> None:
    person = await ann.find("bob")
    bobs = user(lab, "Bob")
    bobs.secret = bytes(32)
    bobs._hashes.clear()
    await ann.send(person, "still reached")
    assert ann.counters["resolved_again"] == 1


def test_min_users_change_nothing_that_is_known() -> None:
    session = KeptSession()
    full = tl.User(5, access_hash=7, username="Ann", first_name="Ann")
    session.process_entities(tl.contacts.ResolvedPeer(None, [], [full]))
    session.process_entities(
        tl.contacts.ResolvedPeer(None, [], [tl.User(5, access_hash=8, min=True, first_name="A")])
    )
    known = session.person(5)
    assert known is not None and known.access_hash == 7
    assert session.get_entity_rows_by_username("ann") == (5, 7)


def test_where_somebody_was_seen_is_kept_until_more_is_known_of_them() -> None:
    session = KeptSession()
    for id in range(MOST_GLIMPSES + 2):
        session.glimpse(id, Glimpse(9, id))
    assert session.seen_in(0) is None and session.seen_in(5) == Glimpse(9, 5)
    session.meet(Entity(5, 7, None, "Ann"))
    session.glimpse(5, Glimpse(9, 6))
    assert session.seen_in(5) is None


async def test_a_min_caller_is_nobody_with_a_hash_of_use(lab: Lab, ann: Account) -> None:
    stranger = tl.User(77, access_hash=8, min=True, first_name="Carl", username="carl")
    person = await ann._who(77, {77: stranger})
    assert (person.access_hash, person.name, person.username) == (0, "Carl", "carl")


def test_a_name_that_nobody_has_is_not_the_account_itself() -> None:
    """Telethon keeps who we are as a person of the number 0."""
    session = KeptSession()
    itself = tl.InputPeerUser(0, 1234)
    session.process_entities(tl.contacts.ResolvedPeer(None, [itself], []))
    assert session.get_entity_rows_by_username("nobody") is None


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_happens_to_the_network_each_message_and_call_is_told_once(
    lab: Lab, ann: Account, bob: Reader, seed: int
) -> None:
    """A call rings, or is told as missed; both only where she that it rang for has crashed."""
    chance, them = random.Random(seed), user(lab, "Bob")
    them.updates.slice_size = 9
    person = await ann.find("bob")
    crashed: set[int] = set()
    for n in range(200):
        await ann.send(person, str(n))
        match chance.randrange(40):
            case 0:
                lab.drop(them)
            case 1:
                lab.lose(them, chance.randrange(1, 4))
            case 2:
                lab.withhold(them)
            case 3 | 4:
                lab.release(them, order=chance)
            case 5 if n % 3 == 0:
                crash = chance.random() < 0.5
                await bob.stop(crash=crash)
                crashed |= set(bob.rang) if crash else set()
                await bob.start()
            case 6 | 7 | 8:
                before = len(lab.calls.by_id)
                call = await ann.call(person)
                async with asyncio.timeout(WITHIN):
                    while len(lab.calls.by_id) == before:
                        await asyncio.sleep(0)
                await call.hangup()
            case _:
                pass
    them.updates.losing = 0
    lab.release(them)
    await ann.send(person, "end")
    await bob.has(201)
    calls = set(lab.calls.by_id)
    async with asyncio.timeout(WITHIN):
        while calls - set(bob.rang) - {call.id for call in bob.missed}:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    assert Counter(bob.texts) == Counter([*map(str, range(200)), "end"])
    missed = [call.id for call in bob.missed]
    assert len(calls) > 5 and set(missed) | set(bob.rang) == calls
    assert len(set(missed)) == len(missed)
    told = Counter([*missed, *bob.rang])
    assert {call for call, times in told.items() if times > 1} <= crashed
