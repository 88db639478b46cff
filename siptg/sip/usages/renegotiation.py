"""re-INVITE, both ways: one offer at a time, glare settled by chance (RFC 3261 §14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from siptg.machine import Symbol
from siptg.sip.errors import ProtocolError
from siptg.sip.events import Renegotiated
from siptg.sip.message import Request, Response
from siptg.sip.transactions.invite_server import InviteServer
from siptg.sip.transactions.table import ServerTransaction
from siptg.sip.usages.expiry import too_short
from siptg.sip.usages.repeat import Repeat2xx

if TYPE_CHECKING:
    from siptg.sip.usages.base import SessionBase


class _Timer(Symbol):
    GLARE = "after 491"


@attrs.define(eq=False)
class Renegotiation:
    """Of one confirmed session: our offers and theirs."""

    session: SessionBase
    _ours: Request | None = None
    _again: bool = False
    """Another offer of ours is wanted once the present one is settled."""
    _theirs: Repeat2xx | None = None
    _offered_in_2xx: bool = False
    _answers: int = 0

    @property
    def quiet(self) -> bool:
        """No offer is under way."""
        return self._ours is None and self._theirs is None

    def offer(self, now: float) -> None:
        """Send our media's present offer."""
        if not self.quiet:
            self._again = True
            return
        self._again = False
        try:
            body = self.session.media.offer()
        except ValueError:
            return
        request = self.session.make("INVITE", now)
        request.headers.add("Content-Type", "application/sdp")
        request.body = body
        if self.session.speaks("timer") and self.session.expiry.interval:
            self.session.expiry.ask(request)
        self._ours, self._answers = request, 0
        self.session.dispatch(request, self, now)

    def response(self, response: Response, now: float) -> None:
        """To our re-INVITE."""
        session, ours = self.session, self._ours
        if response.status < 200 or (ours is None and response.status >= 300):
            return
        if response.status < 300:
            session.acks.acknowledge(session, response, response.cseq.number)
            if ours is None:
                return
            self._ours = None
            session.dialog_refresh(response)
            try:
                session.media.accept(response.sdp)
            except ValueError:
                session.hang_up(now, 488, "no usable answer")
                return
            if session.speaks("timer"):
                session.expiry.taken(response, now)
            session.emit(Renegotiated())
        elif response.status in (401, 407) and self._answers < 2 and ours is not None:
            self._answers += 1
            again = session.authorized(ours, response, now)
            if again is not None:
                self._ours = again
                session.dispatch(again, self, now)
                return
            self._ours = None
        elif response.status == 491:
            self._ours = None
            chance = session.core.ids.random()
            # the one that made the Call-ID waits longer (§14.1)
            wait = 2.1 + 1.9 * chance if session.outgoing else 2.0 * chance
            session.core.timers.set(self, _Timer.GLARE, now + round(wait, 2))
            return
        else:
            self._ours = None
            if response.status in (408, 481):
                session.lost(response.status, response.reason, now)
                return
        self._next(now)

    def failed(self, status: int, why: str, now: float) -> None:
        self._ours = None
        self.session.lost(status, why, now)

    def fire(self, timer: Symbol, now: float) -> None:
        self.offer(now)

    def _in_the_way(self, request: Request) -> Response | None:
        """The refusal of an offer that comes while another one is under way (RFC 3261 §14.2, RFC
        3311 §5.2), or whose timer is too short.
        """
        if self._ours is not None:
            return request.reply(491)
        if self._theirs is not None:
            busy = request.reply(500)
            busy.headers.add("Retry-After", str(int(10 * self.session.core.ids.random())))
            return busy
        return too_short(request) if self.session.speaks("timer") else None

    def update(self, request: Request, server: ServerTransaction, now: float) -> None:
        """An UPDATE: a new offer, or only a new target and timer (RFC 3311 §5.2)."""
        session = self.session
        refusal = self._in_the_way(request) if request.sdp else None
        if refusal is not None:
            server.respond(refusal, now)
            return
        body = b""
        if request.sdp:
            try:
                body = session.media.answer(request.sdp)
            except ValueError:
                server.respond(request.reply(488), now)
                return
        session.dialog_refresh(request)
        response = session.answer_with(request, body)
        if session.speaks("timer"):
            session.expiry.agree(request, response, now)
        server.respond(response, now)
        if body:
            session.emit(Renegotiated())

    def receive(self, request: Request, server: InviteServer, now: float) -> None:
        """Their re-INVITE, with an offer or asking for ours."""
        session = self.session
        refusal = self._in_the_way(request)
        if refusal is not None:
            server.respond(refusal, now)
            return
        try:
            body = session.media.answer(request.sdp) if request.sdp else session.media.offer()
        except ValueError:
            server.respond(request.reply(488), now)
            return
        try:
            session.dialog_refresh(request)
        except ProtocolError as error:
            server.respond(request.reply(error.status, None), now)
            return
        self._offered_in_2xx = not request.sdp
        response = session.answer_with(request, body)
        if session.speaks("timer"):
            session.expiry.agree(request, response, now)
        self._theirs = Repeat2xx(session.core, server, response, self._no_ack)
        self._theirs.start(now)

    def acknowledged(self, ack: Request, now: float) -> None:
        if self._theirs is None or self._theirs.sequence != ack.cseq.number:
            return
        self._theirs.acknowledged()
        self._theirs = None
        if self._offered_in_2xx:
            try:
                self.session.media.accept(ack.sdp)
            except ValueError:
                self.session.hang_up(now, 488, "no usable answer")
                return
        self.session.emit(Renegotiated())
        self._next(now)

    def stop(self) -> None:
        self.session.core.timers.cancel(self, *_Timer)
        if self._theirs is not None:
            self._theirs.acknowledged()
            self._theirs = None

    def _no_ack(self, now: float) -> None:
        self._theirs = None
        self.session.hang_up(now, 408, "no ACK")

    def _next(self, now: float) -> None:
        if self._again:
            self.offer(now)
