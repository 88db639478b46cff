"""The server's side of REGISTER, in memory (RFC 3261 §10.3)."""

from __future__ import annotations

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.flow import Flow
from siptg.sip.message import Request, Response
from siptg.sip.uri import Uri

SHORTEST, LONGEST = 30, 3600
MOST_CONTACTS = 10


@attrs.frozen
class Binding:
    """Where somebody can be reached, until when."""

    contact: Uri
    flow: Flow
    """Where the REGISTER came from: the way back through a NAT."""
    expires: float
    call_id: str
    sequence: int


@attrs.define(eq=False)
class Registrar:
    """Bindings by user. Who may register as whom is the guard's business, before it comes here."""

    shortest: int = SHORTEST
    longest: int = LONGEST
    _bindings: dict[str, list[Binding]] = attrs.field(factory=dict)

    def locate(self, user: str, now: float) -> list[Binding]:
        """Where a user can be reached now, the newest first."""
        live = [b for b in self._bindings.get(user, []) if b.expires > now]
        if live:
            self._bindings[user] = live
        else:
            self._bindings.pop(user, None)
        return live[::-1]

    def receive(self, request: Request, flow: Flow, now: float) -> Response:
        """Change the bindings as a REGISTER asks, and list them."""
        user = request.to.uri.user
        if not user:
            raise ProtocolError("nobody to register", 404)
        bindings = self.locate(user, now)[::-1]
        if request.headers.get("Contact") == "*":
            if request.number("Expires") != 0:
                raise ProtocolError("Contact * wants Expires 0")
            bindings = []
        elif "Contact" in request.headers and not request.contacts:
            raise ProtocolError("an empty Contact")
        default = request.number("Expires")
        for contact in request.contacts:
            asked = contact.params.get("expires")
            wanted = default  # what is no number counts for none (§20.10)
            if asked and asked.isascii() and asked.isdigit() and len(asked) < 11:
                wanted = int(asked)
            wanted = self.longest if wanted is None else wanted
            if 0 < wanted < self.shortest:
                brief = request.reply(423)
                brief.headers.add("Min-Expires", str(self.shortest))
                return brief
            for old in [b for b in bindings if b.contact.equals(contact.uri)]:
                if old.call_id == request.call_id and old.sequence >= request.cseq.number:
                    raise ProtocolError("a REGISTER out of order", 500)
                bindings.remove(old)
            if wanted:
                until = now + min(wanted, self.longest)
                number = request.cseq.number
                bindings.append(Binding(contact.uri, flow, until, request.call_id, number))
        if len(bindings) > MOST_CONTACTS:
            raise ProtocolError(f"{MOST_CONTACTS} contacts at most", 403)
        self._bindings[user] = bindings
        response = request.reply(200)
        for binding in self.locate(user, now):
            left = max(0, round(binding.expires - now))
            response.headers.add("Contact", f"<{binding.contact}>;expires={left}")
        return response
