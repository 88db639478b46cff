"""The server's side of REGISTER, in memory (RFC 3261 §10.3, RFC 3327, RFC 5626)."""

from __future__ import annotations

import heapq
from urllib.parse import unquote

import attrs

from siptg.sip.errors import ProtocolError
from siptg.sip.flow import Flow
from siptg.sip.message import Request, Response
from siptg.sip.params import Params
from siptg.sip.uri import NameAddr, Uri

SHORTEST, LONGEST = 30, 3600
MOST_CONTACTS = 10
MOST_USERS = 100_000


@attrs.frozen
class Binding:
    """Where somebody can be reached, until when."""

    contact: Uri
    flow: Flow
    """Where the REGISTER came from: the way back through a NAT."""
    expires: float
    call_id: str
    sequence: int
    q: float = 1.0
    """How gladly they want to be reached there (§10.2.1.2)."""
    params: Params = attrs.field(factory=Params)
    """Of the Contact, but for q and expires: given back as they came."""
    path: tuple[NameAddr, ...] = ()
    """Proxies that requests have to pass, the nearest to us first (RFC 3327 §5.3)."""

    @property
    def instance(self) -> tuple[str, str] | None:
        """Device and flow of it, where the client says so (RFC 5626 §6): that binding is replaced
        whatever its address.
        """
        device = self.params.get("+sip.instance")
        return (device, self.params.get("reg-id") or "") if device else None


@attrs.define(eq=False)
class Registrar:
    """Bindings by user. Who may register as whom is the guard's business, before it comes here."""

    shortest: int = SHORTEST
    longest: int = LONGEST
    service_route: tuple[str, ...] = ()
    """Given to every client for its calls (RFC 3608)."""
    _bindings: dict[str, list[Binding]] = attrs.field(factory=dict)
    _ends: list[tuple[float, str]] = attrs.field(factory=list)
    """A heap of when something of whom ends, so that nobody is kept who never comes again."""

    def __len__(self) -> int:
        """Users with a binding."""
        return len(self._bindings)

    def locate(self, user: str, now: float) -> list[Binding]:
        """Where a user can be reached now: by q, among equals the newest first."""
        self._forget(now)
        live = [b for b in self._bindings.get(unquote(user), []) if b.expires > now]
        return sorted(live[::-1], key=lambda b: -b.q)

    def receive(self, request: Request, flow: Flow, now: float) -> Response:
        """Change the bindings as a REGISTER asks, all or nothing, and list them. ProtocolError
        carries the status to answer with.
        """
        user = unquote(request.to.uri.user or "")
        if not user:
            raise ProtocolError("nobody to register", 404)
        self._forget(now)
        before = [b for b in self._bindings.get(user, []) if b.expires > now]
        if not before and len(self._bindings) >= MOST_USERS:
            raise ProtocolError("too many users", 503)
        if request.headers.get("Contact") == "*":
            after = self._clear(before, request)
        else:
            if "Contact" in request.headers.first and not request.contacts:
                raise ProtocolError("an empty Contact")
            wanted = self._wanted(request)
            if any(0 < seconds < self.shortest for _, seconds in wanted):
                brief = request.reply(423)
                brief.headers.add("Min-Expires", str(self.shortest))
                return brief
            after = self._changed(before, wanted, request, flow, now)
        if len(after) > MOST_CONTACTS:
            raise ProtocolError(f"{MOST_CONTACTS} contacts at most", 403)
        if after:
            self._bindings[user] = after
        else:
            self._bindings.pop(user, None)
        for binding in after:
            if binding not in before:
                heapq.heappush(self._ends, (binding.expires, user))
        return self._answer(request, user, now)

    def _wanted(self, request: Request) -> list[tuple[NameAddr, int]]:
        """Each contact and its seconds, `longest` at most."""
        default, wanted = request.number("Expires"), []
        for contact in request.contacts:
            seconds = default  # what is no number counts for none (§20.10)
            asked = contact.params.get("expires")
            if asked and asked.isascii() and asked.isdigit() and len(asked) < 11:
                seconds = int(asked)
            wanted.append(
                (contact, min(self.longest if seconds is None else seconds, self.longest))
            )
        return wanted

    def _clear(self, before: list[Binding], request: Request) -> list[Binding]:
        if request.number("Expires") != 0:
            raise ProtocolError("Contact * wants Expires 0")
        for old in before:
            _check_order(old, request)
        return []

    def _changed(
        self,
        before: list[Binding],
        wanted: list[tuple[NameAddr, int]],
        request: Request,
        flow: Flow,
        now: float,
    ) -> list[Binding]:
        after, number = list(before), request.cseq.number
        path = tuple(p for v in request.headers.get_all("Path") for p in NameAddr.parse_many(v))
        for contact, seconds in wanted:
            made = Binding(
                contact.uri,
                flow,
                now + seconds,
                request.call_id,
                number,
                _quality(contact),
                contact.params.without("q", "expires"),
                path,
            )
            for old in [b for b in after if _is_same(b, made)]:
                _check_order(old, request)
                after.remove(old)
            if seconds:
                after.append(made)
        return after

    def _answer(self, request: Request, user: str, now: float) -> Response:
        response = request.reply(200)
        for binding in self.locate(user, now):
            left = max(0, round(binding.expires - now))
            q = f";q={binding.q:g}" if binding.q != 1.0 else ""
            value = f"<{binding.contact}>{binding.params}{q};expires={left}"
            response.headers.add("Contact", value)
        for value in request.headers.get_all("Path"):
            response.headers.add("Path", value)
        for value in self.service_route:
            response.headers.add("Service-Route", value)
        return response

    def _forget(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            _, user = heapq.heappop(self._ends)
            live = [b for b in self._bindings.get(user, []) if b.expires > now]
            if live:
                self._bindings[user] = live
            else:
                self._bindings.pop(user, None)


def _is_same(old: Binding, new: Binding) -> bool:
    if old.contact.equals(new.contact):
        return True
    return new.instance is not None and old.instance == new.instance


def _check_order(old: Binding, request: Request) -> None:
    """§10.3: a REGISTER that was overtaken by a later one changes nothing."""
    if old.call_id == request.call_id and old.sequence >= request.cseq.number:
        raise ProtocolError("a REGISTER out of order", 500)


def _quality(contact: NameAddr) -> float:
    try:
        return min(1.0, max(0.0, float(contact.params.get("q") or 1)))
    except ValueError:
        return 1.0
