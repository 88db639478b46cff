"""How accounts come to their end, noticed at the start and in the middle of running."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
from telethon.tl import functions as fn

from siptg.telegram.account.client import Account
from siptg.telegram.account.health import ENDS, AccountGone, AccountState, health_of
from siptg.telegram.account.telethon import new_client
from siptg.telegram.account.watch import Watch
from siptg.telegram.call import events
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.people import TelegramCause, TelegramRefused
from siptg.telegram.refusals import CAUSES
from tests.support.lab import settings, signed_in


def _forget_keys(lab: Lab, user: LabAccount) -> None:
    lab.keys.clear()
    lab.drop(user)


WAYS: dict[str, Callable[[Lab, LabAccount], None]] = {
    "SESSION_REVOKED": lambda lab, user: lab.revoke(user),
    "SESSION_EXPIRED": lambda lab, user: lab.revoke(user, "SESSION_EXPIRED"),
    "AUTH_KEY_UNREGISTERED": lambda lab, user: lab.revoke(user, "AUTH_KEY_UNREGISTERED"),
    "USER_DEACTIVATED_BAN": lambda lab, user: lab.ban(user),
    "USER_DEACTIVATED": lambda lab, user: lab.delete(user),
    "AUTH_KEY_NOT_FOUND": _forget_keys,
}


def test_every_word_that_ends_an_account_is_the_cause_gone_and_no_other_is() -> None:
    gone = {word for word, cause in CAUSES.items() if cause is TelegramCause.GONE}
    assert gone == ENDS.keys()


@pytest.mark.parametrize("word", ENDS)
def test_every_end_says_what_happened_and_what_to_do(word: str) -> None:
    health = health_of(word)
    assert health is not None and health.sentence and health.remedy and word in str(health)
    assert health.state not in (AccountState.READY, AccountState.UNREACHABLE)


def test_other_refusals_say_nothing_of_the_account() -> None:
    assert health_of("USER_PRIVACY_RESTRICTED") is None


@pytest.mark.parametrize("word", WAYS)
async def test_an_end_is_noticed_in_the_middle_of_running(
    word: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Lab() as lab:
        user = lab.add_user("Ann", "+100", "ann")
        bob = lab.add_user("Bob", "+200", "bob")
        async with (
            Account(settings(lab, await signed_in(lab, user))) as account,
            Account(settings(lab, await signed_in(lab, bob))) as other,
        ):
            person = await account.find("bob")
            with caplog.at_level(logging.WARNING):
                WAYS[word](lab, user)
                health = await asyncio.wait_for(account.gone(), 15)
                asked = len(lab.log)
                with pytest.raises(TelegramRefused) as refused:
                    await account.call(person)
            assert health.word == word and account.health is health
            assert refused.value.cause is TelegramCause.GONE
            assert len(lab.log) == asked, "who is gone asks no more"
            told = [r for r in caplog.records if r.name.startswith("siptg")]
            errors = [r for r in told if r.levelname == "ERROR"]
            everybody = word == "AUTH_KEY_NOT_FOUND"
            assert 1 <= len(errors) <= 1 + everybody and word in errors[0].getMessage()
            if word != "AUTH_KEY_NOT_FOUND":  # that one took everybody's keys
                assert (await other.find("bob")).name == "Bob" and not other.health.word


@pytest.mark.parametrize("word", ["SESSION_REVOKED", "USER_DEACTIVATED_BAN", "AUTH_KEY_NOT_FOUND"])
async def test_an_end_is_noticed_at_the_start(word: str) -> None:
    async with Lab() as lab:
        user = lab.add_user("Ann", "+100")
        session = await signed_in(lab, user)
        WAYS[word](lab, user)
        with pytest.raises(AccountGone) as gone:
            async with Account(settings(lab, session)):
                pass
        assert gone.value.health.word == word


@pytest.mark.parametrize("word", ["AUTH_KEY_DUPLICATED", "API_ID_INVALID", "SESSION_EXPIRED"])
async def test_any_request_may_bring_the_news(word: str) -> None:
    async with Lab() as lab:
        user = lab.add_user("Ann", "+100", "ann")
        async with Account(settings(lab, await signed_in(lab, user))) as account:
            code = 406 if word == "AUTH_KEY_DUPLICATED" else 401
            lab.refuse(user, fn.contacts.ResolveUsernameRequest, code, word)
            with pytest.raises(TelegramRefused, match=word):
                await account.find("ann")
            assert (await asyncio.wait_for(account.gone(), 5)).word == word


@pytest.mark.world
async def test_a_call_goes_on_when_its_account_is_revoked() -> None:
    async with Lab() as lab:
        ann, bob = lab.add_user("Ann", "+100", "ann"), lab.add_user("Bob", "+200", "bob")
        a = Account(settings(lab, await signed_in(lab, ann)))
        b = Account(settings(lab, await signed_in(lab, bob)))
        async with a, b:
            ours = await a.call(await a.find("bob"))
            theirs = await asyncio.wait_for(anext(b.calls()), 5)
            await theirs.answer()
            async with asyncio.timeout(10):
                async for event in ours.events():
                    if isinstance(event, events.Answered):
                        break
            lab.revoke(ann)
            await asyncio.wait_for(a.gone(), 15)
            ended: list[object] = []

            async def listen() -> None:
                async for event in ours.events():
                    ended.append(event)

            listening = asyncio.create_task(listen())
            await asyncio.sleep(0.5)
            assert not [event for event in ended if isinstance(event, events.Ended)]
            await ours.hangup()
            await asyncio.wait_for(listening, 10)


async def test_a_clock_that_is_off_is_corrected() -> None:
    async with Lab() as lab:
        user = lab.add_user("Ann", "+100", "ann")
        account = Account(settings(lab, await signed_in(lab, user)))
        # as if this machine were an hour ahead: our message ids are of a time that is still to come
        account.telethon._sender._state.time_offset = 3600
        async with account:
            assert (await account.find("ann")).name == "Ann"
        assert abs(account.telethon._sender._state.time_offset) <= 1


@pytest.mark.parametrize(("offset", "told"), [(90, True), (-31, True), (2, False)])
async def test_a_clock_that_is_far_off_is_told(
    offset: int, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with Lab() as lab:
        session = await signed_in(lab, lab.add_user("Ann", "+100"))
        client = new_client(settings(lab, session))
        await client.connect()
        watch = Watch(client)
        client._sender._state.time_offset = offset
        with caplog.at_level(logging.WARNING):
            watch.start()
        await watch.stop()
        await client.disconnect()
        assert ("clock is" in caplog.text) is told
