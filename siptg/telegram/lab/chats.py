"""Private messages: sent, edited, deleted; each side has them under numbers of its own."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

import attrs
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.accounts import LabAccount, random_id
from siptg.telegram.lab.bodies import checked, checked_markup, same
from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import DC, Link, Refused
from siptg.telegram.lab.mentions import people_in

MOST_MESSAGES = 10_000


@attrs.define(eq=False)
class Stored:
    """One message and its two copies."""

    sender: LabAccount
    to: LabAccount
    via: LabAccount | None
    copies: dict[int, Any]
    """Owner's id → the message as the owner has it."""
    inline_hash: int = attrs.field(factory=random_id)
    """Access hash of its inline message id."""
    dc: int = DC
    """Where its inline message id says that it lies."""


@attrs.define(eq=False)
class Chats:
    messages: OrderedDict[int, Stored] = attrs.field(factory=OrderedDict)
    """By the number of either copy."""
    sent: OrderedDict[tuple[int, int], tl.Updates] = attrs.field(factory=OrderedDict)
    """(sender, random_id): what was sent twice is one message."""
    newest: int = 0
    """The number that was given out last."""

    def next_number(self) -> int:
        self.newest += 1
        return self.newest

    def seen(self, owner: LabAccount, number: int) -> Any:
        """A message as its owner has it; None where it is not theirs."""
        stored = self.messages.get(number)
        message = stored.copies.get(owner.id) if stored is not None else None
        return message if message is not None and message.id == number else None


def deliver(
    link: Link,
    to: LabAccount,
    text: str,
    random: int,
    *,
    markup: Any = None,
    via: LabAccount | None = None,
    entities: list[Any] | None = None,
    media: Any = None,
    forwarded: tl.MessageFwdHeader | None = None,
) -> tl.Updates:
    """A message from the link's account."""
    chats, sender = link.lab.chats, link.me
    if (sender.id, random) in chats.sent:
        return chats.sent[sender.id, random]
    text, entities = checked(link, text, entities, caption=media is not None)
    markup = checked_markup(markup)
    if sender.id in to.blocked:
        raise Refused(403, "USER_IS_BLOCKED")
    stored = Stored(sender, to, via, {})
    to.met.add(sender.id)
    updates: dict[int, Any] = {}
    for owner, other in ((sender, to), (to, sender)):
        message = tl.Message(
            chats.next_number(),
            tl.PeerUser(other.id),
            datetime.now(UTC),
            text,
            out=owner is sender,
            from_id=tl.PeerUser(sender.id),
            reply_markup=markup,
            via_bot_id=via.id if via else None,
            entities=entities,
            media=media,
            fwd_from=forwarded,
        )
        stored.copies[owner.id] = message
        chats.messages[message.id] = stored
        updates[owner.id] = tl.UpdateNewMessage(message, owner.next_pts(), 1)
        if to is sender:
            break
    while len(chats.messages) > MOST_MESSAGES:
        chats.messages.popitem(last=False)
    people = people_in(link.lab, [stored.copies[sender.id]])
    for owner in {sender, to}:
        own = updates[owner.id]
        owner.kept.append((own.pts, own, people))
        for other_link in list(owner.links):
            if other_link is not link:
                other_link.push(own, people)
    number = stored.copies[sender.id].id
    result = tl.Updates(
        [tl.UpdateMessageID(number, random), updates[sender.id]],
        [p.user(sender) for p in people],
        [],
        datetime.now(UTC),
        0,
    )
    chats.sent[sender.id, random] = result
    while len(chats.sent) > MOST_MESSAGES:
        chats.sent.popitem(last=False)
    return result


