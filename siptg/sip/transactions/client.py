"""Non-INVITE client transaction (RFC 3261 §17.1.2, figure 6)."""

from __future__ import annotations

from typing import Any

import attrs

from siptg.machine import Symbol, Table, step
from siptg.sip.message import Response
from siptg.sip.transactions.base import ClientTransaction


class State(Symbol):
    """Drawn in docs/states/client.md."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    TERMINATED = "terminated"


class Given(Symbol):
    PROVISIONAL = "1xx"
    FINAL = "200-699"
    TIMER_E = "E"
    TIMER_F = "F"
    TIMER_K = "K"
    BROKEN = "transport error"


@attrs.define(eq=False)
class Client(ClientTransaction):
    """Sends one request until a final answer comes or 64 T1 have passed."""

    state: State = State.TRYING

    def start(self, now: float) -> None:
        self._interval, self._sent = self.times.t1, bytes(self.request)
        if self.wire.reliable:
            self.timers.after(self, Given.TIMER_F, self.times.patience, now)
        else:  # Timer F follows with the first repetition, which most never need
            self.timers.after(self, Given.TIMER_E, self._interval, now)
        self.wire.send(self._sent)

    def receive(self, response: Response, now: float) -> None:
        given = Given.PROVISIONAL if response.status < 200 else Given.FINAL
        step(self, TABLE, given, now, response)

    def _double_timer_e(self, now: float, _: Any) -> None:
        self._start_patience(Given.TIMER_F, now)
        self._interval = min(2 * self._interval, self.times.t2)
        self.timers.set(self, Given.TIMER_E, now + self._interval)

    def _slow_timer_e(self, now: float, _: Any) -> None:
        """Somebody works on it: T2 from now on (§17.1.2.2)."""
        self._start_patience(Given.TIMER_F, now)
        self.timers.set(self, Given.TIMER_E, now + self.times.t2)

    def _linger_for_repeats(self, now: float, _: Any) -> None:
        self._sent = b""
        self.timers.cancel(self, Given.TIMER_E, Given.TIMER_F)
        self.timers.after(self, Given.TIMER_K, 0.0 if self.wire.reliable else self.times.t4, now)


_T = Client
_S, _G = State, Given
TABLE: Table = {
    (_S.TRYING, _G.TIMER_E): (_S.TRYING, (_T._send_request, _T._double_timer_e)),
    (_S.TRYING, _G.TIMER_F): (_S.TERMINATED, (_T._report_timeout, _T._end)),
    (_S.TRYING, _G.BROKEN): (_S.TERMINATED, (_T._report_broken, _T._end)),
    (_S.TRYING, _G.PROVISIONAL): (_S.PROCEEDING, (_T._pass_up,)),
    (_S.TRYING, _G.FINAL): (_S.COMPLETED, (_T._linger_for_repeats, _T._pass_up)),
    (_S.PROCEEDING, _G.TIMER_E): (_S.PROCEEDING, (_T._send_request, _T._slow_timer_e)),
    (_S.PROCEEDING, _G.TIMER_F): (_S.TERMINATED, (_T._report_timeout, _T._end)),
    (_S.PROCEEDING, _G.BROKEN): (_S.TERMINATED, (_T._report_broken, _T._end)),
    (_S.PROCEEDING, _G.PROVISIONAL): (_S.PROCEEDING, (_T._pass_up,)),
    (_S.PROCEEDING, _G.FINAL): (_S.COMPLETED, (_T._linger_for_repeats, _T._pass_up)),
    (_S.COMPLETED, _G.TIMER_K): (_S.TERMINATED, (_T._end,)),
}
"""Figure 6, row by arrow."""
Client.TABLE, Client.BROKEN = TABLE, Given.BROKEN
Client.TIMERS = Given.TIMER_E, Given.TIMER_F, Given.TIMER_K
