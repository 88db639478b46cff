"""Whether an account is still one: each refusal is looked at, and the connection's end is too."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from telethon import errors
from telethon.tl.functions import auth, users
from telethon.tl.types import InputUserSelf

from siptg.telegram.account.health import READY, AccountGone, Health, health_of
from siptg.telegram.account.telethon import ask
from siptg.telegram.people import TelegramCause, TelegramRefused
from siptg.telegram.refusals import refusal_of

log = logging.getLogger(__name__)

CLOCK_OFF = 30
"""Seconds that this machine's clock may differ from Telegram's; more is told."""


class Watch:
    """Asks for one client, and knows when the account behind it is gone for good.

    Then the connection is closed, so that nothing tries again for ever; every later request is
    refused at once with the cause GONE, and `gone()` returns.
    """

    def __init__(self, client: Any, name: str = "the account") -> None:
        self.health: Health = READY
        self._client, self._name = client, name
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def ask(self, request: Any) -> Any:
        """One request; TelegramRefused where Telegram says no, nothing, or the account is gone."""
        if self._ended.is_set():
            raise TelegramRefused(TelegramCause.GONE, self.health.word)
        try:
            return await ask(self._client, request)
        except TelegramRefused as refused:
            if self._ended.is_set():
                raise TelegramRefused(TelegramCause.GONE, self.health.word) from None
            if refused.cause is TelegramCause.GONE:
                self.end(refused.text)
            raise

    async def connect(self) -> Any:
        """Connect; Telethon's user that we are. AccountGone where Telegram knows us no more."""
        try:
            await self._client.connect()
            (me,) = await self.ask(users.GetUsersRequest([InputUserSelf()]))
            # Telethon's own knowledge of it, which its updates need
            await self._client.is_user_authorized()
            await self._client.get_me()
        except (errors.AuthKeyNotFound, errors.RPCError, TelegramRefused) as error:
            await self._client.disconnect()
            word = error.text if isinstance(error, TelegramRefused) else word_of(error)
            health = health_of(word)
            if health is None:
                raise refusal_of(error) if isinstance(error, errors.RPCError) else error from None
            self.health = health
            self._ended.set()
            raise AccountGone(health) from None
        return me

    def start(self) -> None:
        """Signed in: from now on the end of the connection is the end of the account too."""
        offset = clock_offset(self._client)
        if abs(offset) > CLOCK_OFF:
            log.warning("this machine's clock is %+d s off Telegram's: set it (NTP)", -offset)
        self._task = asyncio.create_task(self._wait())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def gone(self) -> Health:
        """Wait until the account is gone; what happened."""
        await self._ended.wait()
        return self.health

    def end(self, word: str) -> None:
        """The account is gone; said once, whoever notices it first."""
        health = health_of(word)
        if health is None or self._ended.is_set():
            return
        self.health = health
        self._ended.set()
        log.error("%s: %s", self._name, health)
        self._closing = asyncio.ensure_future(self._client.disconnect())

    async def _wait(self) -> None:
        while True:
            error: BaseException | None = None
            try:
                await asyncio.shield(self._client.disconnected)
            except (OSError, errors.RPCError, errors.AuthKeyNotFound, BufferError) as died:
                error = died
            if not await self._client.settled():
                break  # it did not only move to another data centre
        # what ended Telethon's loop of updates is kept where only its own runner looks
        self.end(word_of(error or getattr(self._client, "_updates_error", None)))


def word_of(error: BaseException | None) -> str:
    """Telegram's word for what ended a connection; empty where it was no matter of the account."""
    if isinstance(error, errors.AuthKeyNotFound):
        return "AUTH_KEY_NOT_FOUND"
    return refusal_of(error).text if isinstance(error, errors.RPCError) else ""


def clock_offset(client: Any) -> int:
    """Seconds that Telegram's clock is ahead of ours, as far as it has corrected us; else 0."""
    return int(client._sender._state.time_offset)


async def leave(client: Any) -> None:
    """Sign out at Telegram; that it knows the session no more is as good."""
    try:
        await ask(client, auth.LogOutRequest())
    except TelegramRefused as refused:
        if refused.cause is not TelegramCause.GONE:
            raise