def note_call(
    chats: Chats, caller: LabAccount, callee: LabAccount, call: int, reason: Any, seconds: int
) -> None:
    """The line that a call leaves in the chat of both."""
    stored = Stored(caller, callee, None, {})
    for owner, other in ((caller, callee), (callee, caller)):
        message = tl.MessageService(
            chats.next_number(),
            tl.PeerUser(other.id),
            datetime.now(UTC),
            action=tl.MessageActionPhoneCall(call, reason=reason, duration=seconds or None),
            out=owner is caller,
            from_id=tl.PeerUser(caller.id),
        )
        stored.copies[owner.id] = message
        chats.messages[message.id] = stored
        pts = owner.next_pts()
        owner.notify(tl.UpdateNewMessage(message, pts, 1), caller, callee, pts=pts)


def change(
    link: Link, stored: Stored, text: str | None, markup: Any, entities: list[Any] | None
) -> None:
    """Edit both copies and tell both sides."""
    before, markup = next(iter(stored.copies.values())), checked_markup(markup)
    if text is None:
        text, entities = before.message, before.entities
    else:
        text, entities = checked(link, text, entities, caption=before.media is not None)
    if (
        text == before.message
        and same(entities, before.entities)
        and same(markup, before.reply_markup)
    ):
        raise Refused(400, "MESSAGE_NOT_MODIFIED")
    for owner in {stored.sender, stored.to}:
        message = stored.copies.get(owner.id)
        if message is None:  # deleted on that side
            continue
        message.message, message.entities = text, entities
        message.reply_markup, message.edit_date = markup, datetime.now(UTC)
        pts, people = owner.next_pts(), people_in(link.lab, [message])
        owner.notify(tl.UpdateEditMessage(message, pts, 1), *people, pts=pts)


@handles(fn.messages.SendMessageRequest)
def send(link: Link, query: Any) -> tl.Updates:
    markup = query.reply_markup if link.me.is_bot else None  # users cannot attach keyboards
    return deliver(
        link,
        link.find(query.peer),
        query.message,
        query.random_id,
        markup=markup,
        entities=query.entities,
    )


@handles(fn.messages.EditMessageRequest)
def edit(link: Link, query: Any) -> tl.Updates:
    stored = link.lab.chats.messages.get(query.id)
    if stored is None or link.me.id not in stored.copies:
        raise Refused(400, "MESSAGE_ID_INVALID")
    if stored.sender is not link.me or stored.via is not None:
        # what came through a bot is the bot's to edit
        raise Refused(403, "MESSAGE_AUTHOR_REQUIRED")
    markup = query.reply_markup if link.me.is_bot else None
    change(link, stored, query.message, markup, query.entities)
    return tl.Updates([], [], [], datetime.now(UTC), 0)


@handles(fn.messages.DeleteMessagesRequest)
def delete(link: Link, query: Any) -> tl.messages.AffectedMessages:
    me, messages = link.me, link.lab.chats.messages
    gone = [n for n in query.id[:100] if (s := messages.get(n)) and me.id in s.copies]
    for number in gone:
        stored = messages[number]
        for owner in {stored.sender, stored.to} if query.revoke else {me}:
            copy = stored.copies.pop(owner.id, None)
            if copy is not None:
                messages.pop(copy.id, None)
                pts = owner.next_pts()
                owner.notify(tl.UpdateDeleteMessages([copy.id], pts, 1), pts=pts)
    return tl.messages.AffectedMessages(me.pts, len(gone))


@handles(fn.messages.ReadHistoryRequest)
def read(link: Link, query: Any) -> tl.messages.AffectedMessages:
    return tl.messages.AffectedMessages(link.me.pts, 0)


@handles(fn.messages.GetMessagesRequest)
def get_messages(link: Link, query: Any) -> tl.messages.Messages:
    """Messages by number, as the asker has them, and whom they name."""
    me, found = link.me, []
    for wanted in query.id[:100]:
        number = getattr(wanted, "id", wanted)
        stored = link.lab.chats.messages.get(number)
        if stored is not None and me.id in stored.copies:
            found.append(stored.copies[me.id])
        else:
            found.append(tl.MessageEmpty(number))
    named = people_in(link.lab, [m for m in found if not isinstance(m, tl.MessageEmpty)])
    return tl.messages.Messages(found, [], [], [p.user(me) for p in {me, *named}])
