"""`siptg login`, `logout`, `accounts` and `account`, against the lab, as people and scripts do."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from telethon.tl import functions as fn

from siptg.telegram.account.client import Account
from siptg.telegram.lab import Lab
from tests.support.cli import Install, Terminal
from tests.support.lab import settings, signed_in

PHONE, TOKEN = "+49301234567", "777:planted-token"


@pytest_asyncio.fixture
async def on(tmp_path: Path) -> AsyncIterator[Install]:
    async with Lab() as lab:
        lab.add_user("Phone", PHONE, "phone")
        lab.add_bot("Cards", "cards_bot", TOKEN)
        yield Install(tmp_path, lab)


async def code_of(on: Install) -> str:
    async with asyncio.timeout(30):
        while not (code := on.lab.code_for(PHONE)):
            await asyncio.sleep(0.02)
    return code


async def logged_in(on: Install, *arguments: str, **environment: str) -> None:
    """By a file that the code comes into, as a script does it."""
    file = on.folder / "code"
    running = asyncio.create_task(
        on.run("login", PHONE, *arguments, SIPTG_CODE_FILE=str(file), **environment)
    )
    file.write_text(await code_of(on))
    ran = await running
    assert ran.code == 0, ran.err
    file.unlink()


async def test_a_person_mistypes_code_and_password_and_is_asked_again(on: Install) -> None:
    on.lab.set_password(next(iter(on.lab.accounts.values())), "planted-password", "a colour")
    at = await on.terminal("login")
    await at.sees("Phone number")
    at.type(PHONE)
    await at.sees("in Telegram, on a device that is signed in")
    await at.sees("(Enter alone: it is sent again, by SMS):")
    at.type("1")
    await at.sees("that is not the code")
    at.type("")
    await at.sees("has sent a code by SMS")
    at.type(await code_of(on))
    # the last blank comes once the terminal no longer shows what is typed
    await at.sees("Two-step password (hint: a colour): ")
    at.type("wrong one")
    await at.sees("that is not the password")
    await at.sees("Two-step password (hint: a colour): ")
    at.type("planted-password")
    await at.sees("Signed in as Phone (@phone)")
    assert await at.ends() == 0
    assert "planted-password" not in at.shown and "wrong one" not in at.shown
    rows = json.loads((await on.run("accounts", "--json")).out)
    assert [(r["name"], r["kind"], r["who"], r["state"]) for r in rows] == [
        ("phone account", "phone", "Phone (@phone)", "signed in")
    ]


async def test_wrong_answers_have_an_end(on: Install) -> None:
    at = await on.terminal("login", PHONE)
    for n in range(3):
        await at.sees("Code (")
        at.type(f"{n}x")
    await at.sees("that is not the code [PHONE_CODE_INVALID]")
    assert await at.ends() == 1


async def test_an_expired_code_brings_a_new_one(on: Install) -> None:
    at = await on.terminal("login", PHONE)
    await at.sees("Code (")
    old = await code_of(on)
    on.lab.sign_ins.codes[PHONE.lstrip("+")].until = 0.0
    at.type(old)
    await at.sees("the code is no longer good, a new one is sent")
    await at.sees("Code (")
    assert await code_of(on) != old or on.lab.code_for(PHONE)
    at.type(await code_of(on))
    await at.sees("Signed in as Phone")
    assert await at.ends() == 0


async def test_a_script_signs_in_with_code_and_password_from_its_environment(on: Install) -> None:
    on.lab.set_password(next(iter(on.lab.accounts.values())), "planted-password")
    await logged_in(on, SIPTG_PASSWORD="planted-password")
    assert json.loads((await on.run("accounts", "--json")).out)[0]["state"] == "signed in"


async def test_without_a_terminal_the_missing_variable_is_named(on: Install) -> None:
    ran = await on.run("login", PHONE)
    assert ran.code == 1 and "SIPTG_CODE" in ran.err and on.lab.code_for(PHONE) == ""
    assert "SIPTG_PHONE" in (await on.run("login", SIPTG_CODE="1")).err
    assert "SIPTG_BOT_TOKEN" in (await on.run("login", "--bot")).err
    wrong = await on.run("login", PHONE, SIPTG_CODE="1")
    assert wrong.code == 1 and "that is not the code" in wrong.err
    assert "Traceback" not in wrong.err


async def read_qr(on: Install, at: Terminal, session: str) -> None:
    """What a phone's camera does; the picture itself is compared in `test_questions.py`."""
    async with asyncio.timeout(30):
        while not on.lab.sign_ins.tokens:
            await asyncio.sleep(0.02)
    token = next(reversed(on.lab.sign_ins.tokens))
    async with Account(settings(on.lab, session)) as other:
        await other.ask(fn.auth.AcceptLoginTokenRequest(token))


