"""INVITE client transaction (RFC 3261 §17.1.1 figure 5; Accepted state of RFC 6026 §7.2)."""

from __future__ import annotations

from typing import Any

import attrs

from siptg.machine import Symbol, Table, step
from siptg.sip.message import Request, Response
from siptg.sip.transactions.base import ClientTransaction

NOT_IN_ACK = (
    "Contact",
    "Content-Type",
    "Authorization",
    "Proxy-Authorization",
    "Allow",
    "Supported",
    "Require",
    "Session-Expires",
    "Min-SE",
    "Expires",
)


class State(Symbol):
    """Drawn in docs/states/invite_client.md."""

    CALLING = "calling"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    TERMINATED = "terminated"


class Given(Symbol):
    """A class of response, a timer, or a dead transport."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    TIMER_A = "A"
    TIMER_B = "B"
    TIMER_D = "D"
    TIMER_M = "M"
    BROKEN = "transport error"


@attrs.define(eq=False)
class InviteClient(ClientTransaction):
    """Sends one INVITE until somebody answers, and acknowledges any final answer but 2xx."""

    state: State = State.CALLING
    _ack: bytes = b""

    def start(self, now: float) -> None:
        self._interval, self._sent = self.times.t1, bytes(self.request)
        if self.wire.reliable:
            self.timers.after(self, Given.TIMER_B, self.times.patience, now)
        else:  # Timer B follows with the first repetition, which most never need
            self.timers.after(self, Given.TIMER_A, self._interval, now)
        self.wire.send(self._sent)

    def receive(self, response: Response, now: float) -> None:
        if response.status < 200:
            given = Given.PROVISIONAL
        else:
            given = Given.SUCCESS if response.status < 300 else Given.FAILURE
        step(self, TABLE, given, now, response)

    def _double_timer_a(self, now: float, _: Any) -> None:
        self._start_patience(Given.TIMER_B, now)
        self._interval *= 2
        self.timers.set(self, Given.TIMER_A, now + self._interval)

    def _stop_retransmitting(self, now: float, _: Any) -> None:
        self._sent = b""
        self.timers.cancel(self, Given.TIMER_A, Given.TIMER_B)

    def _send_ack(self, now: float, response: Response) -> None:
        """The ACK of §17.1.1.3: same branch and Request-URI, To of the response."""
        if not self._ack:
            ack = Request("ACK", self.request.uri, self.request.headers.copy())
            ack.headers.remove(*NOT_IN_ACK)
            ack.headers.set("CSeq", f"{self.request.cseq.number} ACK")
            ack.headers.set("To", response.headers.get("To") or "")
            ack.headers.set("Via", str(self.request.via))
            self._ack = bytes(ack)
        self.wire.send(self._ack)

    def _linger_for_failures(self, now: float, _: Any) -> None:
        wait = 0.0 if self.wire.reliable else self.times.timer_d
        self.timers.after(self, Given.TIMER_D, wait, now)

    def _linger_for_2xx(self, now: float, _: Any) -> None:
        self.timers.after(self, Given.TIMER_M, self.times.patience, now)


_T = InviteClient
_S, _G = State, Given
TABLE: Table = {
    (_S.CALLING, _G.TIMER_A): (_S.CALLING, (_T._send_request, _T._double_timer_a)),
    (_S.CALLING, _G.TIMER_B): (_S.TERMINATED, (_T._report_timeout, _T._end)),
    (_S.CALLING, _G.BROKEN): (_S.TERMINATED, (_T._report_broken, _T._end)),
    (_S.CALLING, _G.PROVISIONAL): (_S.PROCEEDING, (_T._stop_retransmitting, _T._pass_up)),
    (_S.CALLING, _G.SUCCESS): (
        _S.ACCEPTED,
        (_T._stop_retransmitting, _T._linger_for_2xx, _T._pass_up),
    ),
    (_S.CALLING, _G.FAILURE): (
        _S.COMPLETED,
        (_T._stop_retransmitting, _T._send_ack, _T._linger_for_failures, _T._pass_up),
    ),
    (_S.PROCEEDING, _G.PROVISIONAL): (_S.PROCEEDING, (_T._pass_up,)),
    (_S.PROCEEDING, _G.SUCCESS): (_S.ACCEPTED, (_T._linger_for_2xx, _T._pass_up)),
    (_S.PROCEEDING, _G.FAILURE): (
        _S.COMPLETED,
        (_T._send_ack, _T._linger_for_failures, _T._pass_up),
    ),
    (_S.ACCEPTED, _G.SUCCESS): (_S.ACCEPTED, (_T._pass_up,)),
    (_S.ACCEPTED, _G.TIMER_M): (_S.TERMINATED, (_T._end,)),
    (_S.COMPLETED, _G.FAILURE): (_S.COMPLETED, (_T._send_ack,)),
    (_S.COMPLETED, _G.BROKEN): (_S.TERMINATED, (_T._end,)),
    (_S.COMPLETED, _G.TIMER_D): (_S.TERMINATED, (_T._end,)),
}
"""Figure 5 with RFC 6026's Accepted. A proceeding INVITE has no timer: its user cancels it."""
InviteClient.TABLE, InviteClient.BROKEN = TABLE, Given.BROKEN
InviteClient.TIMERS = Given.TIMER_A, Given.TIMER_B, Given.TIMER_D, Given.TIMER_M
