"""Telegram gives an account another data centre as its home: its session goes along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import attrs
import pytest
import pytest_asyncio
from telethon.sessions import StringSession
from telethon.tl import functions as fn

from siptg.telegram.account.client import Account
from siptg.telegram.account.health import AccountState
from siptg.telegram.account.sign_in import sign_out, who_is
from siptg.telegram.call import events
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.lab.dcs import data_centre
from siptg.telegram.lab.link import Link, Refused
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from tests.support.lab import settings, signed_in
from tests.support.two import until


@attrs.define(eq=False)
class Scene:
    """Ann's account is at home in data centre 2; there are 4 and 5 too."""

    lab: Lab
    user: LabAccount
    ann: Account
    bob: Account
    at_bob: Person
    """Ann, as Bob knows her."""
    kept: list[str] = attrs.field(factory=list)
    """Sessions that took the place of another."""

    def asked(self, request: str) -> int:
        return sum(e.request == request and e.account == "Ann" for e in self.lab.log)


@pytest_asyncio.fixture
async def on() -> AsyncIterator[Scene]:
    async with Lab() as lab, data_centre(lab, 4), data_centre(lab, 5):
        ann, bob = lab.add_user("Ann", "+100", "ann"), lab.add_user("Bob", "+200", "bob")
        a = Account(settings(lab, await signed_in(lab, ann)))
        b = Account(settings(lab, await signed_in(lab, bob)))
        async with a, b:
            made = Scene(lab, ann, a, b, await b.find("ann"))

            async def keep(session: str) -> None:
                made.kept.append(session)

            a.moved = keep
            yield made


