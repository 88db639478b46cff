"""A session: INVITE from the first ring to the BYE, both roles (RFC 3261 §9, §13, §15)."""

from __future__ import annotations

from typing import Any

import attrs

from siptg.machine import Symbol, Table, step
from siptg.sip.dialog import Dialog
from siptg.sip.errors import ProtocolError
from siptg.sip.events import Answered, Ended, Ringing
from siptg.sip.message import REASONS, Request, Response
from siptg.sip.transactions.table import ServerTransaction
from siptg.sip.usages import inside
from siptg.sip.usages.again import another_way, send_again, send_by
from siptg.sip.usages.base import SessionBase
from siptg.sip.usages.goodbye import Goodbye, cancel_of
from siptg.sip.usages.reliable import is_reliable
from siptg.sip.usages.repeat import Repeat2xx
from siptg.sip.usages.states import Given, State


@attrs.define(eq=False)
class InviteSession(SessionBase):
    """One call. Verbs and messages are its inputs; events leave by `core.emit`."""

    _tries: int = 0
    """Of our INVITE, after challenges, redirections and the like."""
    _cancelled: bool = False
    _ending: tuple[int, str] = (0, "")
    _why: str = ""
    _repeat: Repeat2xx | None = None
    _offer_in_2xx: bool = False
    _answered_early: str | None = None
    """The tag of the fork whose early answer our media took."""
    _early_answer: bytes = b""
    """What we answered to their offer before the 2xx: it stays our answer."""

    def __attrs_post_init__(self) -> None:
        self.id = self.request.call_id
        if self.server is not None:
            self.state = State.INCOMING
            self.offered = bool(self.request.sdp)

    # verbs of our user

    def start(self, now: float, *, offer: bool = True) -> None:
        """Send the INVITE. ValueError where the media has nothing to offer."""
        self.offered = offer
        if offer:
            self.request.body = self.media.offer()
            self.request.headers.add("Content-Type", "application/sdp")
        self.request.headers.add("Supported", self.supported)
        if self.speaks("timer"):
            self.expiry.ask(self.request)
        send_by(self, [self.flow, *self.others], now)

    def ring(self, now: float, *, early: bool = False) -> None:
        """180, or 183 with SDP for early media."""
        step(self, TABLE, Given.RING, now, early)

    def answer(self, now: float) -> None:
        """200 with SDP; where the media finds nothing it can use in their offer, 488."""
        if self.state is not State.INCOMING:
            return
        if self._reliable is not None and self._reliable.waiting:
            self._reliable.then = now  # RFC 3262 §3: no 2xx before its PRACK
            return
        try:
            if self._early_answer:
                body = self._early_answer
            elif self.request.sdp:
                body = self.media.answer(self.request.sdp)
            else:
                body, self._offer_in_2xx = self.media.offer(), True
            response = self.answer_with(self.request, body)
            if "Session-Expires" in self.request.headers.first and self.speaks("timer"):
                self.expiry.agree(self.request, response, now)
        except (ValueError, ProtocolError) as error:
            self.hang_up(now, getattr(error, "status", 488))
            return
        step(self, TABLE, Given.ANSWER, now, response)

    def hang_up(self, now: float, status: int = 0, reason: str = "", why: str = "") -> None:
        """End it as the state wants: CANCEL, a refusal with `status`, or BYE; `why` is a Reason
        header for them (RFC 3326).
        """
        refusing = self.state is State.INCOMING
        status = status or (480 if refusing else 200)
        self._ending, self._why = (status, reason or REASONS.get(status, "")), why
        step(self, TABLE, Given.REJECT if refusing else Given.HANG_UP, now, status)

    def redirect(self, now: float, contact: str) -> None:
        """302: they shall try there (§8.3)."""
        if self.state is State.INCOMING and self.server is not None:
            response = self.request.reply(302, to_tag=self.tag)
            response.headers.add("Contact", contact)
            self._ending = 302, REASONS[302]
            self.server.respond(response, now)
            step(self, TABLE, Given.REJECT, now, 0)

    def send(self, method: str, content_type: str, body: bytes, now: float) -> None:
        """INFO or MESSAGE inside the dialog; its answer is not waited for."""
        if self.state is State.CONFIRMED:
            request = self.make(method, now)
            request.headers.add("Content-Type", content_type)
            request.body = body
            self.dispatch(request, Goodbye(self, request, quiet=True), now)

    # what comes from the network

    def response(self, response: Response, now: float) -> None:
        """To our INVITE."""
        status = response.status
        if status < 200:
            step(self, TABLE, Given.PROVISIONAL, now, response)
        elif status < 300:
            self._success(response, now)
        else:
            again = another_way(self, response, self._tries, now)
            self._tries += 1
            step(self, TABLE, Given.CHALLENGE if again else Given.FAILURE, now, again or response)

    def failed(self, status: int, why: str, now: float) -> None:
        """Our INVITE was not answered at all."""
        self._ending = status, why
        step(self, TABLE, Given.NO_ANSWER, now, None)

    def receive(self, request: Request, server: ServerTransaction, now: float) -> None:
        """A request inside the dialog, its sequence checked by the front."""
        inside.receive(self, request, server, now)

    def acknowledged(self, ack: Request, now: float) -> None:
        if self._repeat is not None and self._repeat.sequence == ack.cseq.number:
            step(self, TABLE, Given.ACK, now, ack)
        else:
            self.talks.acknowledged(ack, now)

    def cancelled(self, request: Request, now: float) -> None:
        """A CANCEL for their INVITE."""
        self.bye_reason = request.headers.get("Reason") or ""
        step(self, TABLE, Given.CANCEL, now, None)

    def unacknowledged(self, now: float) -> None:
        """Nobody acknowledged our refusal: it is over all the same."""

    def lost(self, status: int, why: str, now: float) -> None:
        self._ending = status, why
        step(self, TABLE, Given.LOST, now, None)

    def given(self, given: Symbol, now: float, what: Any = None) -> None:
        step(self, TABLE, given, now, what)

    def fire(self, timer: Symbol, now: float) -> None:
        step(self, TABLE, timer, now, None)

    def bye_done(self, now: float) -> None:
        step(self, TABLE, Given.BYE_DONE, now, None)

    def _success(self, response: Response, now: float) -> None:
        if self.dialog is not None and self.dialog.remote.tag != response.to.tag:
            self.acks.send_away(self, response, now)  # another fork answered too late
        else:
            step(self, TABLE, Given.SUCCESS, now, response)

    # actions of the table

    def _report_ringing(self, now: float, response: Response) -> None:
        if response.status == 100:
            return
        if is_reliable(response):
            if not self.acknowledged_answers.take(response, now):
                return
        else:
            self.early_dialog(response)
        early = self.settled is not None and self.settled == response.to.tag
        if response.sdp and self.offered and not early:
            try:
                self.media.accept(response.sdp)
                early, self._answered_early = True, response.to.tag
            except ValueError:
                early = False  # the 2xx may bring a better one; until then ringback is ours
        self.emit(Ringing(response.status, early))

    def _try_again(self, now: float, request: Request) -> None:
        self.request = request
        send_again(self, now)

    def _take_dialog(self, response: Response) -> None:
        """Of the 2xx (§13.2.2.4); requests of the early dialog have used up numbers."""
        early = self.early.get(response.to.tag or "") if self.early else None
        self.dialog, self.early = Dialog.of_caller(self.request, response), None
        if early is not None:
            self.dialog.local_sequence = early.local_sequence
            self.dialog.remote_sequence = early.remote_sequence
        self.peer_allows = response.token_set("Allow")

    def _confirm(self, now: float, response: Response) -> None:
        self._take_dialog(response)
        known = self._answered_early is not None and self._answered_early == response.to.tag
        body, usable = b"", True
        try:
            if not self.offered:
                body = self.media.answer(response.sdp)
            elif self.settled != response.to.tag and (response.sdp or not known):
                self.media.accept(response.sdp)
        except ValueError:
            usable = False
        self.acks.acknowledge(self, response, self.request.cseq.number, body)
        if not usable:
            self.hang_up(now, 488, "no usable answer")
            return
        self.offered = True
        self.request.headers.cache.clear()  # a call is long: what was read of its INVITE may go
        if "Session-Expires" in response.headers.first and self.speaks("timer"):
            self.expiry.taken(response, now)
        self.emit(Answered())

    def _acknowledge_again(self, now: float, response: Response) -> None:
        self.acks.acknowledge(self, response, self.request.cseq.number)

    def _keep_dialog(self, now: float, response: Response) -> None:
        self._take_dialog(response)

    def _send_cancel(self, now: float, _: object) -> None:
        if self._cancelled:
            return
        self._cancelled = True
        cancel = cancel_of(self.request)
        if self._why:
            cancel.headers.add("Reason", self._why)
        quiet = Goodbye(self, cancel, quiet=True)
        self.core.start(cancel, quiet, self.flow, now, self.request.via.branch)
        self.core.timers.set(self, Given.CANCEL_TIMER, now + self.core.times.patience)

    def _say_ringing(self, now: float, early: bool) -> None:
        request, offers = self.request, False
        response = request.reply(183 if early else 180, to_tag=self.tag)
        contact = self.core.contact(request.to.uri.user, self.flow)
        response.headers.add("Contact", f"<{contact}>")
        reliably = self.speaks("100rel") and (
            "100rel" in request.token_set("Require")
            or (early and "100rel" in request.token_set("Supported"))
        )
        if early and (request.sdp or reliably):
            try:
                if request.sdp:
                    self._early_answer = self._early_answer or self.media.answer(request.sdp)
                    response.body = self._early_answer
                else:
                    response.body, offers, self.offered = self.media.offer(), True, True
                response.headers.add("Content-Type", "application/sdp")
            except ValueError:
                response.status, response.reason = 180, REASONS[180]
        if reliably:
            response.headers.add("Allow", inside.ALLOW)
            if offers:
                self._early_answer = response.body
            self.reliable.send(response, now, offers=offers)
        elif self.server is not None:
            self.server.respond(response, now)

    def _say_ok(self, now: float, response: Response) -> None:
        if self.server is not None:
            self.peer_allows = self.request.token_set("Allow")
            self._repeat = Repeat2xx(self.core, self.server, response, self._no_ack)
            self._repeat.start(now)

    def _no_ack(self, now: float) -> None:
        self._ending = 408, "no ACK"
        step(self, TABLE, Given.NO_ACK, now, None)

    def _refuse(self, now: float, status: int | None) -> None:
        if self.server is not None:
            code = status or 487
            phrase = self._ending[1] if status else None
            response = self.request.reply(code, phrase, to_tag=self.tag)
            if self._why:
                response.headers.add("Reason", self._why)
            self.server.respond(response, now)

    def _take_ack(self, now: float, ack: Request) -> None:
        self._stop_repeating(now, ack)
        if self._offer_in_2xx and self.state is State.CONFIRMED:
            try:
                self.media.accept(ack.sdp)
            except ValueError:
                self.hang_up(now, 488, "no usable answer")
                return
        if self.state is State.CONFIRMED:
            self.request.headers.cache.clear()
            self._early_answer = b""
            self.emit(Answered())
            if self.replaces is not None:
                replaced, self.replaces = self.replaces, None
                replaced.hang_up(now, 200, "replaced")

    def _stop_repeating(self, now: float, _: object) -> None:
        if self._repeat is not None:
            self._repeat.acknowledged()
            self._repeat = None

    def _send_bye(self, now: float, _: object) -> None:
        self.stop_parts()
        bye = self.make("BYE", now)
        if self._why:
            bye.headers.add("Reason", self._why)
        self.dispatch(bye, Goodbye(self, bye), now)

    def _end_refused(self, now: float, response: Response | None) -> None:
        status, reason = (response.status, response.reason) if response else self._ending
        if response is not None:
            self.bye_reason = response.headers.get("Reason") or ""
        self._end(Ended(status, reason, by_remote=True, why=self.bye_reason))

    def _end_cancelled_by_us(self, now: float, _: object) -> None:
        self._end(Ended(487, "cancelled", by_remote=False))

    def _end_cancelled_by_them(self, now: float, _: object) -> None:
        self._end(Ended(487, "cancelled by the caller", by_remote=True, why=self.bye_reason))

    def _end_by_them(self, now: float, _: object) -> None:
        self._end(Ended(200, "BYE", by_remote=True, why=self.bye_reason))

    def _end_by_us(self, now: float, _: object) -> None:
        self._end(Ended(*self._ending, by_remote=False))

    def _end_lost(self, now: float, _: object) -> None:
        self._end(Ended(*self._ending, by_remote=True))

    def _end(self, event: Ended) -> None:
        self.stop_parts()
        self.core.timers.cancel(self, Given.CANCEL_TIMER)
        if self.server is not None:
            self.server.let_go()
        self.core.forget(self)
        self.emit(event)


