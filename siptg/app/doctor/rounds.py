"""The doctor's round: each check has a bound of its own, so that one that hangs costs no other."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from typing import Any

from siptg.app.config import Config
from siptg.app.doctor import machine, telegram
from siptg.app.doctor.finding import Finding, fault, ok, warning
from siptg.app.store import SealBroken, SqlStore, Store, StoreError, open_seal
from siptg.app.telegram_login import keep, settings_of
from siptg.telegram.account.health import AccountState, Health, health_of
from siptg.telegram.account.sign_in import SignedIn, SignInFailed
from siptg.telegram.account.survey import Visit, visit
from siptg.telegram.people import TelegramRefused

WITHIN = 15.0
"""Seconds for one question to Telegram or to the network."""
TRIAL_WITHIN = 40.0
"""Seconds for a card through the bot: three questions, and the wait for what the bot hears."""
_AGAIN = "try again; where it stays, look at the network"


async def examine(
    config: Config, *, fix: bool = False, tell: Callable[[Finding], None] = lambda finding: None
) -> list[Finding]:
    """Everything, in the order in which things build on each other; `tell` hears each at once."""
    found: list[Finding] = []
    async for finding in _all(config, fix=fix):
        found.append(finding)
        tell(finding)
    return found


async def _all(config: Config, *, fix: bool) -> AsyncIterator[Finding]:
    paths = config.store
    yield machine.key_finding(paths.key_file)
    yield machine.store_finding(paths.path)
    folder = paths.path.absolute().parent
    yield machine.disk_finding(machine.free_of(folder), folder)
    yield machine.opus_finding()
    for finding in await _bounded("DNS", machine.names_findings(config)):
        yield finding
    for finding in machine.ports_findings(config):
        yield finding
    own = config.telegram
    yield telegram.api_findings(own.api_id, own.api_hash, real=own.server is None)
    if not paths.path.exists():
        yield fault("phone account", "is not signed in", "run `siptg login`")
        return
    try:
        seal = open_seal(paths.key_file, paths.path)
        async with SqlStore(paths.path, seal) as store:
            async for finding in _accounts(config, store, fix=fix):
                yield finding
    except SealBroken as error:
        yield fault("sessions", str(error), "use the key and the store that belong together")
    except (StoreError, sqlite3.Error) as error:
        yield fault("sessions", str(error), "make the store one that siptg can read and write")


async def _accounts(config: Config, store: Store, *, fix: bool) -> AsyncIterator[Finding]:
    own = config.telegram
    async with contextlib.AsyncExitStack() as stack:
        phone, finding = await _enter(stack, config, store, own.account, "phone account")
        yield finding
        if phone is not None:
            for part in (_clock(phone), _privacy(phone), _password(phone), _devices(phone, fix)):
                for one in await _bounded("phone account", part):
                    yield one
        wanted = own.bot_token or await store.session(own.bot)
        if not wanted:
            yield warning(
                "bot",
                "none: cards come as text, without buttons",
                "make one with @BotFather and run `siptg login --bot`",
            )
            return
        bot, finding = await _enter(stack, config, store, own.bot, "bot")
        if bot is None:
            yield finding
            return
        known = await _bounded("bot", _bot(phone, bot))
        for one in known:
            yield one
        if phone is not None:
            for one in await _bounded("bot: inline feedback", _trial(phone, bot), TRIAL_WITHIN):
                yield one


async def _enter(
    stack: contextlib.AsyncExitStack, config: Config, store: Store, name: str, check: str
) -> tuple[Visit | None, Finding]:
    """A visit with the session of that name, and how the account stands."""
    command = "siptg login --bot" if check == "bot" else "siptg login"
    session = await store.session(name)
    if not session:
        return None, fault(check, "is not signed in", f"run `{command}`")
    try:
        settings = settings_of(config.telegram, session)
        async with asyncio.timeout(WITHIN):
            guest = await stack.enter_async_context(visit(settings))
    except SignInFailed as failed:
        health = health_of(failed.word) or Health(
            AccountState.UNREACHABLE, str(failed), "look at the network, then try again"
        )
        return None, fault(check, health.sentence, health.remedy)
    except (TimeoutError, TelegramRefused):
        return None, fault(check, "Telegram does not answer", _AGAIN)
    await keep(store, name, SignedIn(session, guest.person, guest.is_bot))
    who = guest.person
    shown = f"{who.name} (@{who.username})" if who.username else who.name
    return guest, ok(check, f"signed in as {shown}")


async def _bounded(check: str, work: Any, within: float = WITHIN) -> list[Finding]:
    try:
        async with asyncio.timeout(within):
            return list(await work)
    except TimeoutError:
        return [warning(check, f"no answer within {within:.0f} seconds", _AGAIN)]
    except TelegramRefused as refused:
        return [warning(check, f"could not be looked at [{refused}]", _AGAIN)]


async def _clock(phone: Visit) -> list[Finding]:
    return [telegram.clock_finding(await phone.clock_ahead())]


async def _privacy(phone: Visit) -> list[Finding]:
    return list(telegram.privacy_findings(await phone.privacy()))


async def _password(phone: Visit) -> list[Finding]:
    return [telegram.password_finding(await phone.has_password())]


async def _devices(phone: Visit, fix: bool) -> list[Finding]:
    devices = await phone.devices()
    if fix:
        for device in devices:
            if device.takes_calls is not device.current:
                await phone.let_ring(device, on=device.current)
        devices = await phone.devices()
    return list(telegram.device_findings(devices))


async def _bot(phone: Visit | None, bot: Visit) -> list[Finding]:
    found = phone is None or await phone.finds(bot.person.username or "")
    return list(telegram.bot_findings(bot.bot_facts(), found=found))


async def _trial(phone: Visit, bot: Visit) -> list[Finding]:
    return [telegram.trial_finding(await phone.try_inline(bot))]
