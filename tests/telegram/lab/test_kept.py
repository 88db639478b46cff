"""A lab that ends and starts again in its folder: who is signed in stays so."""

from __future__ import annotations

import asyncio
import json
import random
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from telethon.crypto import AuthKey
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account
from siptg.telegram.account.telethon import ask, new_client
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.lab.accounts import CALLS, Contact
from siptg.telegram.lab.folder import (
    STATE_FILE,
    NoLab,
    own_key,
    read_state,
    remembered,
    write_state,
)
from siptg.telegram.lab.kept import MOST_KEYS, SKIPPED, kept_of
from siptg.telegram.people import TelegramRefused
from tests.support.lab import settings, signed_in

WITHIN = 20.0


@asynccontextmanager
async def lab_in(folder: Path, port: int = 0) -> AsyncIterator[Lab]:
    lab = Lab(port=port, key=own_key(folder))
    async with remembered(folder, lab), lab:
        if not lab.accounts:
            lab.add_user("Ann", "+100", "ann")
            lab.add_user("Bob", "+200", "bob")
            lab.add_bot("Bot", "the_bot", "777:token")
        yield lab


def named(lab: Lab, name: str) -> LabAccount:
    return next(a for a in lab.accounts.values() if a.first_name == name)


async def test_an_account_that_stays_connects_again_and_goes_on(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        async with lab_in(tmp_path) as lab:
            port = lab.address[1]
            sessions = {name: await signed_in(lab, named(lab, name)) for name in ("Ann", "Bob")}
            account = Account(settings(lab, sessions["Bob"]))
            await stack.enter_async_context(account)
            messages = account.messages()
            async with Account(settings(lab, sessions["Ann"])) as ann:
                await ann.send(await ann.find("bob"), "before")
                assert (await asyncio.wait_for(anext(messages), WITHIN)).text == "before"
                # news of calls are numbered too: what comes later must not look old
                call = await account.call(await account.find("ann"))
                theirs = await asyncio.wait_for(anext(ann.calls()), WITHIN)
                await call.hangup()
                await theirs.wait_over(WITHIN)
        async with lab_in(tmp_path, port) as lab:
            async with asyncio.timeout(WITHIN):
                while not named(lab, "Bob").links:
                    await asyncio.sleep(0.02)
            async with Account(settings(lab, sessions["Ann"])) as ann:
                person = await ann.find("bob")
                await ann.send(person, "after")
                assert (await asyncio.wait_for(anext(messages), WITHIN)).text == "after"
                call = await ann.call(person)
                theirs = await asyncio.wait_for(anext(account.calls()), WITHIN)
                assert theirs.person.username == "ann"
                await call.hangup()
                await theirs.wait_over(WITHIN)
            await stack.aclose()


async def test_all_that_is_kept_is_there_again(tmp_path: Path) -> None:
    async with lab_in(tmp_path) as lab:
        ann, bob, bot = (named(lab, name) for name in ("Ann", "Bob", "Bot"))
        session = await signed_in(lab, ann)
        ann.contacts[bob.id] = Contact("My", "Bob", "200")
        ann.met.add(bob.id)
        ann.privacy[CALLS] = [tl.PrivacyValueAllowUsers([bob.id]), tl.PrivacyValueDisallowAll()]
        bob.blocked.add(ann.id)
        bot.inline = False
        lab.set_password(ann, "secret", "hint")
        lab.sign_ins.banned.add(bob.id)
        before = kept_of(lab, ended=True)
        assert [key["account"] for key in before["keys"]] == [ann.id]
    async with lab_in(tmp_path) as lab:
        assert kept_of(lab, ended=True) == before
        client = new_client(settings(lab, session))
        await client.connect()
        me = await client.get_me()
        assert me.id == ann.id
        peer = tl.InputUser(bob.id, bob.hash_for(ann))  # as she was given it
        assert (await ask(client, fn.users.GetUsersRequest([peer])))[0].last_name == "Bob"
        assert lab.add_user("Carl", "+300").id not in (ann.id, bob.id)
        await client.disconnect()


async def test_the_newest_keys_of_each_account_are_kept(tmp_path: Path) -> None:
    lab = Lab(key=own_key(tmp_path))
    for name in ("Ann", "Bob"):
        lab.add_user(name, "")
    for n in range(2 * MOST_KEYS + 2):
        lab.keep_key(AuthKey(bytes([n]) * 256))
        list(lab.keys.values())[-1].account = named(lab, "Ann" if n else "Bob")
    lab.keep_key(AuthKey(b"\xff" * 256))  # nobody's
    kept = [(key["account"], key["key"][:2]) for key in kept_of(lab, ended=True)["keys"]]
    ann, bob = named(lab, "Ann").id, named(lab, "Bob").id
    newest = range(MOST_KEYS + 2, 2 * MOST_KEYS + 2)
    assert kept == [(bob, "00"), *((ann, f"{n:02x}") for n in newest)]


async def test_an_ended_session_stays_ended(tmp_path: Path) -> None:
    async with lab_in(tmp_path) as lab:
        session = await signed_in(lab, named(lab, "Ann"))
        lab.revoke(named(lab, "Ann"))
    async with lab_in(tmp_path) as lab:
        client = new_client(settings(lab, session))
        await client.connect()
        with pytest.raises(TelegramRefused, match="SESSION_REVOKED"):
            await ask(client, fn.updates.GetStateRequest())
        await client.disconnect()


async def test_after_a_lab_that_was_killed_no_number_is_used_twice(tmp_path: Path) -> None:
    lab = Lab(key=own_key(tmp_path))
    ann = lab.add_user("Ann", "+100")
    ann.pts, lab.chats.newest = 7, 9
    write_state(tmp_path, lab)
    again = Lab(key=own_key(tmp_path))
    read_state(tmp_path, again)
    assert named(again, "Ann").pts == 7 + SKIPPED
    assert again.chats.next_number() == 9 + SKIPPED + 1
    write_state(tmp_path, lab, ended=True)
    orderly = Lab(key=own_key(tmp_path))
    read_state(tmp_path, orderly)
    assert (named(orderly, "Ann").pts, orderly.chats.next_number()) == (7, 10)


def test_the_file_is_ours_alone_and_whole(tmp_path: Path) -> None:
    lab = Lab(key=own_key(tmp_path))
    lab.add_user("Ann", "+100")
    for _ in range(2):
        write_state(tmp_path, lab)
    path = tmp_path / STATE_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lab-key.pem", STATE_FILE]


def broken(text: str) -> list[tuple[str, str]]:
    """What may have become of a good file, and what is said of it."""
    good = json.loads(text)
    cases: list[tuple[Any, str]] = [
        (good | {"version": 9}, "version 9 of its form"),
        ([], "version None of its form"),
        ({k: v for k, v in good.items() if k != "messages"}, "messages"),
        (good | {"more": 1}, "more"),
        (good | {"keys": [{"key": "zz"}]}, "keys"),
        (good | {"keys": [good["keys"][0] | {"key": "00"}]}, "a key of account"),
        (good | {"keys": [good["keys"][0] | {"account": 5}]}, "a key of account 5"),
    ]
    account = good["accounts"][0] | {"privacy": {"InputPrivacyKeyPhoneCall": [["System", []]]}}
    cases.append((good | {"accounts": [account]}, "privacy of InputPrivacyKeyPhoneCall"))
    return [(json.dumps(case), said) for case, said in cases] + [
        (text[: len(text) // 2], "cannot be used"),
        ("", "cannot be used"),
    ]


async def test_a_file_that_cannot_be_used_is_said_and_changes_nothing(tmp_path: Path) -> None:
    async with lab_in(tmp_path) as lab:
        await signed_in(lab, named(lab, "Ann"))
    path = tmp_path / STATE_FILE
    good, key = path.read_text(), own_key(tmp_path)
    for text, said in broken(good):
        path.write_text(text)
        lab = Lab(key=key)
        with pytest.raises(NoLab, match=said):
            read_state(tmp_path, lab)
        assert not lab.accounts and not lab.keys, text[:80]
    chance = random.Random(1)
    for _ in range(300):
        at = chance.randrange(len(good))
        path.write_text(good[:at] + chance.choice('0{}[]",:a') + good[at + 1 :])
        lab = Lab(key=key)
        try:
            read_state(tmp_path, lab)
        except NoLab:
            assert not lab.accounts and not lab.keys
