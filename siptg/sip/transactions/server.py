"""Non-INVITE server transaction (RFC 3261 §17.2.2, figure 8)."""

from __future__ import annotations

from typing import Any

import attrs

from siptg.machine import Symbol, Table, step
from siptg.sip.message import Request, Response
from siptg.sip.transactions.base import Transaction


class State(Symbol):
    """Drawn in docs/states/server.md."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    TERMINATED = "terminated"


class Given(Symbol):
    REQUEST = "request again"
    SAY_PROVISIONAL = "1xx from the user"
    SAY_FINAL = "200-699 from the user"
    TIMER_J = "J"
    BROKEN = "transport error"


@attrs.define(eq=False)
class Server(Transaction):
    """Answers one request, and its repetitions with the same answer."""

    state: State = State.TRYING
    _last: bytes = b""

    def start(self, now: float) -> None:
        """Nothing runs until the user answers."""

    def receive(self, request: Request, now: float) -> None:
        step(self, TABLE, Given.REQUEST, now, None)

    def respond(self, response: Response, now: float) -> bool:
        """Send an answer; False where a final one was sent before."""
        given = Given.SAY_PROVISIONAL if response.status < 200 else Given.SAY_FINAL
        return step(self, TABLE, given, now, response)

    def _send(self, now: float, response: Response) -> None:
        self._last = bytes(response)
        self.wire.send(self._last)

    def _send_again(self, now: float, _: Any) -> None:
        self.wire.send(self._last)

    def _linger_for_repeats(self, now: float, _: Any) -> None:
        wait = 0.0 if self.wire.reliable else self.times.patience
        self.timers.after(self, Given.TIMER_J, wait, now)


_T = Server
_S, _G = State, Given
TABLE: Table = {
    (_S.TRYING, _G.REQUEST): (_S.TRYING, ()),
    (_S.TRYING, _G.SAY_PROVISIONAL): (_S.PROCEEDING, (_T._send,)),
    (_S.TRYING, _G.SAY_FINAL): (_S.COMPLETED, (_T._send, _T._linger_for_repeats)),
    (_S.TRYING, _G.BROKEN): (_S.TERMINATED, (_T._end,)),
    (_S.PROCEEDING, _G.REQUEST): (_S.PROCEEDING, (_T._send_again,)),
    (_S.PROCEEDING, _G.SAY_PROVISIONAL): (_S.PROCEEDING, (_T._send,)),
    (_S.PROCEEDING, _G.SAY_FINAL): (_S.COMPLETED, (_T._send, _T._linger_for_repeats)),
    (_S.PROCEEDING, _G.BROKEN): (_S.TERMINATED, (_T._end,)),
    (_S.COMPLETED, _G.REQUEST): (_S.COMPLETED, (_T._send_again,)),
    (_S.COMPLETED, _G.BROKEN): (_S.TERMINATED, (_T._end,)),
    (_S.COMPLETED, _G.TIMER_J): (_S.TERMINATED, (_T._end,)),
}
"""Figure 8, row by arrow."""
Server.TABLE, Server.BROKEN, Server.TIMERS = TABLE, Given.BROKEN, (Given.TIMER_J,)
