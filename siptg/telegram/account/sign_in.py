"""Signing in: a user by the code that Telegram sends, a bot by its token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from telethon import errors
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.telethon import ask, new_client
from siptg.telegram.refusals import refusal_of
from siptg.telegram.settings import TelegramSettings


async def sign_in(
    settings: TelegramSettings,
    phone: str,
    code: Callable[[], Awaitable[str]],
    password: Callable[[], Awaitable[str]] | None = None,
) -> str:
    """Sign a user in by the code that Telegram sends; the session to keep. TelegramRefused else."""
    client = new_client(settings)
    try:
        await client.connect()
        sent = await ask(
            client,
            fn.auth.SendCodeRequest(phone, settings.api_id, settings.api_hash, tl.CodeSettings()),
        )
        try:
            await client.sign_in(phone, await code(), phone_code_hash=sent.phone_code_hash)
        except errors.SessionPasswordNeededError:
            if password is None:
                raise
            await client.sign_in(password=await password())
        return str(client.session.save())
    except errors.RPCError as error:
        raise refusal_of(error) from None
    finally:
        await client.disconnect()


async def sign_in_bot(settings: TelegramSettings, token: str) -> str:
    """Sign a bot in by its token; the session to keep."""
    client = new_client(settings)
    try:
        await client.connect()
        await client.sign_in(bot_token=token)
        return str(client.session.save())
    except errors.RPCError as error:
        raise refusal_of(error) from None
    finally:
        await client.disconnect()
