"""Messages forwarded to another chat, with the name of who wrote them first.

Simpler than Telegram: albums are not kept together, and nothing of a bot's buttons is forwarded.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.accounts import FORWARDS
from siptg.telegram.lab.chats import deliver
from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import Link, Refused

MOST_FORWARDED = 100


@handles(fn.messages.ForwardMessagesRequest)
def forward(link: Link, query: Any) -> tl.Updates:
    """Each as a message of the link's account; the first author's privacy may hide who it was."""
    chat, to = link.find(query.from_peer), link.find(query.to_peer)
    if not query.id:
        raise Refused(400, "MESSAGE_IDS_EMPTY")
    if len(query.id) != len(query.random_id) or len(query.id) > MOST_FORWARDED:
        raise Refused(400, "RANDOM_ID_INVALID")
    messages = [link.lab.chats.seen(link.me, number) for number in query.id]
    if any(not isinstance(m, tl.Message) or m.peer_id.user_id != chat.id for m in messages):
        raise Refused(400, "MESSAGE_ID_INVALID")
    updates: list[Any] = []
    users: dict[int, Any] = {}
    for message, random in zip(messages, query.random_id, strict=True):
        via = link.lab.accounts.get(message.via_bot_id or 0)
        sent = deliver(
            link,
            to,
            message.message,
            random,
            via=via,
            entities=message.entities,
            media=message.media,
            forwarded=None if query.drop_author else _header(link, message),
        )
        updates += sent.updates
        users |= {user.id: user for user in sent.users}
    return tl.Updates(updates, list(users.values()), [], datetime.now(UTC), 0)


def _header(link: Link, message: tl.Message) -> tl.MessageFwdHeader:
    """What is forwarded again keeps its first author."""
    if message.fwd_from is not None:
        return message.fwd_from
    author = link.lab.accounts[message.from_id.user_id]
    if author is link.me or author.allows(FORWARDS, link.me):
        return tl.MessageFwdHeader(message.date, from_id=tl.PeerUser(author.id))
    return tl.MessageFwdHeader(message.date, from_name=author.first_name)
