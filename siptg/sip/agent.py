"""The shell around a `Stack`: its sockets, one timer, DNS, verbs to await."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Self

from siptg.sip.account import SipAccount
from siptg.sip.auth import Digest
from siptg.sip.door import Door
from siptg.sip.errors import LocalError
from siptg.sip.events import (
    Ended,
    Notified,
    RequestReceived,
    SessionEvent,
    SubscriptionEnded,
)
from siptg.sip.flow import Address, Flow
from siptg.sip.grammar import written_host
from siptg.sip.ids import Ids
from siptg.sip.locate.locator import Locator
from siptg.sip.locate.plan import Target
from siptg.sip.mailbox import Mailbox
from siptg.sip.message import Request
from siptg.sip.parser import LIMITS, Limits
from siptg.sip.registration import Registration
from siptg.sip.routing import host_of
from siptg.sip.session import Session
from siptg.sip.stack import Stack
from siptg.sip.subscription import Subscription
from siptg.sip.timers import Times
from siptg.sip.transport.bundle import Bundle
from siptg.sip.transport.stream import StreamLimits
from siptg.sip.transport.tls import TlsSettings
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.core import Found, Media
from siptg.sip.usages.invite import InviteSession
from siptg.sip.usages.registrar import Registrar
from siptg.sip.usages.single import Reply
from siptg.sip.usages.subscription import SubscriptionUsage

log = logging.getLogger(__name__)

MOST_WAITING = 256
"""Incoming calls that nobody has taken yet; one more is answered 503."""
REGISTERS_A_SECOND = 200
"""Of accounts that are added together: a registrar takes a burst for an attack."""
CLOSE_WITHIN = 2.0

Trace = Callable[[str, float, Address, bytes], None]
"""Sign (`<` received, `>` sent), monotonic seconds, peer, datagram."""


class UserAgent:
    """`async with UserAgent(("127.0.0.1", 0)) as agent`: calls, is called, registers.

    It listens on `local` by the `transports`, UDP and TCP on the same port, and on what `listen`
    adds: `[("TLS", ("0.0.0.0", 5061))]` with a certificate in `tls`.
    """

    def __init__(
        self,
        local: Address = ("0.0.0.0", 0),
        *,
        transports: Sequence[str] = ("UDP", "TCP"),
        listen: Iterable[tuple[str, Address]] = (),
        tls: TlsSettings | None = None,
        streams: StreamLimits | None = None,
        locator: Locator | None = None,
        ids: Ids | None = None,
        times: Times | None = None,
        limits: Limits = LIMITS,
        product: str = "siptg",
        guard: Digest | None = None,
        registrar: Registrar | None = None,
        trusts: Callable[[Flow], bool] | None = None,
        door: Door | None = None,
    ) -> None:
        self.stack = Stack(
            ids=ids,
            times=times,
            limits=limits,
            product=product,
            guard=guard,
            registrar=registrar,
            trusts=trusts,
            door=door,
        )
        self.trace: Trace | None = None
        self._local = local
        self._listen = [(name, local) for name in transports] + list(listen)
        self._tls, self._streams = tls, streams
        self._locator = locator or Locator()
        self._bundle: Bundle | None = None
        self._lookups: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._sessions: dict[InviteSession, Session] = {}
        self._registrations: set[Registration] = set()
        self._subscriptions: dict[SubscriptionUsage, Subscription] = {}
        self._incoming: Mailbox[Session] = Mailbox()
        self._requests: Mailbox[Request] = Mailbox()
        self._next_register = float("-inf")
        self._pumping = False
        self._closing = False

    async def __aenter__(self) -> Self:
        bundle = await Bundle.open(self._listen, self, self._tls, self._streams)
        self._bundle = bundle
        self.stack.routing.near, self.stack.routing.is_open = bundle.near, bundle.is_open
        self.stack.alias = bundle.alias
        self.stack.way_failed = self._way_failed
        return self

    async def __aexit__(self, *why: object) -> None:
        await self.close()

    @property
    def address(self) -> Address:
        """Where we listen: of the first transport."""
        found = self._bundle.address(self._listen[0][0]) if self._bundle else None
        return found or self._local

    def address_of(self, transport: str) -> Address:
        """Where we listen for `TCP`, `TLS`, …; LocalError where we do not."""
        found = self._bundle.address(transport) if self._bundle else None
        if found is None:
            raise LocalError(f"this agent has no {transport}")
        return found

    @property
    def counters(self) -> Counter[str]:
        """What was counted, ours and our transports'."""
        return self.stack.counters + (self._bundle.counters if self._bundle else Counter())

    def register(self, account: SipAccount) -> Registration:
        """Register now and stay registered until the registration, or the agent, is closed."""
        registration = Registration(self, account)
        self._registrations.add(registration)
        at = max(self.now(), self._next_register)
        self._next_register = at + 1 / REGISTERS_A_SECOND
        registration.begin(at - self.now())
        return registration

    def invite(
        self,
        to: Uri | NameAddr,
        media: Media,
        *,
        account: SipAccount | None = None,
        more: Iterable[tuple[str, str]] = (),
    ) -> Session:
        """Call somebody, with further headers. The INVITE leaves as soon as the next hop's name is
        looked up.
        """
        name_addr = to if isinstance(to, NameAddr) else NameAddr(to)
        session = Session(self, name_addr, media)
        session.more = tuple(more)
        session.place(account or self._nobody())
        return session

    def _nobody(self) -> SipAccount:
        """Who we are without an account."""
        host, port = self.address
        return SipAccount(Uri("sip", "siptg", written_host(host), port or None))

    async def request(
        self,
        method: str,
        to: Uri | NameAddr,
        *,
        account: SipAccount | None = None,
        content_type: str = "",
        body: bytes = b"",
    ) -> Reply:
        """One request outside of any dialog and its final answer: OPTIONS to see whether somebody
        is there, MESSAGE to say something. No answer is 408, no way to there 503.
        """
        account = account or self._nobody()
        target = to.uri if isinstance(to, NameAddr) else to
        try:
            flow, *_ = await self.flows_to(account.next_hop if account.password else target)
        except OSError as error:
            return Reply(503, f"{target.host}: {error.strerror}")
        came: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.stack.request(
            method,
            to if isinstance(to, NameAddr) else NameAddr(to),
            account,
            flow,
            lambda reply: None if came.done() else came.set_result(reply),
            self.now(),
            content_type=content_type,
            body=body,
        )
        self.pump()
        return await came

    def subscribe(
        self,
        event: str,
        to: Uri | NameAddr,
        *,
        accept: str,
        account: SipAccount | None = None,
        expires: int = 3600,
    ) -> Subscription:
        """Watch an event package of somebody, `message-summary` or `dialog`, until it is closed."""
        name_addr = to if isinstance(to, NameAddr) else NameAddr(to)
        made = Subscription(self, name_addr, event, accept)
        made.begin(account or self._nobody(), expires)
        return made

    async def requests(self) -> AsyncIterator[Request]:
        """MESSAGEs, and NOTIFYs that nobody subscribed to, as they come; answered 405 and 481 as
        long as nobody asks for them.
        """
        self.stack.takes_requests = True
        while True:
            yield await self._requests.get()

    async def sessions(self) -> AsyncIterator[Session]:
        """Incoming calls, as they come."""
        while True:
            yield await self._incoming.get()

    async def close(self) -> None:
        """End what there is: BYE, CANCEL, unregister; wait for the answers, two seconds at most."""
        if self._bundle is None:
            return
        self._closing = True
        for session in list(self._sessions.values()):
            session.hangup(503 if session.incoming_unanswered else 0)
        leaving = [asyncio.ensure_future(r.close()) for r in self._registrations]
        leaving += [asyncio.ensure_future(s.close()) for s in self._subscriptions.values()]
        waiting: list[asyncio.Future[Any]] = [*leaving]
        waiting += [session.over for session in self._sessions.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=CLOSE_WITHIN)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        for session in list(self._sessions.values()):
            session.tell(Ended(503, "the agent was closed", by_remote=False))
        if self._timer is not None:
            self._timer.cancel()
        for task in self._lookups:
            task.cancel()
        await asyncio.gather(*self._lookups, return_exceptions=True)
        bundle, self._bundle = self._bundle, None
        await bundle.close()

    # what sessions and registrations share

    @staticmethod
    def now() -> float:
        return time.monotonic()

    async def flows_to(self, uri: Uri) -> list[Flow]:
        """The ways to a URI by DNS, best first (RFC 3263 §4); a connection to the first of them
        stands. OSError where there is none.
        """
        bundle = self._bundle
        if bundle is None:
            raise OSError(errno.ENOTCONN, "the agent is not open")
        targets = await self._locator.locate(uri, bundle.names, family=bundle.family)
        refused: OSError | None = None
        for n, target in enumerate(targets):
            try:
                first = await bundle.reach(target.transport, _at(target), target.host)
            except OSError as error:
                refused = error
                self._locator.failed(target.transport, _at(target))
                continue
            self.stack.routing.know(host_of(uri), target.address)
            rest = [bundle.flow(t.transport, _at(t), t.host) for t in targets[n + 1 :]]
            return [first, *(flow for flow in rest if flow is not None)]
        raise refused or OSError(errno.EADDRNOTAVAIL, "no way to there")

    def watch(self, usage: SubscriptionUsage, subscription: Subscription) -> None:
        self._subscriptions[usage] = subscription

    def adopt(self, usage: InviteSession, session: Session) -> None:
        self._sessions[usage] = session

    def pump(self) -> None:
        """After each stimulus: tell what happened, send what there is, set the timer."""
        if self._pumping:
            return  # an event's handler did something: the loop below sees it
        self._pumping = True
        try:
            stack = self.stack
            while (events := stack.events()) or (outgoing := stack.outgoing()):
                for usage, event in events:
                    self._tell(usage, event)
                for flow, data in outgoing if not events else stack.outgoing():
                    if self.trace:
                        self.trace(">", self.now(), flow.remote, data)
                    if self._bundle is not None:
                        self._bundle.send(data, flow)
        finally:
            self._pumping = False
        for uri, then in stack.lookups():
            task = asyncio.create_task(self._look_up(uri, then), name=f"look up {uri.host}")
            self._lookups.add(task)
            task.add_done_callback(self._lookups.discard)
        self._arm()

    async def _look_up(self, uri: Uri, then: Found) -> None:
        try:
            flows = await self.flows_to(uri)
        except OSError as error:
            log.debug("! no way to %s: %s", uri.host, error)
            flows = []
        then(flows, self.now())
        self.pump()

    def _way_failed(self, flow: Flow) -> None:
        self._locator.failed(flow.transport, flow.remote)

    def _tell(self, usage: Any, event: SessionEvent | None) -> None:
        told = self._sessions.get(usage)
        if told is not None and event is not None:
            if isinstance(event, Ended):
                del self._sessions[usage]
            told.tell(event)
        elif event is None:
            if len(self._incoming) >= MOST_WAITING or self._closing:
                self.stack.counters["overload"] += 1
                usage.hang_up(self.now(), 503)
                return
            session = Session(self, usage.remote, None)
            session.take(usage)
            self.adopt(usage, session)
            self._incoming.put(session)
        elif isinstance(event, RequestReceived):
            if len(self._requests) < MOST_WAITING:
                self._requests.put(event.request)
        elif isinstance(event, Notified | SubscriptionEnded):
            watching = self._subscriptions.get(usage)
            if isinstance(event, SubscriptionEnded):
                self._subscriptions.pop(usage, None)
            if watching is not None:
                watching.tell(event)

    # the transports' side (transport.receiver.Receiver)

    def received(self, data: bytes, flow: Flow) -> None:
        if self.trace:
            self.trace("<", self.now(), flow.remote, data)
        try:
            self.stack.receive(data, flow, self.now())
        except Exception:  # the last wall: nothing a peer sends may end the agent
            self.stack.counters["internal"] += 1
            log.exception("a datagram from %s broke the stack", flow.remote)

    def broken(self, flow: Flow, why: str) -> None:
        log.debug("! %s: %s", flow.remote, why)
        self.stack.broken(flow, self.now())
        self.pump()

    def flush(self) -> None:
        self.pump()

    def _arm(self) -> None:
        deadline = self.stack.deadline()
        if self._timer is not None:
            if deadline is None or self._timer_at is None or deadline >= self._timer_at:
                return  # it wakes early at worst, finds nothing to do and is set again
            self._timer.cancel()
            self._timer = None
        self._timer_at = deadline
        if deadline is not None and self._bundle is not None:
            wait = max(0.0, deadline - self.now())
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = self._timer_at = None
        try:
            self.stack.tick(self.now())
        except Exception:  # as above: one machine's fault must not stop the others' timers
            self.stack.counters["internal"] += 1
            log.exception("a timer broke the stack")
        self.pump()


def _at(target: Target) -> Address:
    return target.address, target.port


__all__ = ["Registration", "Request", "Session", "UserAgent"]
