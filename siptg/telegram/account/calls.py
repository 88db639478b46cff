"""All calls of one account: news find their call, keys have their group, who calls is announced."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.rtp.clock import MediaClock
from siptg.telegram.call import api
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.dh import Group, KeyRefused, Secret
from siptg.telegram.call.events import Accepted, CallUpdate, Requested, Waiting
from siptg.telegram.call.times import CallTimes
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from siptg.telegram.settings import TelegramSettings

log = logging.getLogger(__name__)

STALE_AFTER = timedelta(seconds=90)
"""News of a call that is older than any call rings (after a pause) is no news."""
MOST_WAITING = 1000
MOST_EARLY, EARLY_FOR = 256, 30.0
"""News of calls whose number we do not know yet: how many, and for how many seconds."""
MOST_LOST, LOST_FOR = 64, 120.0
"""Requests whose answer was lost: how many, and for how many seconds they may still ring."""

Ask = Callable[[Any], Awaitable[Any]]
"""One request to Telegram; TelegramRefused where it says no."""
Who = Callable[[int, dict[int, Any]], Awaitable[Person]]
"""(user id, users that came with the news) → the person."""


class CallDesk:
    """`take` each update of a call; `call` somebody; `calls` gives those who call us."""

    def __init__(
        self,
        ask: Ask,
        who: Who,
        me: Callable[[], int],
        settings: TelegramSettings,
        *,
        times: CallTimes | None = None,
        clock: MediaClock | None = None,
    ) -> None:
        """`me` tells the number of the account, once it is known; without `times` those that
        Telegram tells are taken.
        """
        self.counters: Counter[str] = Counter()
        self._ask, self._who, self._me = ask, who, me
        self._settings, self._clock = settings, clock
        self.times, self._times_given = times or CallTimes(), times is not None
        self._calls: dict[int, TelegramCall] = {}
        self._asking: list[TelegramCall] = []
        self._incoming: asyncio.Queue[TelegramCall] = asyncio.Queue()
        self._early: deque[tuple[float, CallUpdate]] = deque(maxlen=MOST_EARLY)
        """News that overtook the result of our request."""
        self._ringing: set[int] = set()
        """Calls to us that are just being looked at."""
        self._behind: dict[TelegramCall, TelegramCall] = {}
        """Our call to somebody → hers to us, made at the same time."""
        self._lost: deque[tuple[float, TelegramCall]] = deque(maxlen=MOST_LOST)
        """Calls of ours that the server may have under a number that we were not told."""
        self._past: deque[int] = deque(maxlen=MOST_EARLY)
        """Numbers of calls that are over."""
        self._group: Group | None = None

    @property
    def calls_now(self) -> int:
        return len(self._calls) + len(self._asking)

    async def call(self, person: Person) -> TelegramCall:
        """Call somebody; what becomes of it is in the call's events."""
        secret = await self._secret()
        call = self._new_call(person, secret, outgoing=True)
        self._asking.append(call)
        call.start()
        return call

    async def calls(self) -> AsyncIterator[TelegramCall]:
        """Who calls us, as they come; each is to be answered or declined."""
        while True:
            yield await self._incoming.get()

    async def prove(self) -> None:
        """Have Telegram's group proved sound, so that the first call does not wait for it."""
        try:
            await self._secret()
            if not self._times_given:
                self.times = await self._told_times()
        except TelegramRefused as refused:
            if refused.cause is not TelegramCause.GONE:  # that is said already
                log.warning("no group for keys yet: %s", refused)

    async def _told_times(self) -> CallTimes:
        config = await self._ask(fn.help.GetConfigRequest())
        return self.times.told(
            config.call_receive_timeout_ms,
            config.call_ring_timeout_ms,
            config.call_connect_timeout_ms,
        )

    async def close(self) -> None:
        """Hang up what is left. A call that nobody took up yet rings on: it will be missed."""
        while not self._incoming.empty():
            self._incoming.get_nowait().leave_ringing()
        calls = [*self._calls.values(), *self._asking]
        for call in calls:
            await call.hangup()
        await asyncio.gather(*(call.wait_over(1.0) for call in calls))

    async def take(self, news: CallUpdate, users: dict[int, Any]) -> bool:
        """News from Telegram; `users` are those that came with it. Whether they are of a call to us
        that ours to the same person stands for: she is not missed.
        """
        call = self._calls.get(news.id) or self._adopt(news)
        if call is not None:
            call.update(news)
        elif isinstance(news, Requested):
            return await self._crosses(news, users)
        elif self._asking or news.id in self._ringing:
            self._early.append((time.monotonic(), news))
        else:
            self.counters["unknown_call"] += 1
        return False

    async def _crosses(self, news: Requested, users: dict[int, Any]) -> bool:
        if datetime.now(UTC) - news.date > STALE_AFTER:
            self.counters["stale_call"] += 1
            return False
        if news.id in self._ringing:
            return False
        self._ringing.add(news.id)
        try:
            person = await self._who(news.caller, users)
            call = self._new_call(person, await self._secret(), outgoing=False)
        except TelegramRefused as refused:
            log.error("a call cannot be taken: %s", refused)
            return False
        finally:
            self._ringing.discard(news.id)
        self._calls[news.id] = call
        call.update(news)
        self._catch_up()
        if call.is_over:
            return False
        ours = self._crossing(person)
        if ours is None:
            self._announce(call)
        elif self._me() < person.id:
            self._behind[ours] = call
            return True
        else:
            self._announce(call)
            ours.hang_up()
        return False

    def _crossing(self, person: Person) -> TelegramCall | None:
        """A call of ours to who calls us just now, not answered yet.

        Of two that cross, the one of the account with the lower number lives: both ends have to
        choose the same (design: §8 of the wire protocol).
        """
        ours = (c for c in (*self._calls.values(), *self._asking) if c.outgoing)
        return next((c for c in ours if c.person.id == person.id and c.is_unanswered), None)

    def _announce(self, call: TelegramCall) -> None:
        if self._incoming.qsize() < MOST_WAITING:
            self._incoming.put_nowait(call)
        else:
            self.counters["call_declined"] += 1
            call.hang_up()

    def _new_call(
        self, person: Person, secret: Callable[[], Secret], *, outgoing: bool
    ) -> TelegramCall:
        return TelegramCall(
            api.Calls(self._ask, self._settings.versions, self._know),
            person,
            secret,
            outgoing=outgoing,
            versions=self._settings.versions,
            times=self.times,
            addresses=self._settings.ice_addresses,
            clock=self._clock,
            over=self._forget,
            lost=self._lose,
            opus=self._settings.opus,
            relays=self._settings.relays,
            p2p=self._settings.p2p,
        )

    def _know(self, call_id: int, commitment: bytes) -> None:
        """Our request has its number: news of it find their call from now on."""
        self._lost = deque((o for o in self._lost if o[1].commitment != commitment), MOST_LOST)
        for call in self._asking:
            if call.commitment == commitment:
                self._asking.remove(call)
                self._calls[call_id] = call
                self._catch_up()
                return

    def _catch_up(self) -> None:
        """What came too early finds its call now, as far as that is known."""
        since = time.monotonic() - EARLY_FOR
        early, self._early = list(self._early), deque(maxlen=MOST_EARLY)
        for at, news in early:
            call = self._calls.get(news.id) or self._adopt(news)
            if call is not None:
                call.update(news)
            elif at > since and (self._asking or self._ringing):
                self._early.append((at, news))

    def _lose(self, call: TelegramCall) -> None:
        """The first news of a call to that person that nobody knows are of this one. It then goes
        on, or, where it was given up meanwhile, is discarded: it must not ring without a caller.
        """
        if all(call is not other for _, other in self._lost) and not call.id:
            self._lost.append((time.monotonic(), call))
            self._catch_up()

    def _adopt(self, news: CallUpdate) -> TelegramCall | None:
        """The call of ours that these are the first news of, as far as that is certain."""
        if not isinstance(news, Waiting | Accepted) or news.id in self._past:
            return None
        since = time.monotonic() - LOST_FOR
        found = [c for at, c in self._lost if at > since and c.person.id == news.callee]
        others = (c for c in self._asking if c.person.id == news.callee)
        if not found or any(call not in found for call in others):
            return None  # it may be the one whose answer is still to come
        call = found[0]
        self._lost = deque((o for o in self._lost if o[1] is not call), MOST_LOST)
        self.counters["adopted"] += 1
        log.info("= call %s is ours: the answer to its request was lost", news.id)
        if call in self._asking:
            self._asking.remove(call)
        if not call.is_over:
            self._calls[news.id] = call
        return call

    def _forget(self, call: TelegramCall) -> None:
        self._calls.pop(call.id, None)
        if call.id:
            self._past.append(call.id)
        hers = self._behind.pop(call, None)
        if hers is not None and not hers.is_over:
            # she was busy with her own call to us: that one it is. Else she has taken ours
            self._announce(hers)
        if call in self._asking:
            self._asking.remove(call)
        if call.is_asking:
            self._lose(call)

    async def _secret(self) -> Callable[[], Secret]:
        """Ready to draw our half of a key; TelegramRefused where Telegram's group is not sound."""
        version = self._group.version if self._group else 0
        extra = b""
        try:
            config = await self._ask(fn.messages.GetDhConfigRequest(version, 256))
            extra = bytes(config.random)
        except TelegramRefused as refused:
            if self._group is None or refused.cause is TelegramCause.GONE:
                raise
            # whoever calls us in a loop must not have Telegram forbid us all calls by its patience
            config = None
            log.info("calls go on with the group that is known: %s", refused)
        if isinstance(config, tl.messages.DhConfig):
            group = Group(int.from_bytes(config.p, "big"), config.g, config.version)
            try:
                await asyncio.to_thread(_check, group)
            except KeyRefused as error:
                raise TelegramRefused(TelegramCause.SECURITY, str(error)) from None
            self._group = group
        if self._group is None:
            raise TelegramRefused(TelegramCause.SECURITY, "Telegram gave no group")
        group = self._group
        return lambda: Secret.draw(group, os.urandom, extra)


_one_at_a_time = threading.Lock()


def _check(group: Group) -> None:
    """Prove a group sound; whoever comes meanwhile waits and finds it proved."""
    with _one_at_a_time:
        group.check(os.urandom)
