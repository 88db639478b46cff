"""The lab, held to what Telegram does, by the real Telethon and by raw sockets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from telethon import errors
from telethon.network.connection import ConnectionTcpAbridged, ConnectionTcpIntermediate
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account
from siptg.telegram.account.health import AccountGone
from siptg.telegram.account.sign_in import sign_in, sign_in_bot
from siptg.telegram.account.telethon import new_client
from siptg.telegram.lab import Lab
from siptg.telegram.people import TelegramCause, TelegramRefused
from siptg.telegram.settings import TelegramSettings
from tests.support.lab import settings, signed_in


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab() as made:
        made.add_user("Ann", "+100", "ann")
        made.add_user("Bob", "+200", "bob")
        made.add_bot("Bot", "the_bot", "777:token")
        yield made


def user(lab: Lab, name: str) -> Any:
    return next(a for a in lab.accounts.values() if a.first_name == name)


async def client(lab: Lab, name: str) -> Any:
    made = new_client(settings(lab, await signed_in(lab, user(lab, name))))
    await made.connect()
    return made


async def test_sign_in_by_code_and_by_token(lab: Lab) -> None:
    for name in ("Ann", "Bot"):
        made = await client(lab, name)
        me = await made.get_me()
        assert (me.first_name, bool(me.bot)) == (name, name == "Bot")
        await made.disconnect()


async def test_a_wrong_code_or_token_is_refused_in_telegrams_words(lab: Lab) -> None:
    async def wrong() -> str:
        return "00000x"

    with pytest.raises(TelegramRefused, match="PHONE_CODE_INVALID"):
        await sign_in(settings(lab), "+100", wrong)
    with pytest.raises(TelegramRefused, match="PHONE_NUMBER_INVALID"):
        await sign_in(settings(lab), "x", wrong)
    with pytest.raises(TelegramRefused, match="ACCESS_TOKEN_INVALID"):
        await sign_in_bot(settings(lab), "777:other")


async def test_a_code_is_good_once(lab: Lab) -> None:
    codes: list[str] = []

    async def code() -> str:
        codes.append(lab.code_for("+100"))
        return codes[-1]

    await sign_in(settings(lab), "+100", code)
    assert lab.code_for("+100") == "" and len(codes[0]) == 5


@pytest.mark.parametrize("framing", [ConnectionTcpAbridged, ConnectionTcpIntermediate])
async def test_other_framings_are_understood(lab: Lab, framing: Any) -> None:
    made = await client(lab, "Ann")
    session = made.session.save()
    await made.disconnect()
    other = new_client(settings(lab, session))
    other._connection = framing
    await other.connect()
    assert (await other.get_me()).first_name == "Ann"
    await other.disconnect()


async def test_an_unknown_key_is_said_and_the_account_asks_for_a_new_sign_in(lab: Lab) -> None:
    session = await signed_in(lab, user(lab, "Ann"))
    lab.keys.clear()
    with pytest.raises(AccountGone, match="siptg login"):
        async with Account(settings(lab, session)):
            pass


async def test_messages_edits_and_deletions_reach_both_sides(lab: Lab) -> None:
    ann, bob = await client(lab, "Ann"), await client(lab, "Bob")
    seen: asyncio.Queue[Any] = asyncio.Queue()
    bob.add_event_handler(seen.put)
    sent = await ann.send_message("bob", "hello")
    await ann.edit_message("bob", sent.id, "hello there")
    await ann.delete_messages("bob", [sent.id])
    kinds = [type(await asyncio.wait_for(seen.get(), 3)).__name__ for _ in range(3)]
    assert kinds == ["UpdateNewMessage", "UpdateEditMessage", "UpdateDeleteMessages"]
    with pytest.raises(errors.RPCError):
        await ann.edit_message("bob", 99_999, "nothing")
    for made in (ann, bob):
        await made.disconnect()


async def test_the_same_random_id_is_one_message(lab: Lab) -> None:
    ann = await client(lab, "Ann")
    peer = await ann.get_input_entity("bob")
    for _ in range(3):
        await ann(fn.messages.SendMessageRequest(peer, "once", random_id=7))
    assert len(user(lab, "Bob").kept) == 1
    await ann.disconnect()


async def test_what_was_missed_is_told_after_the_return(lab: Lab) -> None:
    account = Account(settings(lab, await signed_in(lab, user(lab, "Bob"))))
    async with account:
        ann = await client(lab, "Ann")
        await ann.send_message("bob", "first")
        messages = account.messages()
        assert (await asyncio.wait_for(anext(messages), 3)).text == "first"
        lab.drop(user(lab, "Bob"))
        await ann.send_message("bob", "while away")
        assert (await asyncio.wait_for(anext(messages), 8)).text == "while away"
        await ann.disconnect()


async def test_results_of_some_size_are_zipped_and_read(lab: Lab) -> None:
    for n in range(20):
        lab.add_user(f"User {n}", f"+3{n:03}", f"user{n:02}")
    ann = await client(lab, "Ann")
    people = [await ann.get_input_entity(f"user{n:02}") for n in range(20)]
    inputs = [tl.InputUser(p.user_id, p.access_hash) for p in people]
    assert len(await ann(fn.users.GetUsersRequest(inputs))) == 20
    await ann.disconnect()


async def test_access_hashes_must_be_right(lab: Lab) -> None:
    ann = await client(lab, "Ann")
    with pytest.raises(errors.RPCError, match=r"PEER_ID_INVALID|peer"):
        await ann(fn.messages.SendMessageRequest(tl.InputPeerUser(1002, 1), "x"))
    await ann.disconnect()


async def test_what_the_lab_does_not_know_it_says_by_name(lab: Lab) -> None:
    ann = await client(lab, "Ann")
    with pytest.raises(errors.RPCError, match="LAB_DOES_NOT_KNOW_GETWALLPAPERSREQUEST"):
        await ann(fn.account.GetWallPapersRequest(0))
    assert lab.counters["unknown"] == 1
    await ann.disconnect()


async def test_nothing_is_told_to_who_is_not_signed_in(lab: Lab) -> None:
    made = new_client(TelegramSettings(1, "hash", server=lab.server))
    await made.connect()
    for request in (fn.updates.GetStateRequest(), fn.contacts.ResolveUsernameRequest("bob")):
        with pytest.raises(errors.RPCError):
            await made(request)
    await made.disconnect()


async def test_refusals_on_command(lab: Lab) -> None:
    ann = await client(lab, "Ann")
    lab.refuse(user(lab, "Ann"), fn.contacts.ResolveUsernameRequest, 420, "FLOOD_WAIT_30")
    with pytest.raises(errors.FloodWaitError) as caught:
        await ann(fn.contacts.ResolveUsernameRequest("bob"))
    assert caught.value.seconds == 30
    lab.refuse(user(lab, "Ann"), fn.updates.GetStateRequest, 500, "INTERNAL", times=1)
    with pytest.raises(errors.ServerError):
        await ann(fn.updates.GetStateRequest())
    assert await ann(fn.updates.GetStateRequest())
    await ann.disconnect()


@pytest.mark.parametrize(
    "data",
    [
        b"\xef" + os.urandom(200),
        os.urandom(64),
        b"\xee" * 4 + b"\xff\xff\xff\x7f",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xef\x0a" + bytes(8) + os.urandom(32),
        b"\xee" * 4 + b"\x28\0\0\0" + bytes(40),
    ],
)
async def test_garbage_ends_its_connection_and_nobody_elses(lab: Lab, data: bytes) -> None:
    ann = await client(lab, "Ann")
    reader, writer = await asyncio.open_connection(*lab.address)
    writer.write(data)
    writer.write_eof()
    await asyncio.wait_for(reader.read(), 3)
    writer.close()
    assert (await ann.get_me()).first_name == "Ann"
    await ann.disconnect()


async def test_call_errors_are_telegrams(lab: Lab) -> None:
    account = Account(settings(lab, await signed_in(lab, user(lab, "Ann"))))
    async with account:
        with pytest.raises(TelegramRefused) as caught:
            await account.find("nobody_here")
        assert caught.value.cause is TelegramCause.UNKNOWN
        peer = tl.InputPhoneCall(5, 6)
        with pytest.raises(TelegramRefused, match="CALL_PEER_INVALID"):
            await account.ask(fn.phone.SendSignalingDataRequest(peer, b"x"))
