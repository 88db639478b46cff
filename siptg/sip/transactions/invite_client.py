"""INVITE client transaction (RFC 3261 §17.1.1 figure 5; Accepted state of RFC 6026 §7.2)."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

import attrs

from siptg.machine import Table, step
from siptg.sip.message import Request, Response
from siptg.sip.timers import Times
from siptg.timers import TimerQueue


class State(enum.Enum):
    """Drawn in docs/states/invite_client.md."""

    CALLING = "calling"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    TERMINATED = "terminated"


class Given(enum.Enum):
    """A class of response, a timer, or a dead transport."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    TIMER_A = "A"
    TIMER_B = "B"
    TIMER_D = "D"
    TIMER_M = "M"
    BROKEN = "transport error"


class ClientUser(Protocol):
    """The core above a client transaction."""

    def response(self, response: Response, now: float) -> None: ...
    def failed(self, status: int, why: str, now: float) -> None:
        """No answer (408) or no transport (503), as RFC 3261 §8.1.3.1 has it."""
        ...


class Wire(Protocol):
    """The flow below a transaction."""

    reliable: bool

    def send(self, data: bytes) -> None: ...


@attrs.define(eq=False)
class InviteClient:
    """Sends one INVITE until somebody answers, and acknowledges any final answer but 2xx."""

    request: Request
    user: ClientUser
    wire: Wire
    timers: TimerQueue
    times: Times
    ended: Callable[[], None]
    state: State = State.CALLING
    _interval: float = 0.0
    _sent: bytes = b""
    _ack: bytes = b""

    def start(self, now: float) -> None:
        self._interval, self._sent = self.times.t1, bytes(self.request)
        self.timers.set(self, Given.TIMER_B, now + self.times.patience)
        if not self.wire.reliable:
            self.timers.set(self, Given.TIMER_A, now + self._interval)
        self.wire.send(self._sent)

    def receive(self, response: Response, now: float) -> None:
        if response.status < 200:
            given = Given.PROVISIONAL
        else:
            given = Given.SUCCESS if response.status < 300 else Given.FAILURE
        step(self, TABLE, given, now, response)

    def broken(self, now: float) -> None:
        step(self, TABLE, Given.BROKEN, now, None)

    def fire(self, timer: enum.Enum, now: float) -> None:
        step(self, TABLE, timer, now, None)

    def _send_invite(self, now: float, _: object) -> None:
        self.wire.send(self._sent)

    def _double_timer_a(self, now: float, _: object) -> None:
        self._interval *= 2
        self.timers.set(self, Given.TIMER_A, now + self._interval)

    def _stop_retransmitting(self, now: float, _: object) -> None:
        self.timers.cancel(self, Given.TIMER_A, Given.TIMER_B)

    def _pass_up(self, now: float, response: Response) -> None:
        self.user.response(response, now)

    def _send_ack(self, now: float, response: Response) -> None:
        """The ACK of §17.1.1.3: same branch and Request-URI, To of the response."""
        if not self._ack:
            ack = Request("ACK", self.request.uri, self.request.headers.copy())
            ack.headers.set("CSeq", f"{self.request.cseq.number} ACK")
            ack.headers.set("To", response.headers.get("To") or "")
            ack.headers.set("Via", str(self.request.via))
            for name in (
                "Contact",
                "Content-Type",
                "Authorization",
                "Proxy-Authorization",
                "Allow",
                "Supported",
                "Expires",
            ):
                ack.headers.remove(name)
            self._ack = bytes(ack)
        self.wire.send(self._ack)

    def _linger_for_failures(self, now: float, _: object) -> None:
        wait = 0.0 if self.wire.reliable else self.times.timer_d
        self.timers.set(self, Given.TIMER_D, now + wait)

    def _linger_for_2xx(self, now: float, _: object) -> None:
        self.timers.set(self, Given.TIMER_M, now + self.times.patience)

    def _report_timeout(self, now: float, _: object) -> None:
        self.user.failed(408, "no answer", now)

    def _report_broken(self, now: float, _: object) -> None:
        self.user.failed(503, "the transport failed", now)

    def _end(self, now: float, _: object) -> None:
        self.timers.cancel(self, *Given)
        self.ended()


_T = InviteClient
_S, _G = State, Given
TABLE: Table = {
    (_S.CALLING, _G.TIMER_A): (_S.CALLING, (_T._send_invite, _T._double_timer_a)),
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
