"""Telethon that goes along when Telegram gives the account another data centre as its home.

Telethon itself would leave the key behind and be signed out; the authorization is taken along as
core.telegram.org/api/datacenter has it: exported at the old home, imported with a new key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from telethon import errors
from telethon.network import MTProtoSender
from telethon.tl import functions as fn
from telethon.tl.alltlobjects import LAYER

from siptg.telegram.account.updates import Client
from siptg.telegram.refusals import refusal_of

log = logging.getLogger(__name__)

MIGRATIONS = (errors.PhoneMigrateError, errors.NetworkMigrateError, errors.UserMigrateError)
REACHED_WITHIN = 30.0
"""Seconds to get a key at the new home."""


async def nobody(session: str) -> None:
    """Nobody wants to know."""


class MovingClient(Client):
    """`signed_in`: the session came with a key of an account, which is not to be lost."""

    def __init__(self, *args: Any, signed_in: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        self.signed_in = signed_in
        self.moved: Callable[[str], Awaitable[None]] = nobody
        """Told the new session, before anything is asked with it."""
        self.moves = 0
        self._moving: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        try:
            await super().connect()
        except MIGRATIONS as error:
            if not self.signed_in:
                raise
            await self.follow(error.new_dc)

    async def follow(self, home: int) -> None:
        """Go to that data centre; whoever else is sent there meanwhile goes along.

        Telethon's RPCError where the old home does not let us go, OSError where the new one is
        not reached.
        """
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._move(home))
            self._moving.add_done_callback(self._told)
        moving = self._moving
        await asyncio.wait((moving,))
        if moving.cancelled():
            raise ConnectionError("the connection was closed")
        moving.result()

    async def settled(self) -> bool:
        """Wait for a move that is on; whether there is a client to be used after it."""
        if self._moving is not None:
            await asyncio.wait((self._moving,))
        return bool(self.is_connected())

    async def _switch_dc(self, new_dc: int) -> None:
        """Telethon was told to go; whoever asked hears of it too.

        It may be the loop of updates that asked, which the move ends: so the move has its own task.
        """
        if not self.signed_in:
            await super()._switch_dc(new_dc)
        elif self._moving is None or self._moving.done():
            self._following = asyncio.create_task(self._follow_unasked(new_dc))

    async def _follow_unasked(self, home: int) -> None:
        try:
            await self.follow(home)
        except errors.RPCError as error:
            if is_passing(error):
                return  # the next one who asks is sent there again
            # who only listens would not hear that nothing comes any more
            self._updates_error = errors.UserMigrateError(None, home)
            await self.disconnect()
        except OSError:
            return

    async def _disconnect_coro(self) -> None:
        """Whoever leaves does not move any more."""
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.wait((self._moving,))
        await super()._disconnect_coro()

    async def _get_dc(self, dc_id: int, cdn: bool = False) -> Any:
        # Telethon keeps one list for all clients of a process; ours may be of different servers
        type(self)._config = None
        return await super()._get_dc(dc_id, cdn)

    async def _move(self, home: int) -> None:
        if self.session.dc_id == home:
            return
        pass_ = await self(fn.auth.ExportAuthorizationRequest(home))
        dc = await self._get_dc(home)
        sender = MTProtoSender(None, loggers=self._log, retries=1, connect_timeout=REACHED_WITHIN)
        try:
            async with asyncio.timeout(REACHED_WITHIN):
                await sender.connect(
                    self._connection(dc.ip_address, dc.port, dc.id, loggers=self._log)
                )
                self._init_request.query = fn.auth.ImportAuthorizationRequest(pass_.id, pass_.bytes)
                await sender.send(fn.InvokeWithLayerRequest(LAYER, self._init_request))
        finally:
            await sender.disconnect()
        self.session.set_dc(dc.id, dc.ip_address, dc.port)
        self.session.auth_key = sender.auth_key
        self._sender.auth_key.key = sender.auth_key.key
        self.moves += 1
        log.warning(
            "= Telegram has moved the account to data centre %d: its session goes along", home
        )
        await self.moved(str(self.session.save()))
        await self._disconnect()
        await super().connect()

    def _told(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("! the account could not be moved: %s: %s", type(error).__name__, error)


def is_passing(error: errors.RPCError) -> bool:
    """Whether the old home only has troubles of its own: it may let us go a little later."""
    refused = refusal_of(error)
    return refused.passing or refused.seconds > 0
