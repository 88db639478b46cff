"""What usages ask of the stack below them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from siptg.sip.events import SessionEvent
from siptg.sip.flow import Flow
from siptg.sip.ids import Ids
from siptg.sip.message import Request
from siptg.sip.stun import StunUser
from siptg.sip.timers import Times
from siptg.sip.transactions.base import ClientUser
from siptg.sip.uri import Uri
from siptg.timers import TimerQueue

Found = Callable[[list[Flow], float], None]
"""Told the ways to somewhere, best first; none where there is none."""


class Core(Protocol):
    """The stack as a usage sees it."""

    @property
    def ids(self) -> Ids: ...
    @property
    def times(self) -> Times: ...
    @property
    def timers(self) -> TimerQueue: ...

    def contact(self, user: str | None, flow: Flow, *, secure: bool = False) -> Uri:
        """Our own address for requests back to us; `secure` for a SIPS one."""
        ...

    def hop(self, uri: Uri, fallback: Flow) -> Flow:
        """The flow towards a URI's host; `fallback` where its name has not been looked up."""
        ...

    def find(self, uri: Uri, flow: Flow, then: Found, now: float) -> None:
        """The ways to a URI whose host may have to be looked up first."""
        ...

    def start_somewhere(
        self,
        request: Request,
        user: ClientUser,
        ways: list[Flow],
        changed: Callable[[Request, Flow], None],
        now: float,
    ) -> None:
        """As `start`, where there are several ways: the next is tried where one leads nowhere."""
        ...

    def start(
        self, request: Request, user: ClientUser, flow: Flow, now: float, branch: str | None = None
    ) -> None:
        """Put a Via on top and send the request in a client transaction. A CANCEL brings the branch
        of its INVITE (RFC 3261 §9.1).
        """
        ...

    def send_ack(self, request: Request, flow: Flow) -> bytes:
        """Put a Via on top and send the ACK of a 2xx; the bytes, to be repeated."""
        ...

    def send_again(self, data: bytes, flow: Flow) -> None: ...

    def emit(self, usage: Any, event: SessionEvent) -> None: ...

    def expect_stun(self, transaction: bytes, user: StunUser | None) -> None:
        """Whose `told` hears of the answer to a STUN request of ours; None takes that back."""
        ...

    def learn(self, address: Uri, standing: Any) -> None:
        """What a registrar told one of our accounts (usages.first.Standing)."""
        ...

    def know(self, usage: Any) -> None:
        """Messages of its Call-ID and tag reach the usage from now on."""
        ...

    def forget(self, usage: Any) -> None:
        """The usage is over: messages do not reach it any more."""
        ...


class Media(Protocol):
    """The whole of what signalling knows of media: three verbs over SDP (RFC 3264).

    Each raises ValueError where nothing fits. Sockets are open before the first of them.
    """

    def offer(self) -> bytes: ...
    def answer(self, offer: bytes) -> bytes: ...
    def accept(self, answer: bytes) -> None: ...
