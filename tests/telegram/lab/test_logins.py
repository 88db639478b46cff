"""Ways into the lab: QR codes, passwords, other data centres; and what it keeps of devices."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import datetime

import attrs
import pytest
import pytest_asyncio
from telethon.crypto import rsa
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account
from siptg.telegram.account.sign_in import (
    CodeSent,
    SignInFailed,
    sign_in_by_qr,
    sign_in_user,
    sign_out,
    who_is,
)
from siptg.telegram.account.survey import Who, visit
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.lab.password import Exchange, Password
from siptg.telegram.people import TelegramRefused
from tests.support.lab import settings, signed_in


@attrs.define(eq=False)
class Answers:
    """An `Asker` with its answers ready."""

    lab: Lab
    phone: str = "100"
    passwords: list[str] = attrs.field(factory=list)
    urls: asyncio.Queue[str] = attrs.field(factory=asyncio.Queue)
    troubles: list[str] = attrs.field(factory=list)

    async def code(self, sent: CodeSent, trouble: str) -> str:
        self.troubles.append(trouble)
        return self.lab.code_for(self.phone)

    async def password(self, hint: str, trouble: str) -> str:
        self.troubles.append(trouble)
        return self.passwords.pop(0)

    async def show(self, url: str, until: datetime) -> None:
        self.urls.put_nowait(url)


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab() as made:
        made.add_user("Ann", "+100", "ann")
        made.add_user("Bob", "+200", "bob")
        yield made


def ann(lab: Lab) -> LabAccount:
    return lab.accounts[1001]


def token_of(url: str) -> bytes:
    text = url.removeprefix("tg://login?token=")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_qr_code_that_another_device_reads_signs_in(lab: Lab) -> None:
    answers = Answers(lab)
    async with Account(settings(lab, await signed_in(lab, ann(lab)))) as phone:
        running = asyncio.create_task(sign_in_by_qr(settings(lab), answers))
        token = token_of(await asyncio.wait_for(answers.urls.get(), 10))
        await phone.ask(fn.auth.AcceptLoginTokenRequest(token))
        signed = await asyncio.wait_for(running, 10)
        assert signed.person.name == "Ann" and not signed.is_bot
        with pytest.raises(TelegramRefused, match="AUTH_TOKEN_INVALID"):
            await phone.ask(fn.auth.AcceptLoginTokenRequest(token))
        assert (await who_is(settings(lab, signed.session))).person.username == "ann"


async def test_a_qr_code_may_lead_to_another_data_centre(lab: Lab) -> None:
    async with Lab() as far:
        join(lab, far)
        eve = far.add_user("Eve", "+300", "eve")
        answers = Answers(lab)
        async with Account(settings(far, await signed_in(far, eve))) as phone:
            running = asyncio.create_task(sign_in_by_qr(settings(lab), answers))
            token = token_of(await asyncio.wait_for(answers.urls.get(), 10))
            await phone.ask(fn.auth.AcceptLoginTokenRequest(token))
            signed = await asyncio.wait_for(running, 10)
        assert any(entry.account is eve for entry in far.keys.values())
        assert not any(entry.account is eve for entry in lab.keys.values())
        assert (await who_is(settings(far, signed.session))).person.name == "Eve"


def join(lab: Lab, far: Lab) -> None:
    """Two labs as two data centres; each has a key of its own, which clients know."""
    rsa.add_key(far.server.public_key, old=False)
    far.sign_ins.dc = 4
    lab.sign_ins.others[4] = far
    far.sign_ins.others[2] = lab


async def test_a_number_of_another_data_centre_is_followed_there(lab: Lab) -> None:
    async with Lab() as far:
        join(lab, far)
        far.add_user("Eve", "+300", "eve")
        signed = await sign_in_user(settings(lab), "+300", Answers(far, "300"))
        assert signed.person.name == "Eve"
        async with Account(settings(lab, signed.session)) as account:
            assert account.me.name == "Eve"


async def test_a_password_is_proved_and_a_changed_one_is_asked_again(lab: Lab) -> None:
    lab.set_password(ann(lab), "one")
    answers = Answers(lab, passwords=["two", "one"])
    signed = await sign_in_user(settings(lab), "+100", answers)
    assert signed.person.name == "Ann" and "that is not the password" in answers.troubles[-1]
    answers = Answers(lab, passwords=["two"] * 3)
    with pytest.raises(SignInFailed) as failed:
        await sign_in_user(settings(lab), "+100", answers)
    assert failed.value.word == "PASSWORD_HASH_INVALID" and answers.passwords == []


def test_a_proof_for_another_password_or_out_of_range_is_none() -> None:
    exchange = Exchange.begin(Password.of("one"))
    for a in (bytes(256), bytes(255) + b"\1", b"\xff" * 256, b"short"):
        assert not exchange.proved(a, bytes(32))


async def test_a_banned_number_and_a_deleted_account_are_refused_in_words(lab: Lab) -> None:
    lab.ban(ann(lab))
    with pytest.raises(SignInFailed, match="has banned this account"):
        await sign_in_user(settings(lab), "+100", Answers(lab))
    lab.delete(lab.accounts[1002])
    with pytest.raises(SignInFailed, match="no Telegram account has this number"):
        await sign_in_user(settings(lab), "+200", Answers(lab, "200"))


async def test_privacy_of_calls_is_one_fact(lab: Lab) -> None:
    ours, theirs = await signed_in(lab, ann(lab)), await signed_in(lab, lab.accounts[1002])
    async with visit(settings(lab, ours)) as guest, Account(settings(lab, ours)) as account:
        assert (await guest.privacy()).calls is Who.EVERYBODY
        for rule, who in (
            (tl.InputPrivacyValueAllowContacts(), Who.CONTACTS),
            (tl.InputPrivacyValueDisallowAll(), Who.NOBODY),
            (tl.InputPrivacyValueAllowAll(), Who.EVERYBODY),
        ):
            key = tl.InputPrivacyKeyPhoneCall()
            await account.ask(fn.account.SetPrivacyRequest(key, [rule]))
            assert (await guest.privacy()).calls is who
            assert ann(lab).calls_forbidden is (who is Who.NOBODY)
        ann(lab).calls_forbidden = True
        assert (await guest.privacy()).calls is Who.NOBODY
    assert theirs


async def test_a_device_that_takes_no_calls_does_not_ring(lab: Lab) -> None:
    first, second = [await signed_in(lab, ann(lab)) for _ in range(2)]
    bob = Account(settings(lab, await signed_in(lab, lab.accounts[1002])))
    one, two = Account(settings(lab, first)), Account(settings(lab, second))
    async with one, two, bob, visit(settings(lab, first)) as guest:
        devices = await guest.devices()
        assert [(d.current, d.takes_calls) for d in devices] == [(True, True), (False, True)]
        await guest.let_ring(devices[1], on=False)
        assert [d.takes_calls for d in await guest.devices()] == [True, False]
        call = await bob.call(await bob.find("ann"))
        await asyncio.wait_for(anext(one.calls()), 5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(two.calls()), 0.3)
        await call.hangup()


async def test_a_session_that_signs_out_ends_on_all_its_connections(lab: Lab) -> None:
    ann = next(a for a in lab.accounts.values() if a.username == "ann")
    own = settings(lab, await signed_in(lab, ann))
    async with Account(own) as account:
        await sign_out(own)
        health = await asyncio.wait_for(account.gone(), 15)
        assert health.word == "AUTH_KEY_UNREGISTERED"
