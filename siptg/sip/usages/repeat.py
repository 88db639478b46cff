"""A 2xx to INVITE, repeated until its ACK comes (RFC 3261 §13.3.1.4)."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from siptg.machine import Symbol
from siptg.sip.message import Response
from siptg.sip.transactions.invite_server import InviteServer
from siptg.sip.usages.core import Core


class _Timer(Symbol):
    AGAIN = "2xx again"
    GIVE_UP = "no ACK"


_TIMERS = tuple(_Timer)


@attrs.define(eq=False)
class Repeat2xx:
    """Sends the answer through its transaction at T1, doubling to T2; after 64 T1 it gives up.

    The user core does this, not the transaction: a 2xx is repeated end to end, over TCP as well.
    """

    core: Core
    server: InviteServer
    response: Response
    no_ack: Callable[[float], None]
    sequence: int = attrs.field(init=False)
    _interval: float = attrs.field(init=False)
    _repeated: bool = False

    def __attrs_post_init__(self) -> None:
        self.sequence, self._interval = self.response.cseq.number, self.core.times.t1

    def start(self, now: float) -> None:
        self.server.respond(self.response, now)
        self.core.timers.after(self, _Timer.AGAIN, self._interval, now)

    def acknowledged(self) -> None:
        self.core.timers.cancel(self, *_TIMERS)

    def fire(self, timer: Symbol, now: float) -> None:
        if timer is _Timer.AGAIN:
            self.server.respond(self.response, now)
            if not self._repeated:  # only now: most never need it
                self._repeated = True
                wait = self.core.times.patience - self._interval
                self.core.timers.set(self, _Timer.GIVE_UP, now + wait)
            self._interval = min(2 * self._interval, self.core.times.t2)
            self.core.timers.set(self, _Timer.AGAIN, now + self._interval)
        else:
            self.acknowledged()
            self.no_ack(now)
