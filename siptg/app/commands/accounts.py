"""`siptg accounts`, and `siptg account import` and `export`."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from siptg.app.commands.shell import (
    ConfigOption,
    JsonOption,
    console,
    fail,
    load_config,
    run,
    store_of,
)
from siptg.app.config import DEFAULT_PATH, Config

if TYPE_CHECKING:
    from siptg.app.store import AccountRecord

SESSION = "SIPTG_SESSION"
account = typer.Typer(
    help="Take a session in from elsewhere, or give one out.", no_args_is_help=True
)
NameArgument = Annotated[str, typer.Argument(help="Name of the session, as `siptg accounts` says.")]


def accounts(
    as_json: JsonOption = False,
    check: Annotated[bool, typer.Option("--check", help="Ask Telegram about each now.")] = False,
    config: ConfigOption = DEFAULT_PATH,
) -> None:
    """List the Telegram accounts of this installation and how they stand.

    Examples: `siptg accounts` · `siptg accounts --check --json`
    """
    from siptg.app import log

    settings = load_config(config)
    log.set_up("error")
    found = run(_list(settings, check=check)) or []
    rows = [_row(record) for record in found]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not rows:
        console.print("No account is signed in yet: run `siptg login`.", markup=False)
        return
    table = Table("name", "kind", "who", "state", "last seen (UTC)")
    for row in rows:
        table.add_row(row["name"], row["kind"], row["who"], row["state"], _minute(row["seen"]))
    Console().print(table)
    for row in rows:
        if row["explanation"]:
            print(f"{row['name']}: {row['explanation']}")


def _row(record: AccountRecord) -> dict[str, Any]:
    from siptg.telegram.account.health import health_of

    health = health_of(record.word)
    return {
        "name": record.name,
        "kind": record.kind,
        "who": record.title,
        "id": record.user,
        "state": record.state,
        "explanation": str(health) if health else "",
        "seen": record.seen.replace(tzinfo=UTC).isoformat(timespec="seconds")
        if record.seen
        else None,
    }


def _minute(seen: str | None) -> str:
    """For people: `2026-01-02 03:04`, which fits a terminal of 80 columns."""
    return seen[:16].replace("T", " ") if seen else ""


async def _list(settings: Config, *, check: bool) -> list[AccountRecord]:
    from siptg.app.telegram_login import check as ask

    async with store_of(settings) as store:
        if check:
            for record in await store.accounts():
                health = await ask(settings.telegram, store, record.name, record.kind)
                if health.word and health.state.value == "not reached":
                    console.print(f"{record.name}: {health}", markup=False, soft_wrap=True)
        return await store.accounts()


@account.command("import")
def take_in(
    name: NameArgument = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Where a session of that name is there.")
    ] = False,
    config: ConfigOption = DEFAULT_PATH,
) -> None:
    """Keep a session that Telethon made: its string, from SIPTG_SESSION or the standard input.

    Telegram is asked whose it is before it is kept.

    Examples: `siptg account import < session.txt` · `siptg account import second < other.txt`
    """
    from siptg.app import log

    settings = load_config(config)
    log.set_up("error")
    text = os.environ.get(SESSION, "").strip()
    if not text:
        if sys.stdin.isatty():
            text = str(typer.prompt("Session string", hide_input=True, err=True)).strip()
        else:
            text = sys.stdin.read().strip()
    if not text:
        fail(f"no session: set {SESSION}, or give it on the standard input", 2)
    run(_take_in(settings, name or settings.telegram.account, text, replace=replace))


async def _take_in(settings: Config, name: str, text: str, *, replace: bool) -> None:
    from siptg.app.telegram_login import keep, settings_of
    from siptg.telegram.account.sign_in import who_is
    from siptg.telegram.account.telethon import is_session

    if not is_session(text):
        fail("that is no Telethon string session: one line that begins with 1 is expected", 2)
    async with store_of(settings) as store:
        if not replace and await store.session(name):
            fail(f"{name!r} is signed in already: choose another name, or give --replace", 1)
        found = await who_is(settings_of(settings.telegram, text))
        await keep(store, name, found)
    console.print(
        f"The session of {found.person.name} is kept as {name!r}. Use it in one place only: "
        "delete the other copy.",
        markup=False,
        soft_wrap=True,
    )


@account.command("export")
def give_out(
    name: NameArgument = "",
    to: Annotated[
        Path | None, typer.Option("--to", help="A new file (mode 600); else standard output.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = DEFAULT_PATH,
) -> None:
    """Give a session out as a Telethon string. Who has it is signed in as the account.

    Examples: `siptg account export --to backup.txt` · `siptg account export bot --yes`
    """
    from siptg.app import log

    settings = load_config(config)
    log.set_up("error")
    name = name or settings.telegram.account
    if not yes:
        if not sys.stdin.isatty():
            fail("a session is a secret: say --yes where nobody can be asked", 2)
        typer.confirm(
            f"Who has the session of {name!r} is signed in as it. Show it?", abort=True, err=True
        )
    session = run(_session(settings, name))
    if to is None:
        print(session)
        return
    try:
        handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(f"{to}: cannot be made: {error.strerror}", 1)
    with os.fdopen(handle, "w") as file:
        file.write(session + "\n")


async def _session(settings: Config, name: str) -> str:
    from siptg.app.telegram_login import NotLoggedIn

    async with store_of(settings) as store:
        session = await store.session(name)
    if not session:
        raise NotLoggedIn(f"nobody is signed in as {name!r}: see `siptg accounts`")
    return session
