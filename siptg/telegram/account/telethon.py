"""Telethon as we want it, and the few things that every room does with it."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from telethon import TelegramClient, errors
from telethon.crypto import rsa
from telethon.sessions import StringSession
from telethon.tl import types as tl

from siptg.telegram.account.session import Keeper, KeptSession
from siptg.telegram.account.updates import Client
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from siptg.telegram.refusals import refusal_of
from siptg.telegram.settings import TelegramSettings

ANSWER_WITHIN = 20.0
"""Seconds that Telegram has for one request while there is a connection."""
GONE_WITHIN, STEP = 60.0, 1.0
"""Seconds that a request waits for the connection to come back; how often that is looked at."""


MIGRATIONS = (errors.PhoneMigrateError, errors.NetworkMigrateError, errors.UserMigrateError)


class _Client(Client):
    """Our Telethon; where it is sent to another data centre, by the list of its own server."""

    async def _get_dc(self, dc_id: int, cdn: bool = False) -> Any:
        # Telethon keeps one list for all clients of a process; ours may be of different servers
        type(self)._config = None
        return await super()._get_dc(dc_id, cdn)


def new_client(settings: TelegramSettings, keeper: Keeper | None = None) -> Client:
    """Telethon as we want it: no sleeping through flood waits, no silent repetitions, no giving
    up.
    """
    session = KeptSession(settings.session or None, keeper)
    if settings.server is not None:
        server = settings.server
        rsa.add_key(server.public_key, old=False)
        if not settings.session or session.dc_id == server.dc_id:
            # it may have moved since the session was made
            session.set_dc(server.dc_id, server.host, server.port)
    return _Client(
        session,
        settings.api_id,
        settings.api_hash,
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
        return StringSession(text).auth_key is not None
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


async def ask(client: TelegramClient, request: Any, *, follow: bool = False) -> Any:
    """One request; TelegramRefused where Telegram says no, or nothing in time.

    `follow` is for who is not signed in yet: where Telegram sends her to another data centre,
    Telethon goes there, and the question is asked once more.
    """
    try:
        return await _answered(client, request)
    except MIGRATIONS as error:
        if follow:
            return await ask(client, request)
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
        raise TelegramRefused(TelegramCause.SILENT, "the connection was closed") from None
    except TimeoutError:
        raise TelegramRefused(TelegramCause.SILENT, "no answer") from None
    except (ConnectionError, OSError) as error:
        raise TelegramRefused(TelegramCause.SILENT, str(error) or "no connection") from None


async def _answered(client: TelegramClient, request: Any) -> Any:
    """Telegram's answer; TimeoutError after 20 s of a connection without it, or 60 s without one.

    Telethon sends what has no answer again when the connection is back, with the same random_id;
    what we gave up is taken out of its hands, so that it does not happen after all.
    """
    task = asyncio.ensure_future(client(request))
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
