"""ACKs of 2xx answers, each sent again as often as its 2xx comes (RFC 3261 §13.2.2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from siptg.sip.dialog import Dialog
from siptg.sip.message import Response
from siptg.sip.usages.goodbye import Goodbye

if TYPE_CHECKING:
    from siptg.sip.usages.base import SessionBase

MOST = 64
"""Of forks and re-INVITEs of one session."""


@attrs.define(eq=False)
class Acks:
    """Of one session that we began, which is told to each: a session is free as soon as its last
    transaction is, and would not be if we pointed back at it.
    """

    _sent: dict[tuple[str | None, int], bytes] = attrs.field(factory=dict)
    _sent_away: set[str | None] | None = None

    def acknowledge(
        self, session: SessionBase, response: Response, sequence: int, body: bytes = b""
    ) -> None:
        """The ACK of a 2xx; the very same one where it was sent before. `body` answers an offer."""
        dialog = session.dialog
        if dialog is None or dialog.remote.tag != response.to.tag:
            dialog = Dialog.of_caller(session.request, response)
        hop = session.core.hop(dialog.next_hop, session.flow)
        key = response.to.tag, sequence
        if key in self._sent:
            session.core.send_again(self._sent[key], hop)
        elif len(self._sent) < MOST:
            ack = dialog.request("ACK", sequence)
            for name in ("Authorization", "Proxy-Authorization"):
                if name in session.request.headers:  # §22.1: as in the INVITE
                    for value in session.request.headers.get_all(name):
                        ack.headers.add(name, value)
            if body:
                ack.headers.add("Content-Type", "application/sdp")
                ack.body = body
            self._sent[key] = session.core.send_ack(ack, hop)

    def send_away(self, session: SessionBase, response: Response, now: float) -> None:
        """A 2xx of a fork that is too late: ACK, and BYE once."""
        tag, away = response.to.tag, self._sent_away or set()
        self.acknowledge(session, response, session.request.cseq.number)
        if tag in away or len(away) >= MOST:
            return
        self._sent_away = away | {tag}
        stray = Dialog.of_caller(session.request, response)
        bye = stray.request("BYE")
        hop = session.core.hop(stray.next_hop, session.flow)
        session.core.start(bye, Goodbye(session, bye, quiet=True), hop, now)
