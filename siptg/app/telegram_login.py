"""The way into Telegram: sessions from the store, how they come to be there, how they stand."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from siptg.app.config import TelegramConfig
from siptg.app.store import AccountRecord, Store
from siptg.telegram.account.health import READY, AccountState, Health, health_of
from siptg.telegram.account.sign_in import (
    Asker,
    SignedIn,
    SignInFailed,
    sign_in,
    sign_in_by_qr,
    sign_in_by_token,
    sign_in_user,
    sign_out,
    who_is,
)
from siptg.telegram.media.opus import OpusSettings
from siptg.telegram.people import Person, TelegramRefused
from siptg.telegram.server import Server
from siptg.telegram.settings import TelegramSettings

log = logging.getLogger(__name__)

PHONE, BOT = "phone account", "bot"
"""Names of the sessions in the store, where nobody chose others."""


class NotLoggedIn(Exception):
    """There is no session yet; the text says what to do."""


def settings_of(config: TelegramConfig, session: str = "") -> TelegramSettings:
    server = None
    if config.server is not None:
        other = config.server
        server = Server(other.dc_id, other.host, other.port, other.public_key)
    return TelegramSettings(
        api_id=config.api_id,
        api_hash=config.api_hash,
        session=session,
        server=server,
        versions=config.versions,
        ice_addresses=config.ice_addresses,
        opus=OpusSettings(config.opus_ptime, config.opus_fec, config.opus_dtx),
        p2p=config.p2p,
        relays=tuple(relay.server() for relay in config.relays),
        rates=config.rates,
    )


async def log_in(
    config: TelegramConfig,
    store: Store,
    phone: str,
    code: Callable[[], Awaitable[str]],
    password: Callable[[], Awaitable[str]] | None = None,
) -> None:
    """Sign the phone account in and keep its session. TelegramRefused says what Telegram said."""
    await store.keep_session(
        config.account, await sign_in(settings_of(config), phone, code, password)
    )


async def log_in_as(
    config: TelegramConfig,
    store: Store,
    name: str,
    asker: Asker,
    *,
    phone: str = "",
    token: str = "",
) -> SignedIn:
    """By token, else by phone number, else by QR code; what comes of it is kept under `name`.

    SignInFailed says in words why not. The old session of that name is kept until a new one is
    there.
    """
    settings = settings_of(config)
    if token:
        signed_in = await sign_in_by_token(settings, token)
    elif phone:
        signed_in = await sign_in_user(settings, phone, asker)
    else:
        signed_in = await sign_in_by_qr(settings, asker)
    await keep(store, name, signed_in)
    return signed_in


async def keep(store: Store, name: str, signed_in: SignedIn) -> None:
    """A session that is good, and whose it is."""
    await store.keep_session(name, signed_in.session)
    await store.keep_account(record_of(name, signed_in.person, signed_in.is_bot, READY))


async def log_out(config: TelegramConfig, store: Store, name: str) -> bool:
    """End a session at Telegram and forget it; False where Telegram was not reached.

    NotLoggedIn where there is none of that name.
    """
    session = await store.session(name)
    if not session:
        raise NotLoggedIn(f"nobody is signed in as {name!r}: see `siptg accounts`")
    try:
        await sign_out(settings_of(config, session))
    except TelegramRefused as refused:
        log.warning("the session is forgotten here, but Telegram was not told: %s", refused)
        return False
    finally:
        await store.forget_account(name)
    return True


async def check(config: TelegramConfig, store: Store, name: str, kind: str) -> Health:
    """Ask Telegram how an account stands, and remember the answer."""
    session = await store.session(name)
    known = {account.name: account for account in await store.accounts()}.get(name)
    try:
        signed_in = await who_is(settings_of(config, session))
    except SignInFailed as failed:
        health = health_of(failed.word) or Health(
            AccountState.UNREACHABLE, "Telegram was not reached", "try again later", failed.word
        )
    else:
        await keep(store, name, signed_in)
        return READY
    if health.state is not AccountState.UNREACHABLE:
        await mark(store, name, kind, health, known)
    return health


async def mark(
    store: Store, name: str, kind: str, health: Health, known: AccountRecord | None
) -> None:
    """What happened to an account, beside what was known of it."""
    old = known or AccountRecord(name, kind, 0, "", "", "", None)
    await store.keep_account(
        AccountRecord(
            name, old.kind, old.user, old.title, health.state.value, health.word, old.seen
        )
    )


def record_of(name: str, person: Person, is_bot: bool, health: Health) -> AccountRecord:
    title = f"{person.name} (@{person.username})" if person.username else person.name
    kind = "bot" if is_bot else "phone"
    now = datetime.now(UTC).replace(tzinfo=None)
    return AccountRecord(name, kind, person.id, title, health.state.value, health.word, now)
