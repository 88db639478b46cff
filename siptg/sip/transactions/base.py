"""What the four transaction machines share: a wire below, timers, a table of arcs, an end."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, ClassVar, Protocol

import attrs

from siptg.machine import Symbol, Table, step
from siptg.sip.headers import Headers
from siptg.sip.message import Request, Response
from siptg.sip.timers import Times
from siptg.timers import TimerQueue

Key = Hashable
"""Texts mostly: the collector of cycles does not have to look at them."""


Ended = Callable[["Transaction"], None]


class Wire(Protocol):
    """The flow below a transaction."""

    reliable: bool

    def send(self, data: bytes) -> None: ...


class ClientUser(Protocol):
    """The core above a client transaction."""

    def response(self, response: Response, now: float) -> None: ...
    def failed(self, status: int, why: str, now: float) -> None:
        """No answer (408) or no transport (503), as RFC 3261 §8.1.3.1 has it."""
        ...


_NO_REQUEST = Request("", "", Headers())


@attrs.define(eq=False)
class Transaction:
    """One request and its answers. `key` is how messages find it; `ended` takes it off its table.

    A server at full load keeps tens of thousands that only wait for repetitions: those let go of
    whatever they do not need for it.
    """

    request: Request
    key: Key
    wire: Wire
    timers: TimerQueue
    times: Times
    ended: Ended

    TABLE: ClassVar[Table]
    TIMERS: ClassVar[tuple[Symbol, ...]]
    BROKEN: ClassVar[Symbol]

    def let_go(self) -> None:
        """Its user has answered for good and needs the request no more: repetitions are known by
        the key, and answered with the bytes of before.
        """
        self.request = _NO_REQUEST

    def broken(self, now: float) -> None:
        """The transport failed."""
        step(self, self.TABLE, self.BROKEN, now, None)

    def fire(self, timer: Symbol, now: float) -> None:
        step(self, self.TABLE, timer, now, None)

    def _end(self, now: float, _: Any) -> None:
        self.timers.cancel(self, *self.TIMERS)
        self.ended(self)


@attrs.define(eq=False)
class ClientTransaction(Transaction):
    """What both kinds of client share: a user who is told of answers and failures."""

    user: ClientUser
    _interval: float = 0.0
    _sent: bytes = b""
    _repeated: bool = False

    def _send_request(self, now: float, _: Any) -> None:
        self.wire.send(self._sent)

    def _start_patience(self, timer: Symbol, now: float) -> None:
        """At the first repetition, T1 after the request: 64 T1 from when that left."""
        if not self._repeated:
            self._repeated = True
            self.timers.set(self, timer, now - self._interval + self.times.patience)

    def _pass_up(self, now: float, response: Response) -> None:
        self.user.response(response, now)

    def _report_timeout(self, now: float, _: Any) -> None:
        self.user.failed(408, "no answer", now)

    def _report_broken(self, now: float, _: Any) -> None:
        self.user.failed(503, "the transport failed", now)