_I = InviteSession
_S, _G = State, Given
TABLE: Table = {
    # we call
    (_S.CALLING, _G.PROVISIONAL): (_S.EARLY, (_I._report_ringing,)),
    (_S.CALLING, _G.CHALLENGE): (_S.CALLING, (_I._try_again,)),
    (_S.CALLING, _G.SUCCESS): (_S.CONFIRMED, (_I._confirm,)),
    (_S.CALLING, _G.FAILURE): (_S.OVER, (_I._end_refused,)),
    (_S.CALLING, _G.NO_ANSWER): (_S.OVER, (_I._end_refused,)),
    (_S.CALLING, _G.HANG_UP): (_S.CANCELLING, ()),
    (_S.EARLY, _G.PROVISIONAL): (_S.EARLY, (_I._report_ringing,)),
    (_S.EARLY, _G.CHALLENGE): (_S.CALLING, (_I._try_again,)),
    (_S.EARLY, _G.SUCCESS): (_S.CONFIRMED, (_I._confirm,)),
    (_S.EARLY, _G.FAILURE): (_S.OVER, (_I._end_refused,)),
    (_S.EARLY, _G.NO_ANSWER): (_S.OVER, (_I._end_refused,)),
    (_S.EARLY, _G.HANG_UP): (_S.CANCELLING, (_I._send_cancel,)),
    (_S.CANCELLING, _G.PROVISIONAL): (_S.CANCELLING, (_I._send_cancel,)),
    (_S.CANCELLING, _G.SUCCESS): (
        _S.ENDING,
        (_I._keep_dialog, _I._acknowledge_again, _I._send_bye),
    ),
    (_S.CANCELLING, _G.CHALLENGE): (_S.OVER, (_I._end_cancelled_by_us,)),
    (_S.CANCELLING, _G.FAILURE): (_S.OVER, (_I._end_cancelled_by_us,)),
    (_S.CANCELLING, _G.NO_ANSWER): (_S.OVER, (_I._end_cancelled_by_us,)),
    (_S.CANCELLING, _G.CANCEL_TIMER): (_S.OVER, (_I._end_cancelled_by_us,)),
    # they call
    (_S.INCOMING, _G.RING): (_S.INCOMING, (_I._say_ringing,)),
    (_S.INCOMING, _G.ANSWER): (_S.ANSWERING, (_I._say_ok,)),
    (_S.INCOMING, _G.REJECT): (_S.OVER, (_I._refuse, _I._end_by_us)),
    (_S.INCOMING, _G.CANCEL): (_S.OVER, (_I._refuse, _I._end_cancelled_by_them)),
    (_S.INCOMING, _G.BYE): (_S.OVER, (_I._refuse, _I._end_cancelled_by_them)),
    (_S.ANSWERING, _G.ACK): (_S.CONFIRMED, (_I._take_ack,)),
    (_S.ANSWERING, _G.NO_ACK): (_S.ENDING, (_I._send_bye,)),
    (_S.ANSWERING, _G.HANG_UP): (_S.LEAVING, ()),
    (_S.ANSWERING, _G.BYE): (_S.OVER, (_I._stop_repeating, _I._end_by_them)),
    (_S.LEAVING, _G.ACK): (_S.ENDING, (_I._take_ack, _I._send_bye)),
    (_S.LEAVING, _G.NO_ACK): (_S.ENDING, (_I._send_bye,)),
    (_S.LEAVING, _G.BYE): (_S.OVER, (_I._stop_repeating, _I._end_by_us)),
    # both
    (_S.CONFIRMED, _G.SUCCESS): (_S.CONFIRMED, (_I._acknowledge_again,)),
    (_S.CONFIRMED, _G.HANG_UP): (_S.ENDING, (_I._send_bye,)),
    (_S.CONFIRMED, _G.BYE): (_S.OVER, (_I._end_by_them,)),
    (_S.CONFIRMED, _G.LOST): (_S.OVER, (_I._end_lost,)),
    (_S.ENDING, _G.SUCCESS): (_S.ENDING, (_I._acknowledge_again,)),
    (_S.ENDING, _G.BYE): (_S.OVER, (_I._end_by_us,)),
    (_S.ENDING, _G.BYE_DONE): (_S.OVER, (_I._end_by_us,)),
    (_S.OVER, _G.SUCCESS): (_S.OVER, (_I._acknowledge_again,)),
}
"""A session's life. What a state does not name changes nothing."""
