"""When which message may be sent: rates, flood waits, priorities. Pure: `now` is an argument.

Telegram's limits are not published; known are about one message a second in a chat, with short
bursts, and thirty a second over all. What it really wants it says by FLOOD_WAIT_n.
"""

from __future__ import annotations

import enum
import heapq
import itertools
from collections import deque
from collections.abc import Hashable, Iterator
from typing import Any

import attrs


class Priority(enum.IntEnum):
    """What goes first. Calls themselves never wait here."""

    CALL = 0
    """A message that a call hangs on."""
    CARD = 1
    NOTE = 2


@attrs.frozen
class Rates:
    """Messages a second, and how many may come at once."""

    chat: float = 1.0
    chat_burst: int = 5
    overall: float = 30.0
    overall_burst: int = 30
    most_waiting: int = 2_000
    """Notes are refused when so many messages wait; cards and calls have a quarter more."""
    most_in_chat: int = 50
    """So for each chat."""


@attrs.define(eq=False)
class Job:
    """Something to send. `what` is the caller's; the rest is for the order."""

    chat: int
    priority: Priority
    what: Any
    method: str = ""
    """What Telegram's flood waits count by."""
    key: Hashable = None
    """Jobs of one key are one message: the last one wins."""
    number: int = 0
    since: float = 0.0


@attrs.define
class Meter:
    """A rate with bursts, as one number (GCRA)."""

    full_at: float = 0.0

    def free_at(self, rate: float, burst: int) -> float:
        return self.full_at - (burst - 1) / rate

    def take(self, now: float, rate: float) -> None:
        self.full_at = max(self.full_at, now) + 1 / rate


@attrs.define(eq=False)
class _Chat:
    meter: Meter = attrs.field(factory=Meter)
    waiting: tuple[deque[Job], ...] = attrs.field(factory=lambda: tuple(deque() for _ in Priority))
    blocked_until: float = 0.0
    busy: bool = False
    """A job is at Telegram: the next one waits, or an edit might overtake its message."""

    def __len__(self) -> int:
        return sum(map(len, self.waiting))

    @property
    def head(self) -> Job | None:
        return next((jobs[0] for jobs in self.waiting if jobs), None)


class Full(Exception):
    """Too much waits already."""


