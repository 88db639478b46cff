"""The accounts of a running service: taken into use, watched, and taken into use again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import attrs

from siptg.app.config import TelegramConfig
from siptg.app.store import SealBroken, Store, StoreError
from siptg.app.telegram_login import NotLoggedIn, mark, record_of, settings_of
from siptg.rtp.clock import MediaClock
from siptg.telegram.account.client import Account
from siptg.telegram.account.health import READY, AccountGone, Health, health_of
from siptg.telegram.account.session import Keeper
from siptg.telegram.account.sign_in import SignedIn, SignInFailed, sign_in_by_token, who_is
from siptg.telegram.chat.bot import Bot
from siptg.telegram.people import TelegramCause, TelegramRefused

log = logging.getLogger(__name__)

LOOK_EVERY = 3.0
"""Seconds between two looks into the store while an account is gone."""
TOKEN_EVERY = 600.0
"""Seconds between two sign-ins of the bot by its token: whoever ends its sessions may go on."""


TROUBLES = (AccountGone, TelegramRefused, NotLoggedIn, StoreError, SealBroken, OSError)
"""What may come of a session that somebody kept; none of it ends a service that runs."""


@attrs.define(eq=False)
class Seat:
    """The place of one account in the service, whichever session has it."""

    name: str
    """Of its session in the store."""
    kind: str
    """`phone` or `bot`."""
    login: str
    """The command that brings another session."""
    user: Account | Bot
    take: Callable[[SignedIn], Awaitable[None]]
    """Take a session into use."""
    tried: str = attrs.field(default="", repr=False)
    """The session that was used, or refused, last."""
    used: bool = False
    """A session was taken into use, be it gone or not."""
    told: str = ""
    """The last trouble, which is said once."""

    def __str__(self) -> str:
        return "the bot" if self.kind == "bot" else "the phone account"


class AccountKeeper:
    """`enter_account` and `enter_bot`, then `watch`: who is gone comes back by `siptg login`.

    How each account stands is kept in the store.
    """

    def __init__(
        self, config: TelegramConfig, store: Store, *, look_every: float = LOOK_EVERY
    ) -> None:
        self.look_every = look_every
        self._config, self._store = config, store
        self._token_from = -math.inf
        self._seats: list[Seat] = []
        self._another: Callable[[], Awaitable[None]]

    async def enter_account(self, stack: contextlib.AsyncExitStack, clock: MediaClock) -> Account:
        """The phone account, signed in. NotLoggedIn where nobody ever signed in, AccountGone
        where Telegram does not know it any more.
        """
        name = self._config.account
        session = await self._store.session(name)
        if not session:
            raise NotLoggedIn("the phone account is not signed in: run `siptg login` first")
        try:
            found = await self._reach(session)
            _must_be("phone", name, found)
            settings = settings_of(self._config, found.session)
            account = Account(settings, clock=clock, keeper=self._keeper(found))
            account.moved = partial(self._moved, name)
            await stack.enter_async_context(account)
        except (AccountGone, SignInFailed) as error:
            health = _health(error)
            if health is None:
                raise
            await self._gone(name, "phone", health)
            raise AccountGone(health) from None
        await self._well(name, session, found)

        async def take(found: SignedIn) -> None:
            before = account.me.id
            await account.renew(found.session, found.person.id, self._keeper(found))
            if account.me.id != before:
                log.warning(
                    "the phone account is another Telegram user now: calls of the one before are "
                    "hung up, its cards stay as they are"
                )
                await self._another()

        seat = Seat(name, "phone", "siptg login", account, take, found.session, used=True)
        self._seats.append(seat)
        return account

    async def enter_bot(self, stack: contextlib.AsyncExitStack) -> Bot:
        """The bot that shows cards. As long as it cannot be used, cards come as text."""
        bot = await stack.enter_async_context(Bot(settings_of(self._config)))
        bot.moved = partial(self._moved, self._config.bot)

        async def take(found: SignedIn) -> None:
            await bot.renew(found.session)

        seat = Seat(self._config.bot, "bot", "siptg login --bot", bot, take)
        self._seats.append(seat)
        # a session that was ended is no matter as long as the token is good
        if not (await self._try(seat) or await self._try(seat)) and seat.told:
            log.error("cards come as text, for the bot cannot be used")
        self._token_from = -math.inf  # a start is no loss
        return bot

    async def watch(self, another: Callable[[], Awaitable[None]]) -> None:
        """For as long as the service runs; `another` is told that the phone account is a
        Telegram user that it was not before.
        """
        self._another = another
        await asyncio.gather(*map(self._stay, self._seats))

    async def _stay(self, seat: Seat) -> None:
        while True:
            told = not seat.used
            if seat.used:
                await self._gone(seat.name, seat.kind, await seat.user.gone())
            while not await self._try(seat):
                if not told:
                    told = True
                    log.warning("%s: waiting for `%s`, all else goes on", seat, seat.login)
                await asyncio.sleep(self.look_every)
            log.info("= %s is in use again: %s", seat, seat.user.me.name)

    async def _try(self, seat: Seat) -> bool:
        """One look for a session that was not tried yet; whether it is in use now."""
        session = ""
        try:
            session = await self._next_session(seat)
            if not session:
                return False
            found = await who_is(settings_of(self._config, session))
            _must_be(seat.kind, seat.name, found)
            await seat.take(found)
        except TROUBLES as error:
            health = _health(error)
            if session and (health is not None or isinstance(error, NotLoggedIn)):
                seat.tried = session
            if health is not None:
                await self._gone(seat.name, seat.kind, health)
            if str(error) != seat.told:
                seat.told = str(error)
                log.error("%s cannot be used: %s", seat, error)
            return False
        seat.used, seat.tried, seat.told = True, found.session, ""
        await self._well(seat.name, session, found)
        return True

    async def _next_session(self, seat: Seat) -> str:
        """What was kept since the last try; of a bot else one by its token, now and then."""
        session = await self._store.session(seat.name)
        if session and session != seat.tried:
            return session
        now = asyncio.get_running_loop().time()
        if seat.kind != "bot" or not self._config.bot_token or now < self._token_from:
            return ""
        self._token_from = now + TOKEN_EVERY
        signed_in = await sign_in_by_token(settings_of(self._config), self._config.bot_token)
        await self._store.keep_session(seat.name, signed_in.session)
        return signed_in.session

    async def _reach(self, session: str) -> SignedIn:
        """Whose session it is; as long as Telegram is not reached it is asked again."""
        told = False
        while True:
            try:
                return await who_is(settings_of(self._config, session))
            except SignInFailed as failed:
                if failed.cause is not TelegramCause.SILENT:
                    raise
                if not told:
                    told = True
                    log.warning("Telegram is not reached yet: %s", failed)
                await asyncio.sleep(self.look_every)

    def _keeper(self, found: SignedIn) -> Keeper:
        """What is known belongs to a Telegram user: another session of theirs goes on with it."""
        return self._store.keeper(f"{self._config.account} {found.person.id}")

    async def _well(self, name: str, asked: str, found: SignedIn) -> None:
        with _told():
            if found.session != asked:  # it moved to another data centre
                await self._store.keep_session(name, found.session)
            await self._store.keep_account(record_of(name, found.person, found.is_bot, READY))

    async def _moved(self, name: str, session: str) -> None:
        """Unless `siptg login` has kept another one meanwhile: that one is for later."""
        seat = next((seat for seat in self._seats if seat.name == name), None)
        with _told():
            if seat is None or await self._store.session(name) == seat.tried:
                await self._store.keep_session(name, session)
        if seat is not None:
            seat.tried = session

    async def _gone(self, name: str, kind: str, health: Health) -> None:
        with _told():
            known = {one.name: one for one in await self._store.accounts()}
            await mark(self._store, name, kind, health, known.get(name))


def _health(error: BaseException) -> Health | None:
    """How an account stands whose session was refused; None where that says nothing of it."""
    if isinstance(error, AccountGone):
        return error.health
    return health_of(error.word) if isinstance(error, SignInFailed) else None


def _must_be(kind: str, name: str, found: SignedIn) -> None:
    """NotLoggedIn for a bot's session under the phone account's name, or the other way round."""
    if found.is_bot is not (kind == "bot"):
        what = "no bot" if kind == "bot" else "a bot"
        raise NotLoggedIn(f"the session kept as {name!r} is that of {what}: sign in anew")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """How an account stands is worth a line, not a service."""
    try:
        yield
    except StoreError as error:
        log.error("%s", error)
