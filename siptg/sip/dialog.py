"""A dialog: what is remembered of a peer between requests (RFC 3261 §12)."""

from __future__ import annotations

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.fields import CSeq
from siptg.sip.headers import Headers
from siptg.sip.message import Request, Response
from siptg.sip.uri import NameAddr, Uri


@attrs.define(eq=False)
class Dialog:
    """Identity, sequence numbers, route set and remote target. Made from a 2xx or an 18x with a
    tag.
    """

    call_id: str
    local: NameAddr
    """From of our requests, with our tag."""
    remote: NameAddr
    """To of our requests, with their tag (which an old peer may not have)."""
    target: Uri
    """Where requests go, from their Contact."""
    routes: list[NameAddr]
    local_sequence: int
    remote_sequence: int | None = None
    _lines: tuple[str, str] | None = attrs.field(default=None, init=False)
    """From and To as they are written, once a request of ours needs them."""

    @classmethod
    def of_caller(cls, request: Request, response: Response) -> Dialog:
        """As UAC, from our INVITE and an answer that makes a dialog (§12.1.2)."""
        contacts = response.contacts
        made = cls(
            call_id=request.call_id,
            local=request.from_,
            remote=response.to,
            target=contacts[0].uri if contacts else request.uri,
            routes=response.record_routes[::-1],
            local_sequence=request.cseq.number,
        )
        # as they stand there, to the letter: an old peer may compare more than tags
        made._lines = request.headers.first["From"], response.headers.first["To"]
        return made

    @classmethod
    def of_callee(cls, request: Request, tag: str) -> Dialog:
        """As UAS, from their INVITE (§12.1.1). ProtocolError where it has no usable Contact, which
        only RFC 2543 allowed: such a caller has no tag either.
        """
        contacts = request.contacts
        if not contacts and request.from_.tag is not None:
            raise ProtocolError("an INVITE without a Contact")
        return cls(
            call_id=request.call_id,
            local=request.to.with_tag(tag),
            remote=request.from_,
            target=(contacts or [request.from_])[0].uri,
            routes=request.record_routes,
            local_sequence=0,
            remote_sequence=request.cseq.number,
        )

    def request(self, method: str, sequence: int | None = None) -> Request:
        """A request inside the dialog without Via and Contact (§12.2.1.1); ACK keeps its INVITE's
        number.
        """
        if sequence is None:
            self.local_sequence += 1
            sequence = self.local_sequence
        uri, routes = self.target, self.routes
        if routes and "lr" not in routes[0].uri.params:  # a strict router wants itself on top
            uri, routes = routes[0].uri, [*routes[1:], NameAddr(self.target)]
        if self._lines is None:
            self._lines = str(self.local), str(self.remote)
        local, remote = self._lines
        cseq = CSeq(sequence, method)
        first = {
            "Max-Forwards": "70",
            "From": local,
            "To": remote,
            "Call-ID": self.call_id,
            "CSeq": f"{sequence} {method}",
        }
        cache = {"From": self.local, "To": self.remote, "CSeq": cseq}
        headers = Headers.made(list(first.items()), first, cache)
        for route in reversed(routes):
            headers.prepend("Route", str(route))
        return Request(method, uri, headers)

    @property
    def next_hop(self) -> Uri:
        """Where requests are sent: the first route, else the target (§8.1.2)."""
        return self.routes[0].uri if self.routes else self.target

    def check(self, request: Request) -> None:
        """A request that came inside the dialog; ProtocolError 481 or 500 where it does not
        belong.
        """
        if request.from_.tag != self.remote.tag:
            raise ProtocolError("no such dialog", 481)
        number = request.cseq.number
        if request.method in ("ACK", "CANCEL"):
            return
        if self.remote_sequence is not None and number <= self.remote_sequence:
            raise ProtocolError("a CSeq that was used", 500)
        self.remote_sequence = number

    def refresh(self, message: Request | Response) -> None:
        """A target refresh: the Contact of a re-INVITE or its answer (§12.2)."""
        contacts = message.contacts
        if contacts:
            self.target = contacts[0].uri
