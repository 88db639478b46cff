"""A session as the user of an agent holds it: verbs, and events to iterate over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from siptg.sip.account import SipAccount
from siptg.sip.errors import LocalError
from siptg.sip.events import Ended, SessionEvent
from siptg.sip.mailbox import Mailbox
from siptg.sip.message import Request
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.core import Media
from siptg.sip.usages.invite import InviteSession
from siptg.sip.usages.states import State

if TYPE_CHECKING:
    from siptg.sip.agent import UserAgent


class Session:
    """One call, theirs or ours. Made by `UserAgent.invite` and `UserAgent.sessions`."""

    __slots__ = ("_agent", "_events", "_media", "_placing", "_usage", "more", "over", "remote")

    def __init__(self, agent: UserAgent, remote: NameAddr, media: Media | None) -> None:
        self.remote = remote
        """Who is at the other end, as From or To says."""
        self.over: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._agent, self._media = agent, media
        self._usage: InviteSession | None = None
        self.more: tuple[tuple[str, str], ...] = ()
        """Further headers of our INVITE."""
        self._events: Mailbox[SessionEvent] = Mailbox()
        self._placing: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """The Call-ID; empty while our INVITE is not sent yet."""
        return self._usage.id if self._usage else ""

    @property
    def outgoing(self) -> bool:
        return self._usage is None or self._usage.outgoing

    @property
    def incoming_unanswered(self) -> bool:
        return self._usage is not None and self._usage.state is State.INCOMING

    @property
    def request(self) -> Request:
        """The INVITE; LocalError while ours is not sent yet."""
        if self._usage is None:
            raise LocalError("the INVITE is not sent yet")
        return self._usage.request

    async def events(self) -> AsyncIterator[SessionEvent]:
        """What happens from now on, `Ended` last; one reader."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, Ended):
                return

    def set_media(self, media: Media) -> None:
        """Of an incoming call, before it is answered."""
        self._media = media
        if self._usage is not None:
            self._usage.media = media

    def ring(self, *, early: bool = False) -> None:
        """180, or 183 with early media."""
        if self._usage is not None:
            self._usage.ring(self._agent.now(), early=early)
            self._agent.pump()

    def answer(self) -> None:
        """200; or 488 where the media finds nothing in the offer that it can use."""
        if self._usage is not None:
            self._usage.answer(self._agent.now())
            self._agent.pump()

    def reject(self, status: int, reason: str | None = None) -> None:
        self.hangup(status, reason)

    def hangup(self, status: int = 0, reason: str | None = None) -> None:
        """End it as its state wants: refuse with `status`, CANCEL, or BYE. Twice does nothing."""
        if self._usage is None:
            if self._placing is not None:
                self._placing.cancel()
            self.tell(Ended(487, "cancelled", by_remote=False))
            return
        self._usage.hang_up(self._agent.now(), status, reason or "")
        self._agent.pump()

    def reoffer(self) -> None:
        """re-INVITE with the media's present offer, as for hold."""
        if self._usage is not None and self._usage.state is State.CONFIRMED:
            self._usage.talks.offer(self._agent.now())
            self._agent.pump()

    def takes(self, method: str) -> bool:
        """A request of that kind may be sent now: they allow it, or say nothing of what they allow,
        which means nothing (RFC 3261 §20.5).
        """
        usage = self._usage
        if usage is None or usage.state is not State.CONFIRMED:
            return False
        return not usage.peer_allows or method in usage.peer_allows

    def send_info(self, content_type: str, body: bytes) -> None:
        if self._usage is not None:
            self._usage.send("INFO", content_type, body, self._agent.now())
            self._agent.pump()

    def refer(self, target: NameAddr) -> None:
        """Ask them to call somebody instead (RFC 3515); `TransferProgress` events tell."""
        if self._usage is not None and self._usage.state is State.CONFIRMED:
            self._usage.transfers.send(target, self._agent.now())
            self._agent.pump()

    def accept_refer(self) -> None:
        """Of a `Referred` event: 202. What comes of it is for `tell_refer` to say."""
        if self._usage is not None:
            self._usage.transfers.accept(self._agent.now())
            self._agent.pump()

    def tell_refer(self, status: int) -> None:
        """How the call they asked for goes; a final status is the last word."""
        if self._usage is not None and self._usage.state is State.CONFIRMED:
            self._usage.transfers.tell(status, self._agent.now())
            self._agent.pump()

    def refuse_refer(self, status: int = 603) -> None:
        if self._usage is not None:
            self._usage.transfers.refuse(self._agent.now(), status)
            self._agent.pump()

    @property
    def replaces(self) -> str:
        """What another call of theirs says to take this one's place (RFC 3891 §3); LocalError
        without a dialog.
        """
        dialog = self._usage.dialog if self._usage else None
        if dialog is None:
            raise LocalError("no dialog yet")
        return f"{dialog.call_id};to-tag={dialog.remote.tag};from-tag={dialog.local.tag}"

    @property
    def target(self) -> Uri:
        """Where they are reached inside this call; LocalError without a dialog."""
        dialog = self._usage.dialog if self._usage else None
        if dialog is None:
            raise LocalError("no dialog yet")
        return dialog.target

    # the agent's side

    def take(self, usage: InviteSession) -> None:
        self._usage = usage

    def place(self, account: SipAccount) -> None:
        self._placing = asyncio.create_task(
            self._place(account), name=f"invite {self.remote.uri.host}"
        )

    async def _place(self, account: SipAccount) -> None:
        agent, media = self._agent, self._media
        target = account.next_hop if account.password or account.proxy else self.remote.uri
        try:
            flow, *others = await agent.flows_to(target)
        except OSError as error:
            self.tell(Ended(503, f"{target.host}: {error.strerror}", by_remote=False))
            return
        if media is None:
            raise LocalError("no media to call with")
        try:
            usage = agent.stack.invite(
                self.remote, media, account, flow, agent.now(), more=self.more, others=others
            )
        except ValueError as error:
            self.tell(Ended(488, str(error), by_remote=False))
            return
        self._usage = usage
        agent.adopt(usage, self)
        agent.pump()

    def tell(self, event: SessionEvent) -> None:
        if self.over.done():
            return
        if isinstance(event, Ended):
            self.over.set_result(event)
        self._events.put(event)
