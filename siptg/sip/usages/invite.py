"""A session: INVITE from the first ring to the BYE, both roles (RFC 3261 §9, §13, §15)."""

from __future__ import annotations

import enum

import attrs

from siptg.machine import Table, step
from siptg.sip.auth import Client as DigestClient
from siptg.sip.dialog import Dialog
from siptg.sip.errors import ProtocolError
from siptg.sip.events import Answered, Ended, InfoReceived, Ringing, SessionEvent
from siptg.sip.flow import Flow
from siptg.sip.message import REASONS, Request, Response
from siptg.sip.transactions.invite_server import InviteServer
from siptg.sip.transactions.server import Server
from siptg.sip.uri import NameAddr
from siptg.sip.usages.acks import Acks
from siptg.sip.usages.answers import answer, with_credentials
from siptg.sip.usages.core import Core, Media
from siptg.sip.usages.goodbye import Goodbye, cancel_of
from siptg.sip.usages.renegotiation import Renegotiation
from siptg.sip.usages.repeat import Repeat2xx
from siptg.sip.usages.states import Given, State

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"
MOST_CHALLENGES = 2
"""Answers to 401 and 407 for one request: a proxy and a server; one more is a wrong password."""


@attrs.define(eq=False)
class InviteSession:
    """One call. Verbs and messages are its inputs; events leave by `core.emit`."""

    core: Core
    flow: Flow
    request: Request
    """The INVITE that began it, ours or theirs."""
    media: Media
    digest: DigestClient | None = None
    server: InviteServer | None = None
    """Set where we are called."""
    tag: str = ""
    state: State = State.CALLING
    dialog: Dialog | None = None
    _challenges: int = 0
    _cancelled: bool = False
    _ending: tuple[int, str] = (0, "")
    _repeat: Repeat2xx | None = None
    _offer_in_2xx: bool = False
    _answered_early: str | None = None
    """The tag of the fork whose early answer our media took."""
    _talks: Renegotiation | None = attrs.field(default=None, init=False)
    _acks: Acks | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        if self.server is not None:
            self.state = State.INCOMING

    @property
    def talks(self) -> Renegotiation:
        """Made when the first is wanted: most calls never renegotiate."""
        if self._talks is None:
            self._talks = Renegotiation(self)
        return self._talks

    @property
    def acks(self) -> Acks:
        if self._acks is None:
            self._acks = Acks(self)
        return self._acks

    @property
    def outgoing(self) -> bool:
        return self.server is None

    @property
    def id(self) -> str:
        return self.request.call_id

    @property
    def remote(self) -> NameAddr:
        return self.request.to if self.outgoing else self.request.from_

    # verbs of our user

    def start(self, now: float) -> None:
        """Send the INVITE. ValueError where the media has nothing to offer."""
        self.request.headers.add("Content-Type", "application/sdp")
        self.request.body = self.media.offer()
        self.dispatch(self.request, self, now)

    def ring(self, now: float, *, early: bool = False) -> None:
        """180, or 183 with SDP for early media."""
        step(self, TABLE, Given.RING, now, early)

    def answer(self, now: float) -> None:
        """200 with SDP; where the media finds nothing it can use in their offer, 488."""
        if self.state is not State.INCOMING:
            return
        try:
            body = self.media.answer(self.request.body) if self.request.body else self.media.offer()
            response = self.answer_with(self.request, body)
        except (ValueError, ProtocolError) as error:
            self.hang_up(now, getattr(error, "status", 488))
            return
        self._offer_in_2xx = not self.request.body
        step(self, TABLE, Given.ANSWER, now, response)

    def hang_up(self, now: float, status: int = 0, reason: str = "") -> None:
        """End it as the state wants: CANCEL, a refusal with `status`, or BYE."""
        refusing = self.state is State.INCOMING
        status = status or (480 if refusing else 200)
        self._ending = status, reason or REASONS.get(status, "")
        step(self, TABLE, Given.REJECT if refusing else Given.HANG_UP, now, status)

    def send_info(self, content_type: str, body: bytes, now: float) -> None:
        """INFO inside the dialog; its answer is not waited for."""
        if self.state is State.CONFIRMED:
            request = self.make("INFO", now)
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
        elif status in (401, 407) and self._challenges < MOST_CHALLENGES and self.digest:
            self._challenges += 1
            again = self.authorized(self.request, response, now)
            step(self, TABLE, Given.CHALLENGE if again else Given.FAILURE, now, again or response)
        else:
            step(self, TABLE, Given.FAILURE, now, response)

    def failed(self, status: int, why: str, now: float) -> None:
        """Our INVITE was not answered at all."""
        self._ending = status, why
        step(self, TABLE, Given.NO_ANSWER, now, None)

    def receive(self, request: Request, server: Server | InviteServer, now: float) -> None:
        """A request inside the dialog, its sequence checked by the stack."""
        if request.method == "BYE":
            server.respond(request.reply(200), now)
            step(self, TABLE, Given.BYE, now, None)
        elif request.method == "INVITE" and isinstance(server, InviteServer):
            if self.state is State.CONFIRMED:
                self.talks.receive(request, server, now)
            else:
                server.respond(request.reply(491), now)
        elif request.method == "INFO":
            server.respond(request.reply(200), now)
            self.emit(InfoReceived(request.content_type, request.body))
        else:
            server.respond(request.reply(405), now)

    def acknowledged(self, ack: Request, now: float) -> None:
        if self._repeat is not None and self._repeat.sequence == ack.cseq.number:
            step(self, TABLE, Given.ACK, now, ack)
        else:
            self.talks.acknowledged(ack, now)

    def cancelled(self, now: float) -> None:
        """A CANCEL for their INVITE."""
        step(self, TABLE, Given.CANCEL, now, None)

    def unacknowledged(self, now: float) -> None:
        """Nobody acknowledged our refusal: it is over all the same."""

    def lost(self, status: int, why: str, now: float) -> None:
        """A request of ours found no dialog at the other end (§12.2.1.2)."""
        self._ending = status, why
        step(self, TABLE, Given.LOST, now, None)

    def fire(self, timer: enum.Enum, now: float) -> None:
        step(self, TABLE, timer, now, None)

    # what the parts of a session share

    def make(self, method: str, now: float) -> Request:
        """A request inside the dialog, ready but for its Via."""
        if self.dialog is None:
            raise ProtocolError("no dialog yet", 481)
        request = self.dialog.request(method)
        if method == "INVITE":
            contact = self.core.contact(self.request.from_.uri.user, self.flow)
            request.headers.add("Contact", f"<{contact}>")
            request.headers.add("Allow", ALLOW)
        return request

    def dispatch(
        self, request: Request, user: InviteSession | Renegotiation | Goodbye, now: float
    ) -> None:
        hop = self.core.hop(self.dialog.next_hop, self.flow) if self.dialog else self.flow
        self.core.start(request, user, hop, now)

    def authorized(self, request: Request, response: Response, now: float) -> Request | None:
        """The request again with credentials for its challenges (§22.2); None where we have
        none.
        """
        again = with_credentials(request, response, self.digest) if self.digest else None
        if again is not None and self.dialog is not None:
            self.dialog.local_sequence = again.cseq.number
        return again

    def answer_with(self, request: Request, body: bytes) -> Response:
        """A 200 to an INVITE with our SDP."""
        contact = self.core.contact(request.to.uri.user, self.flow)
        return answer(request, self.tag, contact, ALLOW, body)

    def acknowledge(self, response: Response, sequence: int, now: float) -> None:
        """The ACK of a 2xx to an INVITE of ours."""
        self.acks.acknowledge(response, sequence)

    def dialog_refresh(self, message: Request | Response) -> None:
        if self.dialog is not None:
            self.dialog.refresh(message)

    def emit(self, event: SessionEvent) -> None:
        self.core.emit(self, event)

    def _success(self, response: Response, now: float) -> None:
        if self.dialog is not None and self.dialog.remote.tag != response.to.tag:
            self.acks.send_away(response, now)  # another fork answered too late
        else:
            step(self, TABLE, Given.SUCCESS, now, response)

    # actions of the table

    def _report_ringing(self, now: float, response: Response) -> None:
        if response.status == 100:
            return
        early = False
        if response.body and response.content_type == "application/sdp":
            try:
                self.media.accept(response.body)
                early, self._answered_early = True, response.to.tag
            except ValueError:
                early = False  # the 2xx may bring a better one; until then ringback is ours
        self.emit(Ringing(response.status, early))

    def _try_again(self, now: float, request: Request) -> None:
        self.request = request
        self.dispatch(request, self, now)

    def _confirm(self, now: float, response: Response) -> None:
        self.dialog = Dialog.of_caller(self.request, response)
        self.acknowledge(response, self.request.cseq.number, now)
        known = self._answered_early is not None and self._answered_early == response.to.tag
        try:
            if response.body or not known:
                self.media.accept(response.body)
        except ValueError:
            self.hang_up(now, 488, "no usable answer")
            return
        self.emit(Answered())

    def _acknowledge_again(self, now: float, response: Response) -> None:
        self.acknowledge(response, self.request.cseq.number, now)

    def _keep_dialog(self, now: float, response: Response) -> None:
        self.dialog = Dialog.of_caller(self.request, response)

    def _send_cancel(self, now: float, _: object) -> None:
        if self._cancelled:
            return
        self._cancelled = True
        cancel = cancel_of(self.request)
        quiet = Goodbye(self, cancel, quiet=True)
        self.core.start(cancel, quiet, self.flow, now, self.request.via.branch)
        self.core.timers.set(self, Given.CANCEL_TIMER, now + self.core.times.patience)

    def _say_ringing(self, now: float, early: bool) -> None:
        response = self.request.reply(183 if early else 180, to_tag=self.tag)
        contact = self.core.contact(self.request.to.uri.user, self.flow)
        response.headers.add("Contact", f"<{contact}>")
        if early and self.request.body:
            try:
                response.body = self.media.answer(self.request.body)
                response.headers.add("Content-Type", "application/sdp")
            except ValueError:
                response.status, response.reason = 180, REASONS[180]
        if self.server is not None:
            self.server.respond(response, now)

    def _say_ok(self, now: float, response: Response) -> None:
        if self.server is not None:
            self._repeat = Repeat2xx(self.core, self.server, response, self._no_ack)
            self._repeat.start(now)

    def _no_ack(self, now: float) -> None:
        self._ending = 408, "no ACK"
        step(self, TABLE, Given.NO_ACK, now, None)

    def _refuse(self, now: float, status: int | None) -> None:
        if self.server is not None:
            code = status or 487
            phrase = self._ending[1] if status else None
            self.server.respond(self.request.reply(code, phrase, to_tag=self.tag), now)

    def _take_ack(self, now: float, ack: Request) -> None:
        self._stop_repeating(now, ack)
        if self._offer_in_2xx and self.state is State.CONFIRMED:
            try:
                self.media.accept(ack.body)
            except ValueError:
                self.hang_up(now, 488, "no usable answer")
                return
        if self.state is State.CONFIRMED:
            self.emit(Answered())

    def _stop_repeating(self, now: float, _: object) -> None:
        if self._repeat is not None:
            self._repeat.acknowledged()
            self._repeat = None

    def _send_bye(self, now: float, _: object) -> None:
        self._stop_talks()
        bye = self.make("BYE", now)
        self.dispatch(bye, Goodbye(self, bye), now)

    def bye_done(self, now: float) -> None:
        step(self, TABLE, Given.BYE_DONE, now, None)

    def _end_refused(self, now: float, response: Response | None) -> None:
        status, reason = (response.status, response.reason) if response else self._ending
        self._end(Ended(status, reason, by_remote=True))

    def _end_cancelled_by_us(self, now: float, _: object) -> None:
        self._end(Ended(487, "cancelled", by_remote=False))

    def _end_cancelled_by_them(self, now: float, _: object) -> None:
        self._end(Ended(487, "cancelled by the caller", by_remote=True))

    def _end_by_them(self, now: float, _: object) -> None:
        self._end(Ended(200, "BYE", by_remote=True))

    def _end_by_us(self, now: float, _: object) -> None:
        self._end(Ended(*self._ending, by_remote=False))

    def _end_lost(self, now: float, _: object) -> None:
        self._end(Ended(*self._ending, by_remote=True))

    def _stop_talks(self) -> None:
        if self._talks is not None:
            self._talks.stop()

    def _end(self, event: Ended) -> None:
        self._stop_talks()
        self.core.timers.cancel(self, Given.CANCEL_TIMER)
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