async def test_a_qr_code_is_drawn_refreshed_and_read(on: Install) -> None:
    user = next(iter(on.lab.accounts.values()))
    session = await signed_in(on.lab, user)
    on.lab.set_password(user, "planted-password")
    on.lab.sign_ins.token_seconds = 2.0
    at = await on.terminal("login", "--qr", SIPTG_PASSWORD="planted-password")
    for _ in range(2):
        await at.sees("Link Desktop Device")
        await at.sees("▄")
        await at.sees("Good until")
    on.lab.sign_ins.token_seconds = 30.0
    on.lab.sign_ins.tokens.clear()
    await read_qr(on, at, session)
    await at.sees("Signed in as Phone (@phone)")
    assert await at.ends() == 0


async def test_several_accounts_and_a_bot_live_side_by_side(on: Install) -> None:
    await logged_in(on)
    await logged_in(on, "--name", "second")
    ran = await on.run("login", "--bot", SIPTG_BOT_TOKEN=TOKEN)
    assert ran.code == 0 and "@cards_bot" in ran.err
    listed = (await on.run("accounts")).out
    assert all(name in listed for name in ("phone account", "second", "bot", "cards_bot"))
    assert (await on.run("logout", "--name", "second")).code == 0
    rows = json.loads((await on.run("accounts", "--check", "--json")).out)
    assert [(row["name"], row["state"]) for row in rows] == [
        ("bot", "signed in"),
        ("phone account", "signed in"),
    ]
    again = await on.run("logout", "--name", "second")
    assert again.code == 1 and "nobody is signed in as 'second'" in again.err


async def test_a_session_is_exported_and_imported_elsewhere(on: Install, tmp_path: Path) -> None:
    await logged_in(on)
    refused = await on.run("account", "export")
    assert refused.code == 2 and "--yes" in refused.err
    out = tmp_path / "session.txt"
    assert (await on.run("account", "export", "--yes", "--to", str(out))).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert (await on.run("account", "export", "--yes", "--to", str(out))).code == 1
    session = (await on.run("account", "export", "--yes")).out.strip()
    assert session == out.read_text().strip() and len(base64.urlsafe_b64decode(session[1:])) > 256
    (tmp_path / "other").mkdir()
    other = Install(tmp_path / "other", on.lab)
    for text in ("nonsense", ""):
        assert (await other.run("account", "import", stdin=text)).code == 2
    taken = await other.run("account", "import", stdin=session)
    assert taken.code == 0 and "Phone" in taken.err, taken.err
    assert (await other.run("account", "import", SIPTG_SESSION=session)).code == 1
    assert (await other.run("account", "import", "--replace", SIPTG_SESSION=session)).code == 0
    assert (await other.run("account", "export", "--yes")).out.strip() == session


async def test_what_ended_an_account_stands_in_the_list(on: Install) -> None:
    await logged_in(on)
    on.lab.ban(next(iter(on.lab.accounts.values())))
    ran = await on.run("accounts", "--check")
    assert "banned" in ran.out and "Telegram has banned this account" in ran.out
    row = json.loads((await on.run("accounts", "--json")).out)[0]
    assert row["state"] == "banned" and row["who"] == "Phone (@phone)" and row["seen"]
    started = await on.run("run")
    assert started.code == 1 and "Telegram has banned this account" in started.err


async def test_a_flood_wait_is_said_in_words(on: Install) -> None:
    from collections import deque

    from siptg.telegram.lab.link import Refused

    waits = deque([Refused(420, "FLOOD_WAIT_7200")])
    on.lab.faults.refusals[0, fn.auth.SendCodeRequest] = waits
    ran = await on.run("login", PHONE, SIPTG_CODE="1")
    assert ran.code == 1 and "2 hours of rest before the next try" in ran.err


async def test_an_api_id_that_telegram_refuses_is_said(on: Install) -> None:
    on.lab.sign_ins.api = (2, "other")
    ran = await on.run("login", PHONE, SIPTG_CODE="1")
    assert ran.code == 1 and "https://my.telegram.org" in ran.err
    assert "planted-hash" not in ran.err + ran.out


async def test_no_secret_is_ever_shown_or_stored_in_the_open(on: Install) -> None:
    user = next(iter(on.lab.accounts.values()))
    on.lab.set_password(user, "planted-password")
    said = []
    await logged_in(on, SIPTG_PASSWORD="planted-password")
    said.append(await on.run("login", "--bot", SIPTG_BOT_TOKEN=TOKEN))
    session = (await on.run("account", "export", "--yes")).out.strip()
    on.lab.revoke(user)
    for arguments in (("accounts", "--check"), ("doctor",), ("doctor", "--json"), ("run",)):
        said.append(await on.run(*arguments))
    said.append(await on.run("login", "--bot", SIPTG_BOT_TOKEN="777:planted-wrong"))
    shown = "".join(ran.out + ran.err for ran in said)
    kept = b"".join(p.read_bytes() for p in on.folder.iterdir() if p.suffix in (".db", ".key"))
    for secret in ("planted-password", TOKEN, "planted-wrong", session, "planted-hash"):
        assert secret not in shown and secret.encode() not in kept
    assert not re.search(r"planted", shown)
    with sqlite3.connect(on.folder / "siptg.db") as store:
        assert store.execute("select count(*) from sessions").fetchone() == (2,)
    store.close()
