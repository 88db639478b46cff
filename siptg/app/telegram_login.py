"""The way into Telegram: sessions from the store, and how they come to be there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from siptg.app.config import TelegramConfig
from siptg.app.store import Store
from siptg.rtp.clock import MediaClock
from siptg.telegram.account.client import Account
from siptg.telegram.account.sign_in import sign_in, sign_in_bot
from siptg.telegram.chat.shown import Bot
from siptg.telegram.server import Server
from siptg.telegram.settings import TelegramSettings

PHONE, BOT = "phone account", "bot"
"""Names of the sessions in the store."""


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
        p2p=config.p2p,
        relays=tuple(relay.server() for relay in config.relays),
    )


async def log_in(
    config: TelegramConfig,
    store: Store,
    phone: str,
    code: Callable[[], Awaitable[str]],
    password: Callable[[], Awaitable[str]] | None = None,
) -> None:
    """Sign the phone account in and keep its session. TelegramRefused says what Telegram said."""
    session = await sign_in(settings_of(config), phone, code, password)
    await store.keep_session(PHONE, session)


async def open_account(config: TelegramConfig, store: Store, clock: MediaClock) -> Account:
    """The phone account, not yet connected; NotLoggedIn where nobody ever signed in."""
    session = await store.session(PHONE)
    if not session:
        raise NotLoggedIn("the phone account is not signed in: run `siptg login` first")
    return Account(settings_of(config, session), clock=clock)


async def open_bot(config: TelegramConfig, store: Store) -> Bot | None:
    """The bot that shows cards, not yet connected; None where the configuration has no token."""
    if not config.bot_token:
        return None
    session = await store.session(BOT)
    if not session:
        session = await sign_in_bot(settings_of(config), config.bot_token)
        await store.keep_session(BOT, session)
    return Bot(settings_of(config, session))
