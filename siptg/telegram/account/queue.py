"""One account's queue of messages: `pace.py` says when, this asks Telegram and waits.

Calls, signalling and answers to presses do not come here: `now` asks at once, and refuses at once
what Telegram has forbidden for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Self

import attrs

from siptg.telegram.account.pace import Full, Job, Pace, Priority, Rates
from siptg.telegram.people import TelegramCause, TelegramRefused

log = logging.getLogger(__name__)

MOST_SHOWN = 10_000
"""Messages whose last text is remembered."""
TRIES, FIRST_PAUSE = 5, 1.0
"""Of a request in Telegram's own trouble; the pause in seconds doubles each time."""
LONGEST_WAIT = 3600.0
"""Seconds; who is told to wait longer is refused."""

OUTCOMES = ("sent", "coalesced", "same", "full", "failed")
"""What becomes of a message."""
COUNTED = (*OUTCOMES, "waits", "again")
"""With Telegram's wishes to wait, and tries after its own troubles."""


@attrs.define(eq=False)
class _Work:
    """What a job is: a request (made once, so that its random_id stays), and who waits for it."""

    request: Any
    text: Hashable
    waiters: list[asyncio.Future[Any]]
    patient: bool = True
    tries: int = 0


class Queue:
    """`async with Queue(ask) as queue: await queue.send(…)`."""

    def __init__(self, ask: Callable[[Any], Awaitable[Any]], rates: Rates | None = None) -> None:
        self.counters: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
        self._ask, self._pace = ask, Pace(rates)
        self._shown: OrderedDict[Hashable, Hashable] = OrderedDict()
        self._woken = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        self._closed = False
        self._do(self._run())
        return self

    async def __aexit__(self, *why: object) -> None:
        """What waits is refused."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for job in self._pace.close():
            for waiter in job.what.waiters:
                if not waiter.done():
                    waiter.set_exception(TelegramRefused(TelegramCause.SILENT, "closed"))

    @property
    def rates(self) -> Rates:
        return self._pace.rates

    @property
    def depth(self) -> int:
        """Messages that wait."""
        return self._pace.depth

    @property
    def oldest(self) -> float:
        """Seconds that the longest waiting message has waited."""
        return self._pace.oldest(self._time())

    async def now(self, request: Any) -> Any:
        """Ask at once, whatever waits. While a flood wait for such requests lasts: refused."""
        method = type(request).__name__
        left = self._pace.blocked(method, self._time())
        if left > 0:
            raise TelegramRefused(TelegramCause.FLOOD, f"FLOOD_WAIT_{left:.0f}", left)
        try:
            return await self._ask(request)
        except TelegramRefused as refused:
            if refused.seconds and refused.text.startswith("FLOOD"):
                self._pace.block(method, self._time(), refused.seconds)
            raise

    async def send(
        self,
        chat: int,
        priority: Priority,
        request: Any,
        *,
        key: Hashable = None,
        text: Hashable = None,
        patient: bool = True,
    ) -> Any:
        """Telegram's answer, in its turn; TelegramRefused where it says no, or too much waits.

        Requests of one `key` change one message: of those that wait only the last is sent, and
        all who wait get its answer. One whose `text` that message shows already is not sent: None.
        Who is not `patient` takes its turn, but is refused where Telegram asks to wait: it has
        something newer to say by then.
        """
        if key is not None and text is not None and self._shows(key, text):
            self.counters["same"] += 1
            return None
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        work = _Work(request, text, [answer], patient)
        job = Job(chat, priority, work, type(request).__name__, key)
        try:
            if self._closed:
                raise Full
            replaced = self._pace.add(job, self._time())
        except Full:
            self.counters["full"] += 1
            raise TelegramRefused(TelegramCause.FLOOD, "QUEUE_FULL") from None
        if replaced is not None:
            self.counters["coalesced"] += 1
            work.waiters += replaced.what.waiters
        self._woken.set()
        return await answer

    def _shows(self, key: Hashable, text: Hashable) -> bool:
        """Whether the message shows this text, and nothing else is on its way to it."""
        return self._shown.get(key) == text and not self._pace.holds(key)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            while (job := self._pace.due(self._time())) is not None:
                self._do(self._work(job))
            wake = self._pace.wake_at(self._time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if wake is None else wake - self._time()):
                    await self._woken.wait()

    async def _work(self, job: Job) -> None:
        work: _Work = job.what
        if all(waiter.done() for waiter in work.waiters):
            self._over(job)  # nobody waits for it any more
            return
        work.tries += 1
        # from now on who knows what it shows, until Telegram has answered
        self._shown.pop(job.key, None)
        try:
            answer = await self._ask(work.request)
        except TelegramRefused as refused:
            if refused.text == "MESSAGE_NOT_MODIFIED":
                self._settle(job, None)
            elif not self._later(job, refused):
                self.counters["failed"] += 1
                for waiter in work.waiters:
                    if not waiter.done():
                        waiter.set_exception(refused)
                self._over(job)
            return
        except BaseException:
            for waiter in work.waiters:
                waiter.cancel()
            raise
        self.counters["sent"] += 1
        self._settle(job, answer)

    def _settle(self, job: Job, answer: Any) -> None:
        work: _Work = job.what
        if job.key is not None and work.text is not None:
            self._shown[job.key] = work.text
            while len(self._shown) > MOST_SHOWN:
                self._shown.popitem(last=False)
        for waiter in work.waiters:
            if not waiter.done():
                waiter.set_result(answer)
        self._over(job)

    def _later(self, job: Job, refused: TelegramRefused) -> bool:
        """Whether it is worth another try; it waits for it then."""
        work: _Work = job.what
        now = self._time()
        if refused.seconds:
            if refused.seconds > LONGEST_WAIT or not work.patient:
                self._pace.block(job.method, now, refused.seconds)
                return False
            self.counters["waits"] += 1
            slow = refused.text.startswith("SLOWMODE")
            log.info("%% Telegram wants %.0f s: %s", refused.seconds, refused.text)
            displaced = self._pace.again(job, now, refused.seconds, chat_only=slow)
        elif (refused.passing or refused.cause is TelegramCause.SILENT) and work.tries < TRIES:
            self.counters["again"] += 1
            pause = FIRST_PAUSE * 2 ** (work.tries - 1)
            displaced = self._pace.again(job, now, pause, chat_only=True)
        else:
            return False
        if displaced is not None:
            self._pace.waiting(job.key).what.waiters += work.waiters
        self._woken.set()
        return True

    def _over(self, job: Job) -> None:
        self._pace.done(job, self._time())
        self._woken.set()

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
