"""INVITE server transaction (RFC 3261 §17.2.1 figure 7; Accepted state of RFC 6026 §7.1)."""

from __future__ import annotations

from typing import Any, Protocol

import attrs

from siptg.machine import Symbol, Table, step
from siptg.sip.message import Request, Response
from siptg.sip.transactions.base import Key, Transaction

TRYING_AFTER = 0.2
"""Seconds after which 100 is sent where the user said nothing (§17.2.1)."""


class State(Symbol):
    """Drawn in docs/states/invite_server.md."""

    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Given(Symbol):
    INVITE = "INVITE again"
    ACK = "ACK"
    SAY_PROVISIONAL = "1xx from the user"
    SAY_SUCCESS = "2xx from the user"
    SAY_FAILURE = "300-699 from the user"
    TIMER_100 = "200 ms"
    TIMER_G = "G"
    TIMER_H = "H"
    TIMER_I = "I"
    TIMER_L = "L"
    BROKEN = "transport error"


class ServerUser(Protocol):
    """The core above a server transaction."""

    def unacknowledged(self, now: float) -> None:
        """Nobody acknowledged the failure we sent (Timer H)."""
        ...


@attrs.define(eq=False)
class InviteServer(Transaction):
    """Answers one INVITE; repeats provisional answers when asked and failures until the ACK."""

    user: ServerUser | None = None
    tag: str = ""
    """Of our answers; that to a CANCEL bears it as well, late as it may come (RFC 3261 §9.2)."""
    merged_as: Key = None
    """As which its request is known to have come (§8.2.2.2)."""
    state: State = State.PROCEEDING
    _interval: float = 0.0
    _last: bytes = b""

    def start(self, now: float) -> None:
        self._interval = self.times.t1
        self.timers.after(self, Given.TIMER_100, TRYING_AFTER, now)

    def receive(self, request: Request, now: float) -> None:
        """The same INVITE again, or the ACK of a failure."""
        step(self, TABLE, Given.ACK if request.method == "ACK" else Given.INVITE, now, None)

    def respond(self, response: Response, now: float) -> bool:
        """Send an answer; False where the state forbids it: a second final one, one after
        CANCEL.
        """
        if response.status < 200:
            given = Given.SAY_PROVISIONAL
        else:
            given = Given.SAY_SUCCESS if response.status < 300 else Given.SAY_FAILURE
        return step(self, TABLE, given, now, response)

    def _send(self, now: float, response: Response) -> None:
        self._last = bytes(response)
        self.wire.send(self._last)

    def _send_100(self, now: float, _: Any) -> None:
        if not self._last:
            self._send(now, self.request.reply(100))

    def _send_again(self, now: float, _: Any) -> None:
        if self._last:
            self.wire.send(self._last)

    def _stop_100(self, now: float, _: Any) -> None:
        self.timers.cancel(self, Given.TIMER_100)

    def _start_g_and_h(self, now: float, _: Any) -> None:
        self.timers.after(self, Given.TIMER_H, self.times.patience, now)
        if not self.wire.reliable:
            self.timers.set(self, Given.TIMER_G, now + self._interval)

    def _double_timer_g(self, now: float, _: Any) -> None:
        self._interval = min(2 * self._interval, self.times.t2)
        self.timers.set(self, Given.TIMER_G, now + self._interval)

    def _absorb_acks(self, now: float, _: Any) -> None:
        self.timers.cancel(self, Given.TIMER_G, Given.TIMER_H)
        self.timers.after(self, Given.TIMER_I, 0.0 if self.wire.reliable else self.times.t4, now)

    def _linger_for_repeats(self, now: float, _: Any) -> None:
        """RFC 6026 §7.1: the INVITE may come again while the user repeats its 2xx."""
        self.user, self._last = None, b""
        self.timers.after(self, Given.TIMER_L, self.times.patience, now)

    def _report_unacknowledged(self, now: float, _: Any) -> None:
        if self.user is not None:
            self.user.unacknowledged(now)


_T = InviteServer
_S, _G = State, Given
TABLE: Table = {
    (_S.PROCEEDING, _G.TIMER_100): (_S.PROCEEDING, (_T._send_100,)),
    (_S.PROCEEDING, _G.INVITE): (_S.PROCEEDING, (_T._send_again,)),
    (_S.PROCEEDING, _G.SAY_PROVISIONAL): (_S.PROCEEDING, (_T._stop_100, _T._send)),
    (_S.PROCEEDING, _G.SAY_SUCCESS): (
        _S.ACCEPTED,
        (_T._stop_100, _T._send, _T._linger_for_repeats),
    ),
    (_S.PROCEEDING, _G.SAY_FAILURE): (_S.COMPLETED, (_T._stop_100, _T._send, _T._start_g_and_h)),
    (_S.PROCEEDING, _G.BROKEN): (_S.TERMINATED, (_T._end,)),
    (_S.ACCEPTED, _G.INVITE): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _G.SAY_SUCCESS): (_S.ACCEPTED, (_T._send,)),
    (_S.ACCEPTED, _G.ACK): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _G.TIMER_L): (_S.TERMINATED, (_T._end,)),
    (_S.COMPLETED, _G.INVITE): (_S.COMPLETED, (_T._send_again,)),
    (_S.COMPLETED, _G.TIMER_G): (_S.COMPLETED, (_T._send_again, _T._double_timer_g)),
    (_S.COMPLETED, _G.TIMER_H): (_S.TERMINATED, (_T._report_unacknowledged, _T._end)),
    (_S.COMPLETED, _G.ACK): (_S.CONFIRMED, (_T._absorb_acks,)),
    (_S.COMPLETED, _G.BROKEN): (_S.TERMINATED, (_T._end,)),
    (_S.CONFIRMED, _G.INVITE): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _G.ACK): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _G.TIMER_I): (_S.TERMINATED, (_T._end,)),
}
"""Figure 7 with RFC 6026's Accepted."""
InviteServer.TABLE, InviteServer.BROKEN = TABLE, Given.BROKEN
InviteServer.TIMERS = (
    Given.TIMER_100,
    Given.TIMER_G,
    Given.TIMER_H,
    Given.TIMER_I,
    Given.TIMER_L,
)
