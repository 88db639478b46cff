"""SIP signalling without a socket: bytes and `now` in; bytes, events and a deadline out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from siptg.sip.account import SipAccount
from siptg.sip.attempt import Attempt, OverTcp
from siptg.sip.auth import Client as DigestClient
from siptg.sip.auth import Digest
from siptg.sip.door import Door
from siptg.sip.errors import ProtocolError, SipError
from siptg.sip.events import SessionEvent
from siptg.sip.flow import Address, Flow
from siptg.sip.ids import Ids
from siptg.sip.message import Request, Response
from siptg.sip.parser import LIMITS, Limits, is_keepalive, parse
from siptg.sip.routing import LARGEST_DATAGRAM, Routing, host_of, is_address
from siptg.sip.server import Front
from siptg.sip.stun import StunDesk, StunUser, is_stun
from siptg.sip.timers import Times
from siptg.sip.transactions.base import ClientUser
from siptg.sip.transactions.client import Client
from siptg.sip.transactions.invite_client import InviteClient
from siptg.sip.transactions.table import TransactionTable
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.core import Found, Media
from siptg.sip.usages.first import Standing, first_request
from siptg.sip.usages.inside import ALLOW
from siptg.sip.usages.invite import InviteSession
from siptg.sip.usages.registrar import Registrar
from siptg.sip.usages.registration import RegistrationUsage
from siptg.sip.usages.single import Reply, Single
from siptg.sip.usages.subscription import SubscriptionUsage
from siptg.sip.wire import FlowWire
from siptg.timers import TimerQueue

log = logging.getLogger(__name__)

MOST_WIRES = 4096
"""Flows whose wires are kept for the next transaction."""


class Stack:
    """After each call: send `outgoing()`, handle `events()`, wake at `deadline()` for `tick`."""

    def __init__(
        self,
        *,
        ids: Ids | None = None,
        times: Times | None = None,
        limits: Limits = LIMITS,
        product: str = "siptg",
        guard: Digest | None = None,
        registrar: Registrar | None = None,
        trusts: Callable[[Flow], bool] | None = None,
        door: Door | None = None,
        quirks: frozenset[str] = frozenset(),
    ) -> None:
        self.ids, self.times, self.limits = ids or Ids(), times or Times(), limits
        self.product, self.timers, self.quirks = product, TimerQueue(), quirks
        self.transactions = TransactionTable()
        self.sessions: dict[tuple[str, str], InviteSession] = {}
        self.counters: Counter[str] = Counter()
        self.routing = Routing()
        self.registrations: set[RegistrationUsage] = set()
        self.subscriptions: dict[tuple[str, str], SubscriptionUsage] = {}
        self.standings: dict[Uri, Standing] = {}
        """What registrars told our accounts, by address of record."""
        self.takes_requests = False
        """MESSAGE, and NOTIFY that nobody subscribed to, are taken outside of dialogs."""
        self.way_failed: Callable[[Flow], None] | None = None
        """Told of places that did not answer, so that others come before them for a while."""
        self.alias: Callable[[Flow, Address], None] | None = None
        """Told of connections that may be used for requests to an address (RFC 5923 §4)."""
        self._stun = StunDesk()
        self._lookups: list[tuple[Uri, Found]] = []
        self._wires: dict[Flow, FlowWire] = {}
        self._front = Front(self, guard, registrar, trusts, door or Door(random=self.ids.random))
        self._outgoing: list[tuple[Flow, bytes]] = []
        self._events: list[tuple[Any, SessionEvent | None]] = []

    # stimuli

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """A datagram came. Nothing in it can raise: what is wrong is answered or counted."""
        if data[:1] <= b" " and self._is_no_message(data, flow, now):
            return
        try:
            message = parse(data, self.limits)
        except ProtocolError as error:
            self.counters["garbage"] += 1
            log.debug("! %s from %s: %s", len(data), flow.remote, error)
            self._front.salvage(data, flow, error)
            return
        try:
            if isinstance(message, Request):
                self._front.receive(message, flow, now)
            else:
                self._response(message, now)
        except SipError as error:
            self.counters["malformed"] += 1
            log.debug("! malformed %r from %s: %s", message, flow.remote, error)
            if isinstance(message, Request):
                self._front.salvage(data, flow, error)

    def _is_no_message(self, data: bytes, flow: Flow, now: float) -> bool:
        if is_keepalive(data):
            self.counters["keepalive"] += 1
            return True
        if not is_stun(data):
            return False
        self.counters["stun"] += 1
        answer = self._stun.receive(data, flow.remote, now)
        if answer is not None:
            self.put(flow, answer)
        return True

    def broken(self, flow: Flow, now: float) -> None:
        """The transport says that nobody listens there, or that a connection is gone (§18.4)."""
        self.counters["transport_error"] += 1
        for transaction in self.transactions:
            wire = transaction.wire
            if not isinstance(wire, FlowWire) or wire.flow.remote != flow.remote:
                continue
            if wire.flow.transport == flow.transport:
                transaction.broken(now)
        for usage in list(self.registrations):
            if flow.reliable and usage.flow == flow:
                usage.flow_lost(now)

    def tick(self, now: float) -> None:
        self.timers.fire_due(now)

    # results

    def outgoing(self) -> list[tuple[Flow, bytes]]:
        sent, self._outgoing = self._outgoing, []
        return sent

    def events(self) -> list[tuple[Any, SessionEvent | None]]:
        """(session, event) pairs; None as event announces a new incoming session."""
        happened, self._events = self._events, []
        return happened

    def lookups(self) -> list[tuple[Uri, Found]]:
        """Names to ask DNS for, and who wants to know."""
        wanted, self._lookups = self._lookups, []
        return wanted

    def deadline(self) -> float | None:
        return self.timers.next_deadline()

    # verbs

    def invite(
        self,
        to: NameAddr,
        media: Media,
        account: SipAccount,
        flow: Flow,
        now: float,
        *,
        more: Iterable[tuple[str, str]] = (),
        others: Sequence[Flow] = (),
    ) -> InviteSession:
        """Call somebody. `more` are further headers: Replaces, Referred-By, Privacy and their like;
        `others` the ways to take where `flow` leads nowhere. ValueError where the media has nothing
        to offer.
        """
        tag, standing = self.ids.tag(), self._standing(account)
        if standing is not None and standing.service_route:
            flow, others = self.hop(standing.service_route[0].uri, flow), ()
        about = ("Allow", ALLOW), ("User-Agent", self.product)
        request = first_request(
            self, "INVITE", to, account, flow, tag, standing=standing, more=[*about, *more]
        )
        digest = DigestClient(account.credentials, self.ids) if account.password else None
        session = InviteSession(
            self,
            flow,
            request,
            media,
            digest,
            tag=tag,
            quirks=account.quirks,
            expires=account.session_expires,
        )
        session.others = others
        session.own_contact = standing.gruu if standing is not None else None
        self.sessions[session.id, tag] = session
        try:
            session.start(now, offer="late-offer" not in account.quirks)
        except ValueError:
            self.forget(session)
            raise
        return session

    def register(
        self,
        account: SipAccount,
        flow: Flow,
        changed: Callable[[], None],
        now: float,
        *,
        others: Sequence[Flow] = (),
    ) -> RegistrationUsage:
        usage = RegistrationUsage(self, account, flow, changed, others=list(others))
        self.registrations.add(usage)
        usage.start(now)
        return usage

    def request(
        self,
        method: str,
        to: NameAddr,
        account: SipAccount,
        flow: Flow,
        done: Callable[[Reply], None],
        now: float,
        *,
        content_type: str = "",
        body: bytes = b"",
        more: Iterable[tuple[str, str]] = (),
    ) -> None:
        """One request outside of any dialog: OPTIONS, MESSAGE."""
        standing = self._standing(account)
        request = first_request(
            self, method, to, account, flow, self.ids.tag(), standing=standing, more=more
        )
        if method == "MESSAGE":
            request.headers.remove("Contact")  # RFC 3428 §4
        if content_type:
            request.headers.add("Content-Type", content_type)
        request.body = body
        digest = DigestClient(account.credentials, self.ids) if account.password else None
        Single(self, flow, request, digest, done).start(now)

    def subscribe(
        self,
        event: str,
        accept: str,
        to: NameAddr,
        account: SipAccount,
        flow: Flow,
        now: float,
        *,
        expires: int = 3600,
    ) -> SubscriptionUsage:
        """Watch something; `Notified` events tell."""
        standing = self._standing(account)
        usage = SubscriptionUsage(self, account, to, event, accept, flow, expires, standing)
        usage.start(now)
        return usage

    # what usages ask (usages.core.Core)

    def contact(self, user: str | None, flow: Flow, *, secure: bool = False) -> Uri:
        return self.routing.contact(user, flow, secure=secure)

    def hop(self, uri: Uri, fallback: Flow) -> Flow:
        return self.routing.hop(uri, fallback)

    def find(self, uri: Uri, flow: Flow, then: Found, now: float) -> None:
        host = host_of(uri)
        if is_address(host) or host in self.routing.hosts:
            then([self.routing.hop(uri, flow)], now)
        else:
            self._lookups.append((uri, then))

    def start_somewhere(
        self,
        request: Request,
        user: ClientUser,
        ways: list[Flow],
        changed: Callable[[Request, Flow], None],
        now: float,
    ) -> None:
        if len(ways) == 1:
            self.start(request, user, ways[0], now)
        else:
            Attempt(request, user, ways, self.start, changed, self._shun).go(now)

    def start(
        self, request: Request, user: ClientUser, flow: Flow, now: float, branch: str | None = None
    ) -> None:
        larger = self._too_large(request, flow) if branch is None else None
        if larger is not None:
            user = OverTcp(request, user, flow, self._start, self._no_tcp)
        self._start(request, user, larger or flow, now, branch)

    def _start(
        self, request: Request, user: ClientUser, flow: Flow, now: float, branch: str | None = None
    ) -> None:
        branch, wire, table = branch or self.ids.branch(), self.wire(flow), self.transactions
        request.headers.prepend("Via", wire.via(branch))
        if len(table) >= self.limits.transactions:
            self.counters["overload"] += 1
            user.failed(503, "too many transactions", now)
            return
        key = branch, request.method
        make = InviteClient if request.method == "INVITE" else Client
        made = make(request, key, wire, self.timers, self.times, table.forget_client, user)
        table.clients[key] = made
        made.start(now)

    def send_ack(self, request: Request, flow: Flow) -> bytes:
        request.headers.prepend("Via", self.wire(flow).via(self.ids.branch()))
        data = bytes(request)
        self.put(flow, data)
        return data

    def send_again(self, data: bytes, flow: Flow) -> None:
        if data:
            self.put(flow, data)

    def emit(self, usage: Any, event: SessionEvent) -> None:
        self._events.append((usage, event))

    def expect_stun(self, transaction: bytes, user: StunUser | None) -> None:
        self._stun.expect(transaction, user)

    def learn(self, address: Uri, standing: Standing) -> None:
        if standing == Standing():
            self.standings.pop(address, None)
        else:
            self.standings[address] = standing

    def know(self, usage: SubscriptionUsage) -> None:
        self.subscriptions[usage.id, usage.tag] = usage

    def forget(self, usage: Any) -> None:
        if isinstance(usage, RegistrationUsage):
            self.registrations.discard(usage)
        elif isinstance(usage, SubscriptionUsage):
            self.subscriptions.pop((usage.id, usage.tag), None)
        else:
            self.sessions.pop((usage.id, usage.tag), None)

    # what the front asks

    def wire(self, flow: Flow) -> FlowWire:
        wire = self._wires.get(flow)
        if wire is None:
            if len(self._wires) >= MOST_WIRES:
                self._wires.clear()
            wire = self._wires[flow] = FlowWire(flow, self.put)
        return wire

    def put(self, flow: Flow, data: bytes) -> None:
        self._outgoing.append((flow, data))

    def announce(self, session: InviteSession) -> None:
        """A new incoming session."""
        self.sessions[session.id, session.tag] = session
        self._events.append((session, None))

    def _response(self, response: Response, now: float) -> None:
        transaction = self.transactions.clients.get(self.transactions.client_key(response))
        if transaction is not None:
            # headers that the users above will touch: a bad one must not stop a machine half-way
            _ = response.to, response.from_, response.contacts
            if "Record-Route" in response.headers.first:
                _ = response.record_routes
            transaction.receive(response, now)
            return
        self.counters["stray_response"] += 1
        if response.cseq.method == "INVITE" and 200 <= response.status < 300:
            tag = response.from_.tag
            session = self.sessions.get((response.call_id, tag or ""))
            if session is not None and session.outgoing:
                session.response(response, now)

    def _standing(self, account: SipAccount) -> Standing | None:
        return self.standings.get(account.address) if self.standings else None

    def _too_large(self, request: Request, flow: Flow) -> Flow | None:
        """TCP instead of UDP, where the request would not fit into a datagram."""
        if flow.transport != "UDP" or (len(request.body) < 300 and len(request.headers) < 12):
            return None
        size = len(request.body) + len(request.headers.text()) + len(str(request.uri)) + 150
        return self.routing.larger(flow) if size > LARGEST_DATAGRAM else None

    def _no_tcp(self, flow: Flow) -> None:
        self.counters["no_tcp"] += 1
        self.routing.no_tcp(flow.remote)

    def _shun(self, flow: Flow, now: float) -> None:
        self.counters["way_failed"] += 1
        if self.way_failed is not None:
            self.way_failed(flow)
