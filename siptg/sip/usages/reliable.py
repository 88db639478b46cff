"""Reliable provisional answers, both ways: 100rel and PRACK (RFC 3262)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from siptg.machine import Symbol
from siptg.sip.errors import ProtocolError
from siptg.sip.message import Request, Response
from siptg.sip.transactions.table import ServerTransaction
from siptg.sip.usages.goodbye import Goodbye

if TYPE_CHECKING:
    from siptg.sip.usages.base import SessionBase

_RACK = re.compile(r"(\d{1,10})\s+(\d{1,10})\s+(\S+)\Z")
MOST_WAITING = 8
"""Reliable answers that wait for the PRACK of the one before."""


class _Timer(Symbol):
    AGAIN = "1xx again"
    GIVE_UP = "no PRACK"


def is_reliable(response: Response) -> bool:
    """A provisional answer that wants a PRACK."""
    return (
        100 < response.status < 200
        and "RSeq" in response.headers.first
        and "100rel" in response.token_set("Require")
    )


@attrs.define(eq=False)
class Acknowledged:
    """The caller's side: each reliable answer of each fork is acknowledged, in order and once."""

    session: SessionBase
    _last: dict[str, int] = attrs.field(factory=dict)

    def take(self, response: Response, now: float) -> bool:
        """Send the PRACK; False for a repetition or one that came too early, which is not to be
        looked at (§4).
        """
        session, tag = self.session, response.to.tag or ""
        number = response.number("RSeq")
        dialog = session.early_dialog(response)
        if number is None or dialog is None:
            return False
        last = self._last.get(tag)
        if last is not None and number != last + 1:
            return False
        self._last[tag] = number
        prack = dialog.request("PRACK")
        prack.headers.add("RAck", f"{number} {response.cseq.number} {response.cseq.method}")
        if response.sdp and not session.offered:
            try:
                prack.body = session.media.answer(response.sdp)
                prack.headers.add("Content-Type", "application/sdp")
                session.offered, session.settled = True, tag
            except ValueError:
                session.hang_up(now, 488, "no usable offer")
        session.dispatch(prack, Goodbye(session, prack, quiet=True), now, dialog)
        return True


@attrs.define(eq=False)
class Reliable:
    """The called side: one reliable answer at a time, repeated until its PRACK comes (§3)."""

    session: SessionBase
    _number: int = attrs.field(init=False)
    _waiting: list[Response] = attrs.field(factory=list)
    _interval: float = 0.0
    _offered: bool = False
    """An offer of ours went out in one of them: the PRACK brings the answer."""
    then: float | None = None
    """The user answered meanwhile: the 2xx follows the last PRACK."""

    def __attrs_post_init__(self) -> None:
        self._number = 1 + int(self.session.core.ids.random() * (2**31 - 2))

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def send(self, response: Response, now: float, *, offers: bool = False) -> None:
        """Number it, and send it as soon as those before it are acknowledged."""
        if len(self._waiting) >= MOST_WAITING:
            return
        self._offered = self._offered or offers
        response.headers.add("Require", "100rel")
        response.headers.add("RSeq", str(self._number + len(self._waiting)))
        self._waiting.append(response)
        if len(self._waiting) == 1:
            self._begin(now)

    def receive(self, prack: Request, server: ServerTransaction, now: float) -> None:
        """A PRACK: 481 where it acknowledges nothing that waits (§3)."""
        found = _RACK.match(prack.headers.get("RAck") or "")
        if found is None:
            raise ProtocolError("a PRACK without a good RAck")
        session = self.session
        asked = int(found[1]), int(found[2]), found[3]
        if not self._waiting or asked != (self._number, session.request.cseq.number, "INVITE"):
            server.respond(prack.reply(481), now)
            return
        response = prack.reply(200)
        if prack.sdp:
            try:
                if self._offered:
                    session.media.accept(prack.sdp)
                    self._offered = False
                else:
                    response.body = session.media.answer(prack.sdp)
                    response.headers.add("Content-Type", "application/sdp")
            except ValueError:
                server.respond(prack.reply(488), now)
                return
        server.respond(response, now)
        self._waiting.pop(0)
        self._number += 1
        self._stop()
        if self._waiting:
            self._begin(now)
        elif self.then is not None:
            session.answer(now)

    def stop(self) -> None:
        self._stop()
        self._waiting.clear()

    def fire(self, timer: Symbol, now: float) -> None:
        if timer is _Timer.AGAIN:
            self._interval *= 2
            self._transmit(now)
        else:
            self.stop()
            self.session.hang_up(now, 504, "no PRACK")

    def _begin(self, now: float) -> None:
        times = self.session.core.times
        self._interval = times.t1
        self.session.core.timers.set(self, _Timer.GIVE_UP, now + times.patience)
        self._transmit(now)

    def _transmit(self, now: float) -> None:
        if self.session.server is not None:
            self.session.server.respond(self._waiting[0], now)
        self.session.core.timers.set(self, _Timer.AGAIN, now + self._interval)

    def _stop(self) -> None:
        self.session.core.timers.cancel(self, *_Timer)
