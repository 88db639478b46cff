"""Bad days on command, met by the real Telethon: it recovers, or reports."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from telethon import errors
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account
from siptg.telegram.account.sign_in import sign_in
from siptg.telegram.account.telethon import new_client
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.people import TelegramCause, TelegramRefused
from tests.support.lab import settings, signed_in

STATE = fn.updates.GetStateRequest()


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab() as made:
        made.add_user("Ann", "+100", "ann")
        made.add_user("Bob", "+200", "bob")
        yield made


def named(lab: Lab, name: str) -> LabAccount:
    return next(a for a in lab.accounts.values() if a.first_name == name)


@pytest_asyncio.fixture
async def ann(lab: Lab) -> AsyncIterator[Any]:
    made = new_client(settings(lab, await signed_in(lab, named(lab, "Ann"))))
    await made.connect()
    await made.get_me()
    yield made
    await made.disconnect()


@pytest.mark.parametrize("cut", [{"after_in": 30}, {"after_out": 0}, {"after_out": 17}, {}])
async def test_a_connection_cut_at_any_byte_is_made_anew_and_the_request_answered(
    lab: Lab, ann: Any, cut: dict[str, int]
) -> None:
    lab.faults.cut(named(lab, "Ann"), **cut)
    assert await asyncio.wait_for(ann(STATE), 15)


async def test_answers_late_doubled_and_in_disorder_are_answers(lab: Lab, ann: Any) -> None:
    account = named(lab, "Ann")
    lab.faults.delay(account, 0.1)
    lab.faults.double(account, 3)
    for _ in range(3):
        assert await asyncio.wait_for(ann(STATE), 5)
    lab.faults.clear(account)
    lab.faults.reorder(account, 2)
    first = asyncio.ensure_future(ann(STATE))
    while not lab.faults.of[account.id].held:
        await asyncio.sleep(0.01)
    both = asyncio.gather(first, ann(STATE))
    assert len(await asyncio.wait_for(both, 5)) == 2


async def test_updates_doubled_and_in_disorder_are_each_told_once(lab: Lab, ann: Any) -> None:
    bob = named(lab, "Bob")
    async with Account(settings(lab, await signed_in(lab, bob))) as account:
        lab.faults.double(bob, 2)
        await ann.send_message("bob", "one")
        messages = account.messages()
        assert (await asyncio.wait_for(anext(messages), 5)).text == "one"
        lab.faults.clear(bob)
        lab.faults.reorder(bob, 2)
        for text in ("two", "three"):
            await ann.send_message("bob", text)
            await asyncio.sleep(0.05)
        told = [(await asyncio.wait_for(anext(messages), 10)).text for _ in range(2)]
        assert sorted(told) == ["three", "two"]


async def test_floods_and_breakdowns_come_as_they_are_ordered(lab: Lab, ann: Any) -> None:
    account = named(lab, "Ann")
    lab.faults.flood(account, fn.updates.GetStateRequest, 7)
    with pytest.raises(errors.FloodWaitError) as caught:
        await ann(STATE)
    assert caught.value.seconds == 7
    config = fn.help.GetConfigRequest()  # Telethon itself remembers a flood of the other
    lab.faults.break_down(account, fn.help.GetConfigRequest)
    with pytest.raises(errors.ServerError):
        await ann(config)
    assert await ann(config)


async def test_a_number_that_is_at_home_elsewhere_is_told_where(lab: Lab) -> None:
    lab.faults.migrate(fn.auth.SendCodeRequest, 4)
    made = new_client(settings(lab))
    await made.connect()
    request = fn.auth.SendCodeRequest("+100", 1, "hash", tl.CodeSettings())
    with pytest.raises(errors.PhoneMigrateError) as caught:
        await made._sender.send(request)
    assert caught.value.new_dc == 4
    await made.disconnect()


async def test_a_key_that_is_nobodys_any_more_is_reported(lab: Lab, ann: Any) -> None:
    lab.faults.unregister(named(lab, "Ann"))
    with pytest.raises(errors.AuthKeyUnregisteredError):
        await ann(STATE)


@pytest.mark.parametrize(
    ("code", "text", "cause"),
    [
        (403, "USER_PRIVACY_RESTRICTED", TelegramCause.PRIVACY),
        (400, "PARTICIPANT_VERSION_OUTDATED", TelegramCause.OLD_CLIENT),
    ],
)
async def test_a_call_that_is_refused_says_why(
    lab: Lab, code: int, text: str, cause: TelegramCause
) -> None:
    ann = named(lab, "Ann")
    async with Account(settings(lab, await signed_in(lab, ann))) as account:
        lab.faults.refuse(ann, fn.phone.GetCallConfigRequest, code, text)
        with pytest.raises(TelegramRefused) as caught:
            await account.ask(fn.phone.GetCallConfigRequest())
        assert caught.value.cause is cause


async def test_a_wrong_clock_is_put_right_by_what_the_lab_says(lab: Lab) -> None:
    async def code() -> str:
        return lab.code_for("+100")

    lab.clock_ahead = 900.0
    session = await sign_in(settings(lab), "+100", code)
    async with Account(settings(lab, session)) as account:
        assert account.me.name == "Ann"


async def test_hostile_clients_harm_nobody(lab: Lab, ann: Any) -> None:
    heads = [b"", b"\xef", b"\xee" * 4, bytes(8), b"\xee" * 4 + b"\x28\0\0\0" + bytes(8)]
    for n in range(60):
        _, writer = await asyncio.open_connection(*lab.address)
        writer.write(heads[n % len(heads)] + os.urandom(n * 7))
        if n % 3 == 0:
            writer.write_eof()
            await asyncio.sleep(0)
        writer.close()
    assert await asyncio.wait_for(ann(STATE), 5)
    while len(lab._wires) > 1:
        await asyncio.sleep(0.01)
