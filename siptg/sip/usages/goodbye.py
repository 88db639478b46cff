"""Requests of a session whose answer matters little: BYE, CANCEL, INFO."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from siptg.sip.headers import Headers
from siptg.sip.message import Request, Response

if TYPE_CHECKING:
    from siptg.sip.usages.base import SessionBase


@attrs.define(eq=False)
class Goodbye:
    """Answers one challenge; any other final answer, and none at all, settles it (RFC 3261
    §15.1.1).
    """

    session: SessionBase
    request: Request
    quiet: bool = False
    """The session does not wait for it."""
    _challenged: bool = False

    def response(self, response: Response, now: float) -> None:
        if response.status < 200:
            return
        if response.status in (401, 407) and not self._challenged:
            self._challenged = True
            again = self.session.authorized(self.request, response, now)
            if again is not None and self.request.method != "CANCEL":
                self.request = again
                self.session.dispatch(again, self, now)
                return
        self._settle(now)

    def failed(self, status: int, why: str, now: float) -> None:
        self._settle(now)

    def _settle(self, now: float) -> None:
        if not self.quiet:
            self.session.bye_done(now)


def cancel_of(invite: Request) -> Request:
    """The CANCEL of an INVITE, without its Via (RFC 3261 §9.1)."""
    cancel = Request("CANCEL", invite.uri, Headers())
    for name in ("Route", "From", "To", "Call-ID"):
        for value in invite.headers.get_all(name):
            cancel.headers.add(name, value)
    cancel.headers.add("Max-Forwards", "70")
    cancel.headers.add("CSeq", f"{invite.cseq.number} CANCEL")
    return cancel
