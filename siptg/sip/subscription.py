"""A subscription as its user holds it: notes to iterate over, until it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from siptg.sip.account import SipAccount
from siptg.sip.events import Notified, SessionEvent, SubscriptionEnded
from siptg.sip.mailbox import Mailbox
from siptg.sip.uri import NameAddr
from siptg.sip.usages.subscription import State, SubscriptionUsage

if TYPE_CHECKING:
    from siptg.sip.agent import UserAgent

CLOSE_WITHIN = 2.0
LOOK_UP_AGAIN = 30.0


class Subscription:
    """Made by `UserAgent.subscribe`. What has ended for a time is asked for again; `notes` stops
    where it has ended for good.
    """

    def __init__(self, agent: UserAgent, to: NameAddr, event: str, accept: str) -> None:
        self.to, self.event, self.accept = to, event, accept
        self.why = ""
        """Why it ended, or does not stand yet."""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._agent = agent
        self._usage: SubscriptionUsage | None = None
        self._notes: Mailbox[SessionEvent] = Mailbox()
        self._beginning: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """`asking`, `pending`, `active`, `waiting`, `leaving` or `over`."""
        return (self._usage.state if self._usage else State.ASKING).value

    def begin(self, account: SipAccount, expires: int) -> None:
        self._beginning = asyncio.create_task(
            self._begin(account, expires), name=f"subscribe {self.event}"
        )

    async def notes(self) -> AsyncIterator[Notified]:
        """Each NOTIFY; one reader."""
        while True:
            event = await self._notes.get()
            if not isinstance(event, Notified):
                return
            yield event

    async def close(self) -> None:
        """SUBSCRIBE with Expires 0, two seconds at most for the last NOTIFY."""
        if self._beginning is not None:
            self._beginning.cancel()
        if self._usage is not None and not self.over.done():
            self._usage.close(self._agent.now())
            self._agent.pump()
            await asyncio.wait([self.over], timeout=CLOSE_WITHIN)
        self.tell(SubscriptionEnded("closed"))

    def tell(self, event: SessionEvent) -> None:
        if self.over.done():
            return
        if isinstance(event, SubscriptionEnded):
            self.why = event.why
            self.over.set_result(None)
        self._notes.put(event)

    async def _begin(self, account: SipAccount, expires: int) -> None:
        agent, target = self._agent, account.next_hop if account.password else self.to.uri
        while True:
            try:
                flow, *_ = await agent.flows_to(target)
                break
            except OSError as error:
                self.why = f"{target.host}: {error.strerror}"
                await asyncio.sleep(LOOK_UP_AGAIN)
        self._usage = agent.stack.subscribe(
            self.event, self.accept, self.to, account, flow, agent.now(), expires=expires
        )
        agent.watch(self._usage, self)
        agent.pump()
