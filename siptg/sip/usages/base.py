"""What the parts of a session share: its dialogs, its parts, and how requests leave it."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import attrs

from siptg.machine import Symbol
from siptg.sip.auth import Client as DigestClient
from siptg.sip.dialog import Dialog
from siptg.sip.errors import ProtocolError
from siptg.sip.events import SessionEvent
from siptg.sip.flow import Flow
from siptg.sip.message import Request, Response
from siptg.sip.transactions.base import ClientUser
from siptg.sip.transactions.invite_server import InviteServer
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.acks import Acks
from siptg.sip.usages.answers import answer, with_credentials
from siptg.sip.usages.core import Core, Media
from siptg.sip.usages.expiry import Expiry
from siptg.sip.usages.inside import ALLOW, EXTENSIONS
from siptg.sip.usages.reliable import Acknowledged, Reliable
from siptg.sip.usages.renegotiation import Renegotiation
from siptg.sip.usages.states import State
from siptg.sip.usages.transfer import Transfers

MOST_FORKS = 32
"""Early dialogs of one INVITE."""


@lru_cache(64)
def _supported(quirks: frozenset[str]) -> str:
    return ", ".join(name for name in EXTENSIONS if f"no-{name}" not in quirks)


@attrs.define(eq=False)
class SessionBase(abc.ABC):
    """One call. Parts are made when they are wanted: most calls use none of them."""

    core: Core
    flow: Flow
    request: Request
    """The INVITE that began it, ours or theirs."""
    media: Media
    digest: DigestClient | None = None
    server: InviteServer | None = None
    """Set where we are called."""
    tag: str = ""
    id: str = attrs.field(init=False)
    """The Call-ID."""
    state: State = State.CALLING
    dialog: Dialog | None = None
    early: dict[str, Dialog] | None = None
    """Of a call of ours, by their tags: dialogs that provisional answers made."""
    quirks: frozenset[str] = frozenset()
    expires: int = 0
    """Seconds of the session timer that we ask for; 0 for none."""
    min_expires: int = 0
    """Least that they take, where they said so (422)."""
    offered: bool = True
    """Our INVITE brought an offer, or theirs was answered."""
    settled: str | None = None
    """The tag of the fork with which offer and answer were exchanged reliably before its 2xx."""
    peer_allows: frozenset[str] = frozenset()
    """Methods of their Allow header."""
    replaces: SessionBase | None = None
    """The call whose place this one takes (RFC 3891)."""
    bye_reason: str = ""
    own_contact: Uri | None = None
    """The address of ours that our Contact says, where it is not that of our socket."""
    elsewhere: Uri | None = None
    """Where the next INVITE goes, of a call that was redirected."""
    others: Sequence[Flow] = ()
    """Further ways to where it goes, where the first leads nowhere."""
    tried: set[str] | None = None
    """Places that our INVITE was sent to, of a call that was redirected."""
    _talks: Renegotiation | None = attrs.field(default=None, init=False)
    _acks: Acks | None = attrs.field(default=None, init=False)
    _reliable: Reliable | None = attrs.field(default=None, init=False)
    _acknowledged: Acknowledged | None = attrs.field(default=None, init=False)
    _expiry: Expiry | None = attrs.field(default=None, init=False)
    _transfers: Transfers | None = attrs.field(default=None, init=False)

    @property
    def outgoing(self) -> bool:
        return self.server is None

    @property
    def remote(self) -> NameAddr:
        return self.request.to if self.outgoing else self.request.from_

    # its parts

    @property
    def talks(self) -> Renegotiation:
        self._talks = self._talks or Renegotiation(self)
        return self._talks

    @property
    def acks(self) -> Acks:
        self._acks = self._acks or Acks()
        return self._acks

    @property
    def reliable(self) -> Reliable:
        self._reliable = self._reliable or Reliable(self)
        return self._reliable

    @property
    def acknowledged_answers(self) -> Acknowledged:
        self._acknowledged = self._acknowledged or Acknowledged(self)
        return self._acknowledged

    @property
    def expiry(self) -> Expiry:
        self._expiry = self._expiry or Expiry(self)
        return self._expiry

    @property
    def transfers(self) -> Transfers:
        self._transfers = self._transfers or Transfers(self)
        return self._transfers

    def stop_parts(self) -> None:
        """They point back at us: without them the counting of references frees us at once."""
        for part in (self._talks, self._reliable, self._expiry, self._transfers):
            if part is not None:
                part.stop()
        self._talks = self._reliable = self._expiry = self._transfers = None

    # what its parts ask of it

    @abc.abstractmethod
    def response(self, response: Response, now: float) -> None:
        """To our INVITE."""

    @abc.abstractmethod
    def failed(self, status: int, why: str, now: float) -> None:
        """Our INVITE was not answered at all."""

    @abc.abstractmethod
    def given(self, given: Symbol, now: float, what: Any = None) -> None:
        """Feed the session's table."""

    @abc.abstractmethod
    def hang_up(self, now: float, status: int = 0, reason: str = "", why: str = "") -> None: ...

    @abc.abstractmethod
    def answer(self, now: float) -> None: ...

    @abc.abstractmethod
    def lost(self, status: int, why: str, now: float) -> None:
        """A request of ours found no dialog at the other end (RFC 3261 §12.2.1.2)."""

    @abc.abstractmethod
    def bye_done(self, now: float) -> None: ...

    def refresh(self, now: float) -> None:
        """Keep a session with a timer alive (RFC 4028 §7.4): UPDATE where they know it."""
        if "UPDATE" in self.peer_allows and "no-update" not in self.quirks:
            self.expiry.send_update(now)
        else:
            self.talks.offer(now)

    def speaks(self, extension: str) -> bool:
        return not self.quirks or f"no-{extension}" not in self.quirks

    @property
    def supported(self) -> str:
        return _supported(self.quirks)

    def early_dialog(self, response: Response) -> Dialog | None:
        """The dialog that a provisional answer makes, or made; None where it makes none."""
        tag = response.to.tag
        if tag is None or not response.contacts:
            return None
        if self.dialog is not None and self.dialog.remote.tag == tag:
            return self.dialog
        self.early = self.early or {}
        if tag not in self.early and len(self.early) < MOST_FORKS:
            self.early[tag] = Dialog.of_caller(self.request, response)
        return self.early.get(tag)

    def dialog_for(self, request: Request) -> Dialog | None:
        """The dialog that a request of theirs belongs to."""
        return self.dialog_with(request.from_.tag)

    def dialog_with(self, tag: str | None) -> Dialog | None:
        """The dialog that a request of theirs with this From tag belongs to."""
        if self.dialog is not None and self.dialog.remote.tag == tag:
            return self.dialog
        return self.early.get(tag or "") if self.early else None

    def make(self, method: str, now: float) -> Request:
        """A request inside the dialog, ready but for its Via."""
        if self.dialog is None:
            raise ProtocolError("no dialog yet", 481)
        request = self.dialog.request(method)
        if method in ("INVITE", "UPDATE", "REFER"):
            secure = self.dialog.target.scheme == "sips"
            contact = self.own_contact or self.core.contact(
                self.dialog.local.uri.user, self.flow, secure=secure
            )
            request.headers.add("Contact", f"<{contact}>")
            request.headers.add("Allow", ALLOW)
            request.headers.add("Supported", self.supported)
        return request

    def dispatch(
        self, request: Request, user: ClientUser, now: float, dialog: Dialog | None = None
    ) -> None:
        dialog, hop = dialog or self.dialog, self.flow
        if dialog is not None and (dialog.routes or "nat-target" not in self.quirks):
            hop = self.core.hop(dialog.next_hop, self.flow)
        self.core.start(request, user, hop, now)

    def authorized(self, request: Request, response: Response, now: float) -> Request | None:
        """The request again with credentials for its challenges (§22.2); None where we have
        none.
        """
        again = with_credentials(request, response, self.digest) if self.digest else None
        if again is not None and self.dialog is not None:
            self.dialog.local_sequence = again.cseq.number
        return again

    def answer_with(self, request: Request, body: bytes) -> Response:
        """A 200 to an INVITE or UPDATE with our SDP."""
        secure = request.uri.scheme == "sips"
        contact = self.core.contact(request.to.uri.user, self.flow, secure=secure)
        response = answer(request, self.tag, contact, ALLOW, body)
        response.headers.add("Supported", self.supported)
        return response

    def dialog_refresh(self, message: Request | Response) -> None:
        if self.dialog is not None:
            self.dialog.refresh(message)

    def emit(self, event: SessionEvent) -> None:
        self.core.emit(self, event)
