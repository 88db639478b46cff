"""Telethon's updates made safe: nothing is lost in a gap, and what is read is saved when handled.

Built on Telethon's message box, of which three things are mended (version 1.45): a difference's
own edits and deletions were dropped; after "too long" nothing of what lay between was fetched; and
states were saved before the updates were handled. A difference that fails is asked again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import attrs
from telethon import TelegramClient, errors, utils
from telethon._updates.messagebox import ENTRY_ACCOUNT, MessageBox, PtsInfo, epoch
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.repeats import take_once

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries to get a difference."""
MARGIN = timedelta(minutes=15)
"""A state's date may be ahead of an update that was lost, by no more than Telethon's own check."""
PAGE, MOST_PAGES = 100, 50
TROUBLES = (errors.ServerError, errors.TimedOutError, errors.FloodWaitError)


class Box(MessageBox):  # type: ignore[misc]
    """Telethon's message box, but a difference is taken whole."""

    __slots__ = ("lost_since",)

    def __init__(self, log: Any) -> None:
        super().__init__(log)
        self.lost_since: datetime | None = None
        """Telegram would not tell what came after this: it has to be read in the chats."""

    def apply_difference(self, diff: Any, chat_hashes: Any) -> Any:
        if isinstance(diff, tl.updates.DifferenceTooLong):
            self.lost_since = self.lost_since or self.date
            if diff.pts != self.map[ENTRY_ACCOUNT].pts:
                # still getting it: what came after `diff.pts` is asked for next
                self.map[ENTRY_ACCOUNT].pts = diff.pts
                return [], [], []
        return super().apply_difference(diff, chat_hashes)

    def apply_difference_type(self, diff: Any, chat_hashes: Any) -> Any:
        before = self.map[ENTRY_ACCOUNT].pts if ENTRY_ACCOUNT in self.map else 0
        ours, others = [], []
        for update in diff.other_updates:
            info = PtsInfo.from_update(update)
            if info is None or info.entry is not ENTRY_ACCOUNT:
                others.append(update)
            elif info.pts > before:
                ours.append(update)
        self.set_state(getattr(diff, "intermediate_state", None) or diff.state, reset=False)
        updates: list[Any] = [tl.UpdateNewMessage(m, 0, 0) for m in diff.new_messages]
        updates += [tl.UpdateNewEncryptedMessage(m, 0) for m in diff.new_encrypted_messages]
        updates += ours
        rest = tl.Updates(others, diff.users, diff.chats, epoch(), 0)
        self.process_updates(rest, chat_hashes, updates)
        return updates, diff.users, diff.chats


@attrs.define(eq=False)
class Progress:
    """Which state may be saved: one that nothing unhandled lies before."""

    read: Any = None
    """The state up to which all updates were dispatched; None before there is one."""
    _waiting: dict[int, Any] = attrs.field(factory=dict)
    _tokens: Any = attrs.field(factory=itertools.count)

    @property
    def saved(self) -> Any:
        return next(iter(self._waiting.values()), self.read)

    def wait(self) -> int:
        """Something just dispatched is to be handled later; `done` with the token then."""
        token: int = next(self._tokens)
        self._waiting[token] = self.read
        return token

    def done(self, token: int) -> None:
        self._waiting.pop(token, None)


