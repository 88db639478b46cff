"""Requests to another data centre than the client's own."""

from __future__ import annotations

import functools
from typing import Any

from siptg.telegram.account.telethon import ask
from siptg.telegram.people import TelegramCause, TelegramRefused


async def ask_dc(client: Any, request: Any, dc: int | None = None) -> Any:
    """One request, over a connection to the data centre that is named; TelegramRefused."""
    if dc is None or dc == client.session.dc_id:
        return await ask(client, request)
    try:
        # the name is private: Telethon has no other for this
        sender = await ask(client, dc, by=client._borrow_exported_sender)
    except ValueError as error:
        raise TelegramRefused(TelegramCause.UNKNOWN, f"no data centre {dc}: {error}") from None
    try:
        return await ask(client, request, by=functools.partial(client._call, sender))
    finally:
        await client._return_exported_sender(sender)
