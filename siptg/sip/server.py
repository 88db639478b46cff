"""The front door: what becomes of a request that came (RFC 3261 §8.2, §12.2.2, §16.3)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from siptg.sip.auth import Digest, Verdict
from siptg.sip.dialog import Dialog
from siptg.sip.door import Door
from siptg.sip.errors import ProtocolError, SipError
from siptg.sip.events import RequestReceived
from siptg.sip.fields import Via
from siptg.sip.flow import Flow
from siptg.sip.grammar import split
from siptg.sip.message import Request, Response
from siptg.sip.params import Params
from siptg.sip.salvage import refusal
from siptg.sip.transactions.base import Key
from siptg.sip.transactions.invite_server import InviteServer
from siptg.sip.transactions.invite_server import State as Invited
from siptg.sip.transactions.server import Server
from siptg.sip.transactions.server import State as Served
from siptg.sip.transactions.table import ServerTransaction
from siptg.sip.usages.expiry import too_short
from siptg.sip.usages.inside import ALLOW, EXTENSIONS, capabilities
from siptg.sip.usages.invite import InviteSession
from siptg.sip.usages.registrar import Registrar
from siptg.sip.usages.states import State

if TYPE_CHECKING:
    from siptg.sip.stack import Stack

log = logging.getLogger(__name__)

KNOWN = (
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "INFO",
    "REGISTER",
    "MESSAGE",
    "SUBSCRIBE",
    "NOTIFY",
    "REFER",
    "UPDATE",
    "PRACK",
    "PUBLISH",
)


def _takes_sdp(request: Request) -> bool:
    """Whether its Accept lets us answer with SDP (§20.1)."""
    values = request.headers.get_all("Accept")
    types = {t.partition(";")[0].strip().lower() for v in values for t in v.split(",")}
    return bool(types & {"application/sdp", "application/*", "*/*"})


NOBODY = Verdict(None)
"""Nobody was asked who they are."""


class NoMedia:
    """Stands in until the user of an incoming session brings its media."""

    def offer(self) -> bytes:
        raise ValueError("no media")

    def answer(self, offer: bytes) -> bytes:
        raise ValueError("no media")

    def accept(self, answer: bytes) -> None:
        raise ValueError("no media")


NO_MEDIA = NoMedia()


@attrs.define(eq=False)
class Front:
    """Matches a request to its transaction, checks it, and hands it to the usage it is for."""

    stack: Stack
    guard: Digest | None
    registrar: Registrar | None
    trusts: Callable[[Flow], bool] | None
    door: Door

    def receive(self, request: Request, flow: Flow, now: float) -> None:
        """SipError where it is malformed; `salvage` then answers."""
        stack, method = self.stack, request.method
        key = stack.transactions.server_key(request)
        known = stack.transactions.servers.get(key)
        if known is not None and not (
            # the ACK of a 2xx is a request of its own, whatever its branch (§13.2.2.4)
            method == "ACK" and known.state is Invited.ACCEPTED
        ):
            known.receive(request, now)
            return
        if method == "ACK":
            self._ack(request, now)
            return
        if request.to.tag is None:
            if method == "INVITE" and self.trusts is not None and not self.trusts(flow):
                stack.counters["untrusted"] += 1
                return
            if not self.door.admits(flow.remote[0], now):
                stack.counters["not_admitted"] += 1
                return
        self._fill_via(request, flow)
        if len(stack.transactions) >= stack.limits.transactions:
            stack.counters["overload"] += 1
            stack.put(self._way_back(request.via, flow), bytes(request.reply(503)))
            return
        self._dispatch(request, key, flow, now)

    def salvage(self, data: bytes, flow: Flow, error: SipError) -> None:
        """Answer what is malformed, where it says enough to be answered at all (§8.2)."""
        status = error.status if isinstance(error, ProtocolError) else 400
        made = refusal(data, status, self.stack.ids.tag())
        if made is None:
            self.stack.counters["unanswerable"] += 1
            return
        answer, via = made
        self.stack.put(flow if via is None else self._way_back(via, flow), answer)

    def _dispatch(self, request: Request, key: Key, flow: Flow, now: float) -> None:
        if request.method == "CANCEL":
            self._cancel(request, key, flow, now)
            return
        problem = self._inspect(request)
        server = self._serve(request, key, flow, now)
        if problem is not None:
            self._reply(server, problem, now)
            return
        try:
            self._deliver(request, server, flow, now)
        except ProtocolError as error:  # nothing, where a final answer has been given
            self._reply(server, request.reply(error.status), now)
        if server.state is Served.COMPLETED:
            server.let_go()

    def _deliver(self, request: Request, server: ServerTransaction, flow: Flow, now: float) -> None:
        stack, to_tag = self.stack, request.to.tag
        if to_tag is not None:
            key = request.call_id, to_tag
            session = stack.sessions.get(key) or stack.subscriptions.get(key)
            dialog = session.dialog_for(request) if session is not None else None
            if session is None or dialog is None:
                self._reply(server, request.reply(481), now)
                return
            dialog.check(request)
            session.receive(request, server, now)
            return
        match request.method:
            case "INVITE":
                self._invite(request, server, flow, now)
            case "OPTIONS":
                self._reply(server, capabilities(request), now)
            case "REGISTER" if self.registrar is not None:
                self._register(request, server, flow, now)
            case "MESSAGE" | "NOTIFY" if stack.takes_requests:
                if self._judge(request, server, flow, now) is not None:
                    self._reply(server, request.reply(200), now)
                    stack.emit(None, RequestReceived(request))
            case "NOTIFY":
                self._reply(server, request.reply(481), now)
            case "BYE" | "INFO":
                self._reply(server, request.reply(481), now)
            case method:
                refusal = request.reply(405 if method in KNOWN else 501)
                refusal.headers.add("Allow", ALLOW)
                self._reply(server, refusal, now)

    def _inspect(self, request: Request) -> Response | None:
        """Why a request is refused before anybody looks at what it wants (§8.2.2)."""
        if request.uri.scheme not in ("sip", "sips"):
            return request.reply(416)
        wanted = "Require" in request.headers.first and [
            t for t in request.tokens("Require") if t.lower() not in EXTENSIONS
        ]
        if wanted:
            refusal = request.reply(420)
            refusal.headers.add("Unsupported", ", ".join(wanted))
            return refusal
        _ = request.max_forwards, request.from_
        if not request.call_id:
            raise ProtocolError("an empty Call-ID")
        if request.method != "INVITE":
            return None
        table = self.stack.transactions
        if request.to.tag is None and table.merge_key(request) in table.merging:
            return request.reply(482)  # the same request by two ways (§8.2.2.2)
        if "Accept" in request.headers.first and not _takes_sdp(request):
            return request.reply(406)
        if request.body and not request.sdp:
            refusal = request.reply(415)
            refusal.headers.add("Accept", "application/sdp, multipart/mixed")
            return refusal
        return None

    def _serve(self, request: Request, key: Key, flow: Flow, now: float) -> ServerTransaction:
        stack, table = self.stack, self.stack.transactions
        wire = stack.wire(self._way_back(request.via, flow))
        made: ServerTransaction
        if request.method == "INVITE":
            made = InviteServer(request, key, wire, stack.timers, stack.times, table.forget_invite)
            made.merged_as = table.merge_key(request)
            table.merging.setdefault(made.merged_as, key)
        else:
            made = Server(request, key, wire, stack.timers, stack.times, table.forget_server)
        table.servers[key] = made
        made.start(now)
        return made

    def _reply(self, server: ServerTransaction, response: Response, now: float) -> None:
        if response.status > 100 and response.to.tag is None:
            tag = self.stack.ids.tag()
            response.headers.set("To", f"{response.headers.get('To')};tag={tag}")
            if isinstance(server, InviteServer):
                server.tag = tag
        server.respond(response, now)

    def _invite(self, request: Request, server: ServerTransaction, flow: Flow, now: float) -> None:
        stack = self.stack
        if not isinstance(server, InviteServer):
            return
        if self._judge(request, server, flow, now) is None:
            return
        if len(stack.sessions) >= stack.limits.dialogs:
            stack.counters["overload"] += 1
            self._reply(server, request.reply(503), now)
            return
        tag = stack.ids.tag()
        dialog = Dialog.of_callee(request, tag)
        session = InviteSession(
            stack, flow, request, NO_MEDIA, None, server, tag, quirks=stack.quirks
        )
        session.dialog = dialog
        refusal = too_short(request) if session.speaks("timer") else None
        if refusal is None and session.speaks("replaces"):
            refusal = self._replace(session, request)
        if refusal is not None:
            self._reply(server, refusal, now)
            return
        server.user, server.tag = session, tag
        stack.announce(session)

    def _replace(self, session: InviteSession, request: Request) -> Response | None:
        """Find the call that a Replaces header names; a refusal where it may not be replaced
        (RFC 3891 §3).
        """
        if "Replaces" not in request.headers.first:
            return None
        values = request.headers.get_all("Replaces")
        call_id, _, rest = values[0].partition(";")
        params = Params.parse(rest)
        to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
        if len(values) > 1 or to_tag is None or from_tag is None:
            raise ProtocolError("a bad Replaces")
        old = self.stack.sessions.get((call_id.strip(), to_tag))
        if old is None or old.dialog_with(from_tag) is None:
            return request.reply(481)
        if old.state is State.CONFIRMED:
            if "early-only" in params:
                return request.reply(486)
        elif not (old.outgoing and old.state is State.EARLY):
            return request.reply(481)
        session.replaces = old
        return None

    def _register(
        self, request: Request, server: ServerTransaction, flow: Flow, now: float
    ) -> None:
        if self.registrar is None:
            return
        verdict = self._judge(request, server, flow, now)
        if verdict is None:
            return
        response = self.registrar.receive(request, flow, now)
        if verdict.info:
            response.headers.add("Authentication-Info", verdict.info)
        self._reply(server, response, now)

    def _judge(
        self, request: Request, server: ServerTransaction, flow: Flow, now: float
    ) -> Verdict | None:
        """Who registers or calls must be who it says, where we ask for that; None where it was
        refused. A trunk is known by its address.
        """
        peer = self.door.peer(flow.remote[0])
        if self.guard is None or peer is not None:
            return NOBODY if peer is None else Verdict(peer)
        given, stack = request.headers.get_all("Authorization"), self.stack
        verdict = self.guard.verify(given, request.method, now, request.body)
        about = request.to if request.method == "REGISTER" else request.from_
        if verdict.user is not None and verdict.user == about.uri.user:
            self.door.succeeded(flow.remote[0])
            return verdict
        if verdict.user is not None:
            self._reply(server, request.reply(403), now)
            return None
        if given and not verdict.stale:
            stack.counters["wrong_credentials"] += 1
            if self.door.failed(flow.remote[0], now):
                stack.counters["banned"] += 1
                log.warning("banned %s: too many wrong passwords", flow.remote[0])
        challenge = request.reply(401)
        for text in self.guard.challenges(now, stale=verdict.stale):
            challenge.headers.add("WWW-Authenticate", text)
        self._reply(server, challenge, now)
        return None

    def _cancel(self, request: Request, key: Key, flow: Flow, now: float) -> None:
        """Answered at once, then told to the session whose INVITE it names (§9.2)."""
        stack = self.stack
        invite = stack.transactions.servers.get(stack.transactions.server_key(request, "INVITE"))
        server = self._serve(request, key, flow, now)
        if not isinstance(invite, InviteServer):
            self._reply(server, request.reply(481), now)
            return
        session = invite.user if isinstance(invite.user, InviteSession) else None
        server.respond(request.reply(200, to_tag=invite.tag or stack.ids.tag()), now)
        if session is not None:
            session.cancelled(request, now)

    def _ack(self, request: Request, now: float) -> None:
        session = self.stack.sessions.get((request.call_id, request.to.tag or ""))
        if session is None or session.dialog is None:
            self.stack.counters["stray_ack"] += 1
            return
        session.dialog.check(request)
        session.acknowledged(request, now)

    def _fill_via(self, request: Request, flow: Flow) -> None:
        """`received` and `rport`, so that answers find the way back (§18.2.1, RFC 3581 §4)."""
        via, headers, (host, port) = request.via, request.headers, flow.remote
        if flow.reliable and "alias" in via.params and self.stack.alias is not None:
            self.stack.alias(flow, (host, via.sent_by[1]))
        wants_port = "rport" in via.params
        if not wants_port and (via.host == host or via.sent_by[0] == host):
            return
        text = headers.get("Via") or ""
        if text.endswith(";rport") and "," not in text and '"' not in text and not via.received:
            headers.set_first("Via", f"{text}={port};received={host}")
            headers.cache["Via"] = via  # still good for the way back
            return
        more: dict[str, str | None] = {"received": host}
        if wants_port:
            more["rport"] = str(port)
        params = Params.made(*(dict(via.params.items()) | more).items())
        filled = Via(via.transport, via.host, via.port, params)
        first, comma, below = text.partition(",")
        if comma:
            first, *rest = split(first + comma + below, ",")
            below = ", ".join(rest)
        headers.set_first("Via", f"{filled}, {below}" if comma else str(filled))
        headers.cache["Via"] = filled

    # where the answer goes (§18.2.2)

    @staticmethod
    def _way_back(via: Via, flow: Flow) -> Flow:
        if flow.reliable or "rport" in via.params:
            return flow
        return Flow(flow.transport, flow.local, (flow.remote[0], via.sent_by[1]))