async def test_a_request_that_is_sent_elsewhere_is_answered_there_and_the_session_is_kept(
    on: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    before = on.ann.session
    on.lab.dcs.move(on.user, 4)
    assert (await on.ann.find("bob")).name == "Bob"
    (kept,) = on.kept
    assert kept == on.ann.session == on.ann.settings.session
    old, new = StringSession(before), StringSession(kept)
    assert (old.dc_id, new.dc_id) == (2, 4) and old.auth_key.key != new.auth_key.key
    assert "to data centre 4" in caplog.text
    # news come over the new home, and calls go through
    await on.bob.send(on.at_bob, "hello")
    assert (await asyncio.wait_for(anext(on.ann.messages()), 8)).text == "hello"
    call = await on.bob.call(on.at_bob)
    here = await asyncio.wait_for(anext(on.ann.calls()), 8)
    await here.decline()
    await until(call, events.Ended)
    assert not on.ann.health.word and on.asked("ExportAuthorizationRequest") == 1


async def test_the_new_session_is_good_for_the_next_start_without_the_old_key(on: Scene) -> None:
    on.lab.dcs.move(on.user, 4)
    await on.ann.find("bob")
    (kept,) = on.kept
    new = StringSession(kept).auth_key.key
    for entry in on.lab.keys.values():
        if entry.key.key != new and entry.account is on.user:
            entry.account = None
    async with Account(settings(on.lab, kept)) as again:
        assert (await again.find("bob")).name == "Bob"


async def test_who_only_listens_goes_along_and_misses_nothing(on: Scene) -> None:
    on.lab.dcs.move(on.user, 4)
    await on.bob.send(on.at_bob, "while nobody told us")
    await on.ann.telethon.catch_up()  # as Telethon does by itself when nothing comes for long
    message = await asyncio.wait_for(anext(on.ann.messages()), 10)
    assert message.text == "while nobody told us" and len(on.kept) == 1


async def test_all_who_ask_at_once_are_answered_after_one_move(on: Scene) -> None:
    on.lab.dcs.move(on.user, 4)
    found = await asyncio.gather(*(on.ann.find("bob") for _ in range(10)))
    assert [person.name for person in found] == ["Bob"] * 10 and len(on.kept) == 1


@pytest.mark.parametrize("word", ["USER_MIGRATE_4", "PHONE_MIGRATE_4", "NETWORK_MIGRATE_4"])
async def test_every_word_for_it_is_followed(on: Scene, word: str) -> None:
    on.lab.refuse(on.user, fn.contacts.ResolveUsernameRequest, 303, word)
    on.lab.dcs.homes[on.user.id] = 4
    assert (await on.ann.find("bob")).name == "Bob"
    assert StringSession(on.ann.session).dc_id == 4


async def test_who_is_sent_from_one_to_the_other_goes_twice_and_then_no_more(
    on: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(link: Link, query: type) -> Refused | None:
        if link.account is not on.user or query is not fn.contacts.ResolveUsernameRequest:
            return None
        return Refused(303, f"USER_MIGRATE_{5 if on.lab.dcs.of(link) == 4 else 4}")

    monkeypatch.setattr(type(on.lab.dcs), "refused", lambda _, link, query: away(link, query))
    with pytest.raises(TelegramRefused) as refused:
        await on.ann.find("bob")
    assert refused.value.cause is TelegramCause.GONE
    assert (await asyncio.wait_for(on.ann.gone(), 5)).state is AccountState.MOVED
    assert on.asked("ResolveUsernameRequest") == 3 and len(on.kept) == 2


async def test_an_account_that_is_not_let_go_is_gone_as_it_was(on: Scene) -> None:
    on.lab.dcs.move(on.user, 4)
    on.lab.refuse(on.user, fn.auth.ExportAuthorizationRequest, 400, "DC_ID_INVALID")
    before = on.ann.session
    with pytest.raises(TelegramRefused) as refused:
        await on.ann.find("bob")
    assert refused.value.cause is TelegramCause.GONE and not on.kept
    assert (await asyncio.wait_for(on.ann.gone(), 5)).state is AccountState.MOVED
    assert on.ann.session == before


async def test_who_only_listens_and_is_not_let_go_is_gone_too(on: Scene) -> None:
    on.lab.dcs.move(on.user, 4)
    on.lab.refuse(on.user, fn.auth.ExportAuthorizationRequest, 400, "DC_ID_INVALID")
    await on.ann.telethon.catch_up()
    assert (await asyncio.wait_for(on.ann.gone(), 5)).state is AccountState.MOVED


async def test_a_home_that_is_not_reached_is_tried_again_by_the_next_who_asks(
    on: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    on.lab.dcs.move(on.user, 4)
    there = on.lab.dcs.addresses[4]
    on.lab.dcs.addresses[4] = ("127.0.0.1", 9)
    with pytest.raises(TelegramRefused) as refused:
        await on.ann.find("bob")
    assert refused.value.cause is TelegramCause.SILENT and not on.kept
    on.lab.dcs.addresses[4] = there
    assert (await on.ann.find("bob")).name == "Bob"


async def test_who_leaves_in_the_middle_of_a_move_is_gone(on: Scene) -> None:
    came = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        on.lab.dcs.move(on.user, 4)
        on.lab.dcs.addresses[4] = server.sockets[0].getsockname()[:2]
        asking = asyncio.create_task(on.ann.find("bob"))
        await asyncio.wait_for(came.wait(), 5)
        await asyncio.wait_for(on.ann.__aexit__(None, None, None), 5)
        with pytest.raises(TelegramRefused) as refused:
            await asking
        assert refused.value.cause is TelegramCause.SILENT and not on.ann.connected
    on.lab.dcs.homes.clear()
    await on.ann.__aenter__()


async def test_a_short_visit_goes_along_too(on: Scene) -> None:
    session = on.ann.session
    await on.ann.__aexit__(None, None, None)
    on.lab.dcs.move(on.user, 4)
    found = await who_is(settings(on.lab, session))
    assert found.person.name == "Ann" and StringSession(found.session).dc_id == 4
    await sign_out(settings(on.lab, found.session))
    with pytest.raises(TelegramRefused):
        await who_is(settings(on.lab, found.session))
    await on.ann.__aenter__()
