"""REFER inside a call, both ways, and the NOTIFYs that tell how it goes (RFC 3515, 3892)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.events import Referred, TransferProgress
from siptg.sip.message import REASONS, Request, Response
from siptg.sip.transactions.table import ServerTransaction
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.goodbye import Goodbye

if TYPE_CHECKING:
    from siptg.sip.usages.base import SessionBase

_STATUS = re.compile(rb"SIP/2\.0 ([1-6]\d\d)(?: ([^\r\n]*))?")
SHOWN_FOR = 180
"""Seconds that a subscription to a transfer lives at most."""


def replaces_of(uri: Uri) -> str | None:
    """The Replaces header that a Refer-To address carries, decoded (RFC 3891 §3)."""
    for part in uri.headers.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "replaces":
            return unquote(value)
    return None


@attrs.define(eq=False)
class Transfers:
    """Of one session: the REFER we sent, and the one we were sent."""

    session: SessionBase
    _ours: Request | None = None
    _theirs: Request | None = None
    _waiting: ServerTransaction | None = None

    # we transfer them

    def send(self, target: NameAddr, now: float) -> None:
        """REFER them to somebody. What comes of it arrives as `TransferProgress`."""
        session = self.session
        refer = session.make("REFER", now)
        refer.headers.add("Refer-To", str(target))
        ours = session.dialog.local if session.dialog else session.request.from_
        refer.headers.add("Referred-By", f"<{ours.uri}>")
        self._ours = refer
        session.dispatch(refer, self, now)

    def response(self, response: Response, now: float) -> None:
        """To our REFER."""
        if response.status < 200 or self._ours is None:
            return
        if response.status in (401, 407):
            again = self.session.authorized(self._ours, response, now)
            if again is not None and again.cseq.number < self._ours.cseq.number + 2:
                self._ours = again
                self.session.dispatch(again, self, now)
                return
        if response.status >= 300:
            self._ours = None
            self.session.emit(TransferProgress(response.status, response.reason, over=True))

    def failed(self, status: int, why: str, now: float) -> None:
        self._ours = None
        self.session.emit(TransferProgress(status, why, over=True))

    def notified(self, request: Request, server: ServerTransaction, now: float) -> None:
        """A NOTIFY of event `refer`; 481 where we did not ask for it (RFC 6665 §4.1.3)."""
        event = (request.headers.get("Event") or "").partition(";")[0].strip().lower()
        if event != "refer":
            server.respond(request.reply(489), now)
            return
        if self._ours is None:
            server.respond(request.reply(481), now)
            return
        found = _STATUS.match(request.body.lstrip())
        if not request.content_type.startswith("message/sipfrag") or found is None:
            refusal = request.reply(415)
            refusal.headers.add("Accept", "message/sipfrag")
            server.respond(refusal, now)
            return
        server.respond(request.reply(200), now)
        state = (request.headers.get("Subscription-State") or "").partition(";")[0].strip().lower()
        status = int(found[1])
        over = state == "terminated" or status >= 200
        if over:
            self._ours = None
        reason = (found[2] or b"").decode("utf-8", "replace")
        self.session.emit(TransferProgress(status, reason, over))

    # they transfer us

    def receive(self, request: Request, server: ServerTransaction, now: float) -> None:
        """A REFER: our user is asked; ProtocolError where it cannot be understood."""
        values = request.headers.get_all("Refer-To")
        if len(values) != 1:
            raise ProtocolError("a REFER has one Refer-To")
        target = NameAddr.parse(values[0])
        if target.uri.scheme not in ("sip", "sips", "tel"):
            server.respond(request.reply(416), now)
            return
        if self._waiting is not None or self._theirs is not None:
            server.respond(request.reply(491), now)
            return
        by = request.headers.get("Referred-By")
        self._waiting, self._theirs = server, request
        self.session.emit(
            Referred(target, replaces_of(target.uri), NameAddr.parse(by) if by else None)
        )

    def accept(self, now: float) -> None:
        """202, and the first NOTIFY."""
        if self._waiting is not None and self._theirs is not None:
            response = self._theirs.reply(202)
            contact = self.session.core.contact(None, self.session.flow)
            response.headers.add("Contact", f"<{contact}>")
            self._waiting.respond(response, now)
            self._waiting = None
            self.tell(100, now)

    def refuse(self, now: float, status: int = 603) -> None:
        if self._waiting is not None and self._theirs is not None:
            self._waiting.respond(self._theirs.reply(status), now)
            self._waiting = self._theirs = None

    def tell(self, status: int, now: float) -> None:
        """Tell them how the call they asked for goes; a final status is the last word."""
        if self._theirs is None or self.session.dialog is None:
            return
        notify = self.session.make("NOTIFY", now)
        notify.headers.add("Event", f"refer;id={self._theirs.cseq.number}")
        over = "terminated;reason=noresource" if status >= 200 else f"active;expires={SHOWN_FOR}"
        notify.headers.add("Subscription-State", over)
        notify.headers.add("Content-Type", "message/sipfrag;version=2.0")
        notify.body = f"SIP/2.0 {status} {REASONS.get(status, '')}\r\n".encode()
        self.session.dispatch(notify, Goodbye(self.session, notify, quiet=True), now)
        if status >= 200:
            self._theirs = None

    def stop(self) -> None:
        self._ours = self._theirs = self._waiting = None
