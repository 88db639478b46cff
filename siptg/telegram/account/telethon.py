"""Telethon as we want it, and the few things that every room does with it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from telethon import errors
from telethon.crypto import rsa
from telethon.sessions import StringSession
from telethon.tl import types as tl

from siptg.telegram.account.moving import MIGRATIONS, MovingClient, is_passing
from siptg.telegram.account.session import Keeper, KeptSession
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from siptg.telegram.refusals import refusal_of
from siptg.telegram.settings import TelegramSettings

ANSWER_WITHIN = 20.0
"""Seconds that Telegram has for one request while there is a connection."""
GONE_WITHIN, STEP = 60.0, 1.0
"""Seconds that a request waits for the connection to come back; how often that is looked at."""
MOST_MOVES = 2
"""Data centres that one request is asked at, one after the other, beyond the first."""


def new_client(settings: TelegramSettings, keeper: Keeper | None = None) -> MovingClient:
    """Telethon as we want it: no sleeping through flood waits, no silent repetitions, no giving
    up. TelegramRefused where the session is none.
    """
    if settings.session and not is_session(settings.session):
        raise TelegramRefused(TelegramCause.GONE, "SESSION_UNREADABLE")
    session = KeptSession(settings.session or None, keeper)
    if settings.server is not None:
        server = settings.server
        rsa.add_key(server.public_key, old=False)
        if not settings.session or session.dc_id == server.dc_id:
            # it may have moved since the session was made
            session.set_dc(server.dc_id, server.host, server.port)
    return MovingClient(
        session,
        settings.api_id,
        settings.api_hash,
        signed_in=bool(settings.session),
        device_model="siptg",
        app_version="1",
        connection_retries=None,
        retry_delay=1,
        request_retries=0,
        raise_last_call_error=True,
        flood_sleep_threshold=0,
        use_ipv6=False,
    )


def is_session(text: str) -> bool:
    """Whether this is a string session of Telethon, with a key in it."""
    try:
        session = StringSession(text)
        return session.auth_key is not None and session.dc_id > 0 and session.port > 0
    except (ValueError, struct.error, IndexError):
        return False


def person_of(user: tl.User) -> Person:
    name = " ".join(part for part in (user.first_name, user.last_name) if part)
    return Person(
        user.id,
        user.access_hash or 0,
        name or str(user.id),
        user.username,
        user.lang_code or "",
    )


async def ask(
    client: Any, request: Any, *, by: Callable[[Any], Awaitable[Any]] | None = None
) -> Any:
    """One request; TelegramRefused where Telegram says no, or nothing in time.

    Where Telegram sends us to another data centre, we go there and ask once more, at most twice.
    `by` asks in the client's place, over another of its connections.
    """
    for moves_left in range(MOST_MOVES, -1, -1):
        moves = client.moves
        try:
            return await _answered(client, request, by or client)
        except MIGRATIONS as error:
            if not moves_left or not await _went(client, error):
                raise refusal_of(error) from None
        except errors.RPCError as error:
            raise refusal_of(error) from None
        except errors.AuthKeyNotFound:
            raise TelegramRefused(TelegramCause.GONE, "AUTH_KEY_NOT_FOUND") from None
        except asyncio.CancelledError:
            # Telethon cancels what waits when it closes; that is not our task's own end
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            if not (moves_left and client.moves != moves and await client.settled()):
                raise TelegramRefused(TelegramCause.SILENT, "the connection was closed") from None
        except TimeoutError:
            raise TelegramRefused(TelegramCause.SILENT, "no answer") from None
        except (ConnectionError, OSError) as error:
            raise TelegramRefused(TelegramCause.SILENT, str(error) or "no connection") from None
    raise AssertionError("unreachable")


async def _went(client: Any, error: Any) -> bool:
    """Whether we are at the data centre that Telegram named, and may ask there."""
    if not client.signed_in:
        return True  # Telethon went there: there was nothing to take along
    try:
        await asyncio.wait_for(client.follow(error.new_dc), GONE_WITHIN)
    except errors.RPCError as refused:
        if is_passing(refused):
            raise refusal_of(refused) from None
        return False
    except OSError as unreached:  # TimeoutError too
        text = f"data centre {error.new_dc} is not reached: {unreached}"
        raise TelegramRefused(TelegramCause.SILENT, text) from None
    return True


async def _answered(client: Any, request: Any, by: Callable[[Any], Awaitable[Any]]) -> Any:
    """Telegram's answer; TimeoutError after 20 s of a connection without it, or 60 s without one.

    Telethon sends what has no answer again when the connection is back, with the same random_id;
    what we gave up is taken out of its hands, so that it does not happen after all.
    """
    task = asyncio.ensure_future(by(request))
    silent = gone = 0.0
    try:
        while silent < ANSWER_WITHIN and gone < GONE_WITHIN:
            await asyncio.wait((task,), timeout=STEP)
            if task.done():
                return task.result()
            if client.is_here:
                silent += STEP
            else:
                gone += STEP
        raise TimeoutError
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
            client.drop_given_up()


def peer_of(person: Person) -> tl.InputPeerUser:
    return tl.InputPeerUser(person.id, person.access_hash)


def sent_id(sent: Any) -> int:
    """The number of a message that we sent, from the server's answer."""
    if isinstance(sent, tl.UpdateShortSentMessage):
        return int(sent.id)
    for update in sent.updates:
        if isinstance(update, tl.UpdateMessageID):
            return int(update.id)
    for update in sent.updates:
        if isinstance(update, tl.UpdateNewMessage):
            return int(update.message.id)
    return 0
