"""Session timers: a call whose other end vanished comes to an end (RFC 4028)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs

from siptg.machine import Symbol
from siptg.sip.errors import ProtocolError
from siptg.sip.message import Request, Response

if TYPE_CHECKING:
    from siptg.sip.usages.base import SessionBase

SHORTEST = 90
"""Seconds below which no interval may be asked of us (§4)."""
USUAL = 1800
_VALUE = re.compile(r"\s*(\d{1,9})\s*(?:;(.*))?\Z", re.S)


class _Timer(Symbol):
    REFRESH = "refresh"
    EXPIRE = "expired"


_TIMERS = tuple(_Timer)


def session_expires(message: Request | Response) -> tuple[int, str | None] | None:
    """Seconds and `uac`, `uas` or None; None where the header is not there."""
    text = message.headers.first.get("Session-Expires")
    return None if text is None else _parsed(text)


@lru_cache(256)
def _parsed(text: str) -> tuple[int, str | None]:
    found = _VALUE.match(text)
    if found is None:
        raise ProtocolError(f"bad Session-Expires {text[:40]!r}")
    role = re.search(r"(?:\A|;)\s*refresher\s*=\s*(uac|uas)\b", found[2] or "", re.I)
    return int(found[1]), role[1].lower() if role else None


def too_short(request: Request) -> Response | None:
    """A 422 where the interval they ask for is too short for us (§6, §9)."""
    asked = session_expires(request)
    if asked is None or asked[0] >= SHORTEST or "timer" not in request.token_set("Supported"):
        return None
    refusal = request.reply(422)
    refusal.headers.add("Min-SE", str(SHORTEST))
    return refusal


@attrs.define(eq=False)
class Expiry:
    """Of one session: who refreshes it, and when it is given up."""

    session: SessionBase
    interval: int = 0
    """Seconds; 0 while no timer was agreed."""
    ours: bool = False
    """We are the refresher."""
    _update: Request | None = None
    _challenged: bool = False

    def ask(self, request: Request) -> None:
        """Put our wish into a request that can carry it (§7.1)."""
        wish = self.interval or self.session.expires
        if not wish:
            return
        role = ""
        if self.interval:
            role = ";refresher=uac" if self.ours else ";refresher=uas"
        request.headers.set("Session-Expires", f"{wish}{role}")
        if self.session.min_expires:
            request.headers.set("Min-SE", str(self.session.min_expires))

    def agree(self, request: Request, response: Response, now: float) -> None:
        """As server of an INVITE or UPDATE: accept what is asked (§9). ProtocolError 422 where it
        is too short.
        """
        asked = session_expires(request)
        if asked is None:
            if self.interval:
                self.stop()
            return
        seconds, role = asked
        able = "timer" in request.token_set("Supported")
        if not able:
            role = "uas"
        elif role is None:
            role = "uac"
        response.headers.add("Session-Expires", f"{seconds};refresher={role}")
        if role == "uac":
            response.headers.add("Require", "timer")
        self._start(seconds, ours=role == "uas", now=now)

    def taken(self, response: Response, now: float) -> None:
        """As client: what the 2xx says holds (§7.2)."""
        said = session_expires(response)
        if said is None:
            self.stop()
        else:
            self._start(max(said[0], 1), ours=said[1] != "uas", now=now)

    def send_update(self, now: float) -> None:
        """Refresh without touching the media (§7.4)."""
        self._update = self.session.make("UPDATE", now)
        self.ask(self._update)
        self.session.dispatch(self._update, self, now)

    def response(self, response: Response, now: float) -> None:
        """To our UPDATE."""
        status = response.status
        if status < 200 or self._update is None:
            return
        update, self._update = self._update, None
        if status < 300:
            self.session.dialog_refresh(response)
            self.taken(response, now)
        elif status in (401, 407) and update.headers.get("CSeq") and not self._challenged:
            self._challenged = True
            again = self.session.authorized(update, response, now)
            if again is not None:
                self._update = again
                self.session.dispatch(again, self, now)
        elif status in (408, 481):
            self.session.lost(status, response.reason, now)
        elif status in (405, 501):
            self.session.talks.offer(now)

    def failed(self, status: int, why: str, now: float) -> None:
        self._update = None
        self.session.lost(status, why, now)

    def stop(self) -> None:
        self.interval = 0
        self.session.core.timers.cancel(self, *_TIMERS)

    def fire(self, timer: Symbol, now: float) -> None:
        if timer is _Timer.REFRESH:
            self._expire_at(now - self.interval / 2)
            self.session.refresh(now)
        else:
            self.session.core.timers.cancel(self, *_TIMERS)
            self.session.hang_up(now, 408, "the session timer ran out")

    def _start(self, seconds: int, *, ours: bool, now: float) -> None:
        self.interval, self.ours = seconds, ours
        timers = self.session.core.timers
        timers.cancel(self, *_TIMERS)
        if ours:  # when that is due, there is still time to set the other
            timers.set(self, _Timer.REFRESH, now + seconds / 2)
        else:
            self._expire_at(now)

    def _expire_at(self, begun: float) -> None:
        """§10: BYE somewhat before it expires, so that both ends agree that it is over."""
        at = begun + self.interval - min(32.0, self.interval / 3)
        self.session.core.timers.set(self, _Timer.EXPIRE, at)
