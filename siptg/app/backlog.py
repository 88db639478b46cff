"""Messages that wait too long: the log says so once, and once when they are through."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import attrs

from siptg.telegram.account.queue import Queue

log = logging.getLogger(__name__)

TOO_LONG, WELL = 10.0, 5.0
"""Seconds of the longest waiting message above which a queue grows, and under which it is well."""
LOOK_EVERY = 1.0


@attrs.define(eq=False)
class Backlog:
    """One account's queue; `look` at it now and then."""

    account: str
    queue: Queue
    grows: bool = False
    _waits: int = 0
    """Of Telegram, when nothing waited last."""

    def look(self) -> None:
        queue, oldest = self.queue, self.queue.oldest
        if not self.grows and oldest > TOO_LONG:
            self.grows = True
            log.warning(
                "messages of %r pile up: %d wait, the oldest for %.0f s: %s",
                self.account,
                queue.depth,
                oldest,
                self._remedy(),
            )
        elif self.grows and oldest < WELL:
            self.grows = False
            log.warning("messages of %r go out in time again", self.account)
        if not queue.depth:
            self._waits = queue.counters["waits"]

    def _remedy(self) -> str:
        if self.queue.counters["waits"] > self._waits:
            return "Telegram asks to wait; where it stays, lower the rates in [telegram.rates]"
        return "more is sent than [telegram.rates] lets out, or Telegram does not answer"


async def watch(queues: Mapping[str, Queue]) -> None:
    """For as long as the service runs, whether there is a page of metrics or not."""
    backlogs = [Backlog(account, queue) for account, queue in queues.items()]
    while True:
        await asyncio.sleep(LOOK_EVERY)
        for backlog in backlogs:
            backlog.look()
