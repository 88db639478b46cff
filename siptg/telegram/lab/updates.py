"""What accounts are told, and what they missed (core.telegram.org/api/updates).

Messages, edits and deletions are numbered by pts; news of calls by the seq of the container they
come in, which each session counts for itself. qts numbers what Telegram's own schema gives a qts
(nothing that this lab tells yet). Simpler than Telegram: news of calls are kept for an hour, and
a difference tells the last of each call only.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.mentions import people_in

if TYPE_CHECKING:
    from siptg.telegram.lab.accounts import LabAccount
    from siptg.telegram.lab.link import Link

MOST_TOLD = 1000
"""Updates that an account's log remembers; who is further behind hears "too long"."""
CALLS_KEPT = timedelta(hours=1)
CALLS_AGAIN = timedelta(minutes=2)
"""News of calls are told from this long before the date that the client names."""


@attrs.frozen
class Told:
    """An update and whom it is about. `number` is its pts; 0 for news of calls."""

    number: int
    update: Any
    people: tuple[LabAccount, ...]
    at: datetime = attrs.field(factory=lambda: datetime.now(UTC))


@attrs.define(eq=False)
class Updates:
    """The update state of one account, and the faults that were ordered for it."""

    slice_size: int = 100
    """Updates that one difference tells."""
    too_long: int = MOST_TOLD
    """Who is more updates behind than this is told differenceTooLong."""
    seqs: dict[bytes, int] = attrs.field(factory=dict)
    """Auth key → the seq of what was last pushed to it."""
    calls: list[Told] = attrs.field(factory=list)
    losing: int = 0
    """How many of the next pushes get lost."""
    held: list[Callable[[], None]] | None = None
    """Pushes that are held back; None where none is."""

    def push(self, link: Link, update: Any, people: Iterable[LabAccount]) -> None:
        """Tell one client, or as was ordered not, or later."""
        seq, key = 0, link.session.key_id
        if isinstance(update, tl.UpdatePhoneCall):
            seq = self.seqs[key] = self.seqs.get(key, 0) + 1
        users = [person.user(link.account) for person in people]
        body = bytes(tl.Updates([update], users, [], datetime.now(UTC), seq))

        def send() -> None:
            link.send(link.session.message(body, link.lab.now(), reply=False))

        if self.losing > 0:
            self.losing -= 1
        elif self.held is not None:
            self.held.append(send)
        else:
            send()

    def remember_call(self, update: Any, people: tuple[LabAccount, ...]) -> None:
        """News of a call: the last of each call can be told again."""
        now = datetime.now(UTC)
        number = update.phone_call.id
        self.calls = [
            told
            for told in self.calls[-MOST_TOLD:]
            if told.update.phone_call.id != number and now - told.at < CALLS_KEPT
        ]
        self.calls.append(Told(0, update, people))

    def release(self, *, order: random.Random | None = None) -> None:
        """Tell what was held back, in its order or in a random one, and go on as usual."""
        held, self.held = self.held or [], None
        if order is not None:
            order.shuffle(held)
        for push in held:
            push()


def state_of(link: Link, pts: int | None = None) -> tl.updates.State:
    me = link.me
    seq = me.updates.seqs.get(link.session.key_id, 0)
    return tl.updates.State(me.pts if pts is None else pts, 0, datetime.now(UTC), seq, 0)


@handles(fn.updates.GetStateRequest)
def get_state(link: Link, _: Any) -> tl.updates.State:
    return state_of(link)


@handles(fn.updates.GetDifferenceRequest)
def get_difference(link: Link, query: Any) -> Any:
    """What an account's client missed since its pts and date: messages, edits, news of calls."""
    me = link.me
    behind = [Told(*kept) for kept in me.kept if kept[0] > query.pts]
    limit = min(me.updates.too_long, query.pts_total_limit or me.updates.too_long)
    if me.pts - query.pts > min(limit, len(me.kept)) and me.pts - query.pts > len(behind):
        return tl.updates.DifferenceTooLong(me.pts)
    if len(behind) > limit:
        return tl.updates.DifferenceTooLong(me.pts)
    since = query.date - CALLS_AGAIN
    calls = [told for told in me.updates.calls if told.at >= since]
    last = len(behind) <= me.updates.slice_size
    if last:
        calls += [Told(0, *press) for press in me.presses]
        me.presses.clear()
    told = [*behind[: me.updates.slice_size], *(calls if last else ())]
    if not told:
        return tl.updates.DifferenceEmpty(datetime.now(UTC), state_of(link).seq)
    messages = [t.update.message for t in told if isinstance(t.update, tl.UpdateNewMessage)]
    others = [t.update for t in told if not isinstance(t.update, tl.UpdateNewMessage)]
    people = {person.id: person for t in told for person in t.people}
    users = [person.user(me) for person in people.values()]
    if last:
        return tl.updates.Difference(messages, [], others, [], users, state_of(link))
    state = state_of(link, told[-1].number)
    state.date = query.date  # news of calls come with the last slice
    return tl.updates.DifferenceSlice(messages, [], others, [], users, state)


@handles(fn.messages.GetDialogsRequest)
def dialogs(link: Link, query: Any) -> tl.messages.Dialogs:
    """All chats of the account with their last messages, newest first, `limit` at a time."""
    me, last = link.me, _last_of_each(link)
    tops = sorted(last.values(), key=lambda m: m.id, reverse=True)
    if query.offset_id:
        tops = [m for m in tops if m.id < query.offset_id]
    shown = tops[: min(query.limit or 100, 100)]
    settings = tl.PeerNotifySettings()
    made = [tl.Dialog(m.peer_id, m.id, 0, 0, 0, 0, 0, 0, settings) for m in shown]
    users = [person.user(me) for person in people_in(link.lab, shown)]
    if len(shown) == len(tops) and not query.offset_id:
        return tl.messages.Dialogs(made, shown, [], users)
    return tl.messages.DialogsSlice(len(last), made, shown, [], users)


@handles(fn.messages.GetHistoryRequest)
def history(link: Link, query: Any) -> tl.messages.Messages:
    """Messages of one chat, newest first; `offset_id` and `min_id` bound them, both excluded."""
    other = link.find(query.peer)
    found = [m for m in _own(link) if m.peer_id.user_id == other.id and m.id > query.min_id]
    if query.offset_id:
        found = [m for m in found if m.id < query.offset_id]
    found.sort(key=lambda m: m.id, reverse=True)
    found = found[: min(query.limit or 100, 100)]
    people = {other, *people_in(link.lab, found)}
    return tl.messages.Messages(found, [], [], [person.user(link.me) for person in people])


def _own(link: Link) -> list[Any]:
    """All messages of the account, each once."""
    mine, chats = link.me.id, link.lab.chats
    copies = {c.id: c for s in chats.messages.values() if (c := s.copies.get(mine)) is not None}
    return list(copies.values())


def _last_of_each(link: Link) -> dict[int, Any]:
    last: dict[int, Any] = {}
    for message in sorted(_own(link), key=lambda m: m.id):
        last[message.peer_id.user_id] = message
    return last
