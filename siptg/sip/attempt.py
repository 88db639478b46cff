"""A request that has more than one way to go: tried until one of them answers (RFC 3263 §4.3)."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from siptg.sip.flow import Flow
from siptg.sip.message import Request, Response
from siptg.sip.transactions.base import ClientUser

Starter = Callable[[Request, ClientUser, Flow, float], None]


@attrs.define(eq=False)
class Attempt:
    """Stands between a request's user and its transactions. The next way is taken after no answer,
    503 and transport errors, as long as nobody has answered at all.
    """

    request: Request
    user: ClientUser
    ways: list[Flow]
    """Those that are left, the best first."""
    begin: Starter
    changed: Callable[[Request, Flow], None]
    """Told before each further way: Contact and the user's own flow change with it."""
    failed_way: Callable[[Flow, float], None]
    """Told of each way that led nowhere."""
    _way: Flow | None = None
    _answered: bool = False

    def go(self, now: float) -> None:
        first = self._way is None
        self._way = self.ways.pop(0)
        if not first:
            self.request.headers.remove("Via")
            self.changed(self.request, self._way)
        self.begin(self.request, self, self._way, now)

    def response(self, response: Response, now: float) -> None:
        if response.status == 503 and self._next(now):
            return
        self._answered = True
        self.user.response(response, now)

    def failed(self, status: int, why: str, now: float) -> None:
        if not self._next(now):
            self.user.failed(status, why, now)

    def _next(self, now: float) -> bool:
        if self._answered:
            return False
        if self._way is not None:
            self.failed_way(self._way, now)
        if not self.ways:
            return False
        self.go(now)
        return True


@attrs.define(eq=False)
class OverTcp:
    """A request too large for a datagram, over TCP; where nobody takes it there, over UDP all the
    same (RFC 3261 §18.1.1).
    """

    request: Request
    user: ClientUser
    flow: Flow
    """The way it would have gone."""
    begin: Starter
    no_tcp: Callable[[Flow], None]
    _answered: bool = False

    def response(self, response: Response, now: float) -> None:
        self._answered = True
        self.user.response(response, now)

    def failed(self, status: int, why: str, now: float) -> None:
        if status != 503 or self._answered:
            self.user.failed(status, why, now)
            return
        self.no_tcp(self.flow)
        self.request.headers.remove("Via")
        self.begin(self.request, self.user, self.flow, now)