class Client(TelegramClient):  # type: ignore[misc]
    """Telethon with a box of ours. `session` may be a plain one or one with a keeper."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, catch_up=True, sequential_updates=True, **options)
        self._message_box = Box(self._log["messagebox"])
        take_once(self._sender)
        self.progress = Progress()
        self.saved: Callable[[], None] = lambda: None
        """Told when the session has a new state to flush."""
        self._undone = 0

    async def connect(self) -> None:
        load = getattr(self.session, "load", None)
        if load is not None and self.progress.read is None:
            await load()
            self.progress.read = self.session.get_update_state(0)
        self._undone = 0
        await super().connect()
        if self.progress.read is None and not self._message_box.is_empty():
            self._all_read()

    async def __call__(self, request: Any, *args: Any, **options: Any) -> Any:
        """A request; a difference is asked for until Telegram gives it."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await super().__call__(request, *args, **options)
            except TROUBLES as error:
                if not isinstance(request, fn.updates.GetDifferenceRequest):
                    raise
                wait = max(pause, float(getattr(error, "seconds", 0)))
                log.info("%% updates are asked for again in %.1f s: %s", wait, error)
                await asyncio.sleep(wait)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _handle_auto_reconnect(self) -> None:
        await self.catch_up()
        await super()._handle_auto_reconnect()

    async def _save_states_and_entities(self) -> None:
        """Telethon would save what is not handled yet: only who we are is kept here."""
        own = self._mb_entity_cache.self_id
        if own:
            me = tl.InputPeerUser(0, own)
            self.session.process_entities(tl.contacts.ResolvedPeer(None, [me], []))

    async def _preprocess_updates(self, updates: Any, users: Any, chats: Any) -> Any:
        if self._message_box.lost_since is not None and not self._message_box.getting_diff_for:
            since, self._message_box.lost_since = self._message_box.lost_since, None
            messages, met = await _history(self.__call__, since - MARGIN)
            updates, users = [*messages, *updates], [*met, *users]
        updates = await super()._preprocess_updates(updates, users, chats)
        self._undone += len(updates)
        if not self._undone:
            self._all_read()
        return updates

    async def _dispatch_update(self, update: Any) -> None:
        try:
            await super()._dispatch_update(update)
        finally:
            self._undone -= 1
            if not self._undone:
                self._all_read()

    @property
    def is_here(self) -> bool:
        """Whether there is a connection right now."""
        return bool(self._sender._transport_connected())

    def drop_given_up(self) -> None:
        """Requests that nobody waits for any more are not sent again."""
        sender = self._sender
        for number, state in list(sender._pending_state.items()):
            if state.future.cancelled():
                del sender._pending_state[number]
        waiting = sender._send_queue._deque
        for state in [s for s in waiting if s.future.cancelled()]:
            waiting.remove(state)

    def handled(self, token: int) -> None:
        """What `progress.wait` gave the token for is handled."""
        self.progress.done(token)
        self._save()

    def _all_read(self) -> None:
        state, _ = self._message_box.session_state()
        if state["pts"]:
            self.progress.read = tl.updates.State(**state, unread_count=0)
            self._save()

    def _save(self) -> None:
        state = self.progress.saved
        if state is not None and state is not self.session.get_update_state(0):
            self.session.set_update_state(0, state)
            self.saved()


async def _history(
    ask: Callable[[Any], Awaitable[Any]], since: datetime
) -> tuple[list[Any], list[Any]]:
    """The messages of private chats since then, as updates, oldest first; and their people."""
    found: dict[int, Any] = {}
    users: dict[int, Any] = {}
    try:
        async for peer, met in _chats_since(ask, since):
            users |= met
            offset = 0
            for _ in range(MOST_PAGES):
                page = await ask(
                    fn.messages.GetHistoryRequest(peer, offset, None, 0, PAGE, 0, 0, 0)
                )
                fresh = [m for m in page.messages if m.date and m.date >= since]
                found |= {m.id: m for m in fresh}
                if len(fresh) < PAGE:
                    break
                offset = fresh[-1].id
    except errors.RPCError as error:
        log.error("! what came while we were away too long cannot be read: %s", error)
    log.warning("= away too long: %d messages were read in the chats", len(found))
    return [tl.UpdateNewMessage(found[n], 0, 0) for n in sorted(found)], list(users.values())


async def _chats_since(ask: Callable[[Any], Awaitable[Any]], since: datetime) -> Any:
    """(input peer, users of the page) for each private chat with something since then."""
    offset: tuple[Any, int, Any] = (None, 0, tl.InputPeerEmpty())
    for _ in range(MOST_PAGES):
        date, number, peer = offset
        page = await ask(fn.messages.GetDialogsRequest(date, number, peer, PAGE, 0))
        users = {user.id: user for user in page.users}
        fresh = [m for m in page.messages if m.date and m.date >= since]
        for message in fresh:
            user = users.get(getattr(message.peer_id, "user_id", 0))
            if user is not None:
                yield utils.get_input_peer(user), users
        if not isinstance(page, tl.messages.DialogsSlice) or len(fresh) < len(page.messages):
            return
        if not fresh or not isinstance(fresh[-1].peer_id, tl.PeerUser):
            return
        last = fresh[-1]
        offset = last.date, last.id, utils.get_input_peer(users[last.peer_id.user_id])