class Pace:
    """`add` jobs, take them by `due`, tell of each by `done` or `again`; `wake_at` says when."""

    def __init__(self, rates: Rates | None = None) -> None:
        self.rates = rates or Rates()
        self._overall = Meter()
        self._chats: dict[int, _Chat] = {}
        self._methods: dict[str, float] = {}
        self._keys: dict[Hashable, Job] = {}
        self._ready: list[tuple[int, int, int]] = []
        """(priority, number, chat) of heads that may go; may be out of date."""
        self._later: list[tuple[float, int]] = []
        """(time, chat); may be out of date."""
        self._numbers: Iterator[int] = itertools.count()
        self._depth = 0

    @property
    def depth(self) -> int:
        """Jobs that wait."""
        return self._depth

    @property
    def chats(self) -> int:
        """Chats that are remembered."""
        return len(self._chats)

    def oldest(self, now: float) -> float:
        """Seconds that the longest waiting job has waited."""
        heads = (jobs[0].since for c in self._chats.values() for jobs in c.waiting if jobs)
        return now - min(heads, default=now)

    def add(self, job: Job, now: float) -> Job | None:
        """Queue a job; the job that it replaces, where one of the same key waits. May be Full."""
        old = self._keys.get(job.key) if job.key is not None else None
        if old is not None:
            taken = attrs.evolve(old)
            old.what = job.what
            return taken
        limit, limit_in_chat = self.rates.most_waiting, self.rates.most_in_chat
        if job.priority is not Priority.NOTE:
            limit += limit // 4
            limit_in_chat += -(-limit_in_chat // 4)
        chat = self._chats.get(job.chat)
        if self._depth >= limit or (chat is not None and len(chat) >= limit_in_chat):
            raise Full
        if chat is None:
            self._forget_idle(now)
            chat = self._chats[job.chat] = _Chat()
        job.number, job.since = next(self._numbers), now
        chat.waiting[job.priority].append(job)
        if job.key is not None:
            self._keys[job.key] = job
        self._depth += 1
        self._place(job.chat, now)
        return None

    def holds(self, key: Hashable) -> bool:
        """Whether a job of this key waits."""
        return key in self._keys

    def waiting(self, key: Hashable) -> Job:
        """The job of this key that waits; KeyError where none does."""
        return self._keys[key]

    def close(self) -> list[Job]:
        """All that wait, taken out."""
        jobs = [job for c in self._chats.values() for waiting in c.waiting for job in waiting]
        self._chats.clear()
        self._keys.clear()
        self._ready, self._later, self._depth = [], [], 0
        return jobs

    def due(self, now: float) -> Job | None:
        """The next job that may go now, taken out of the queue."""
        while self._later and self._later[0][0] <= now:
            self._place(heapq.heappop(self._later)[1], now)
        rates = self.rates
        if self._overall.free_at(rates.overall, rates.overall_burst) > now:
            return None
        while self._ready:
            _, number, id = heapq.heappop(self._ready)
            chat = self._chats.get(id)
            job = chat.head if chat is not None and not chat.busy else None
            if chat is None or job is None or job.number != number:
                continue
            if self._free_at(chat, job) > now:
                self._place(id, now)
                continue
            chat.waiting[job.priority].popleft()
            self._depth -= 1
            if job.key is not None:
                self._keys.pop(job.key, None)
            chat.busy = True
            chat.meter.take(now, rates.chat)
            self._overall.take(now, rates.overall)
            return job
        return None

    def done(self, job: Job, now: float) -> None:
        """The job is over, well or not; the chat's next one may go."""
        if job.chat in self._chats:
            self._chats[job.chat].busy = False
            self._place(job.chat, now)

    def again(self, job: Job, now: float, seconds: float, *, chat_only: bool = False) -> Job | None:
        """Telegram wants a wait: for the method, or for the chat (slow mode, a pause of ours).

        The job goes first in its chat afterwards. A newer one of its key that came meanwhile
        takes its place, and the job is given back.
        """
        chat = self._chats[job.chat]
        if chat_only:
            chat.blocked_until = max(chat.blocked_until, now + seconds)
        else:
            self.block(job.method, now, seconds)
        chat.busy = False
        newer = self._keys.get(job.key) if job.key is not None else None
        if newer is None:
            chat.waiting[job.priority].appendleft(job)
            self._depth += 1
            if job.key is not None:
                self._keys[job.key] = job
        self._place(job.chat, now)
        return job if newer is not None else None

    def block(self, method: str, now: float, seconds: float) -> None:
        """Telegram wants no such request for so long."""
        self._methods = {m: at for m, at in self._methods.items() if at > now}
        self._methods[method] = max(self._methods.get(method, 0.0), now + seconds)

    def blocked(self, method: str, now: float) -> float:
        """Seconds for which Telegram wants no such request."""
        return max(0.0, self._methods.get(method, 0.0) - now)

    def wake_at(self, now: float) -> float | None:
        """When `due` may have something, if nothing else happens; None where nothing waits."""
        times = [self._later[0][0]] if self._later else []
        if self._ready:
            rates = self.rates
            times.append(max(now, self._overall.free_at(rates.overall, rates.overall_burst)))
        return min(times, default=None)

    def _free_at(self, chat: _Chat, job: Job) -> float:
        rates = self.rates
        return max(
            chat.meter.free_at(rates.chat, rates.chat_burst),
            chat.blocked_until,
            self._methods.get(job.method, 0.0),
        )

    def _place(self, id: int, now: float) -> None:
        """Put a chat where it belongs: among the ready, the later, or nowhere."""
        chat = self._chats.get(id)
        job = chat.head if chat is not None and not chat.busy else None
        if chat is None or job is None:
            return
        at = self._free_at(chat, job)
        if at <= now:
            heapq.heappush(self._ready, (job.priority, job.number, id))
        else:
            heapq.heappush(self._later, (at, id))

    def _forget_idle(self, now: float) -> None:
        """Before a chat is added: those that have nothing to say and nothing to wait for go."""
        if len(self._chats) < 64 or len(self._chats) & 63:
            return
        self._chats = {
            id: c
            for id, c in self._chats.items()
            if c.busy or len(c) or c.meter.full_at > now or c.blocked_until > now
        }
