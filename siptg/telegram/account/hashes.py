"""Access hashes that Telegram takes no more, and where a new one is to be found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.session import KeptSession

STALE = ("PEER_ID_INVALID", "USER_ID_INVALID")
"""What Telegram says to an access hash that is not good."""

Ask = Callable[[Any], Awaitable[Any]]


async def put_in(request: Any, session: KeptSession, ask: Ask) -> bool:
    """Put a new access hash into the request, where its person can be found: by what we know,
    by user name, or by a message that named them. TelegramRefused where Telegram says no.
    """
    field = next((f for f in ("peer", "user_id") if hasattr(request, f)), "")
    peer = getattr(request, field, None)
    if not isinstance(peer, tl.InputPeerUser | tl.InputUser):
        return False
    known = session.forget(peer.user_id)
    if known is None:
        return await _by_message(peer, session, ask)
    if known.access_hash != peer.access_hash:
        peer.access_hash = known.access_hash  # the caller's was old, ours may be good
        session.meet(known)
        return True
    if known.username is None:
        return False
    found = await ask(fn.contacts.ResolveUsernameRequest(known.username))
    fresh = next((u for u in found.users if u.id == peer.user_id), None)
    if fresh is None:
        return False
    peer.access_hash = fresh.access_hash
    return True


async def _by_message(peer: Any, session: KeptSession, ask: Ask) -> bool:
    """Whom we know by a mention alone is asked for by the message that has it."""
    seen = session.seen_in(peer.user_id)
    chat = session.person(seen.chat) if seen is not None else None
    if seen is None or chat is None:
        return False
    where = tl.InputPeerUser(chat.id, chat.access_hash)
    user = tl.InputUserFromMessage(where, seen.message, peer.user_id)
    for fresh in await ask(fn.users.GetUsersRequest([user])):
        if fresh.id == peer.user_id and fresh.access_hash and not fresh.min:
            peer.access_hash = fresh.access_hash
            return True
    return False
