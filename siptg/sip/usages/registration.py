"""A registration that is kept: refreshed, retried, taken back (RFC 3261 §10.2)."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from siptg.machine import Symbol, Table, step
from siptg.sip.account import SipAccount
from siptg.sip.auth import Client as DigestClient
from siptg.sip.errors import ProtocolError
from siptg.sip.flow import Flow
from siptg.sip.headers import Headers
from siptg.sip.message import Request, Response
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.answers import is_stale
from siptg.sip.usages.core import Core
from siptg.sip.usages.first import Standing
from siptg.sip.usages.keepalive import KeepAlive

REFUSED_TRIES, REFUSED_WAIT = 3, 60.0
"""A wrong password is tried again once a minute, three times, then no more (ER-1, wrong_login)."""
LONGEST_WAIT = 300.0
REFRESH_AT, SPREAD = 0.75, 0.1
"""Of what was granted: early enough for a lost REGISTER to be sent again."""
FIRST_SPREAD = 0.7
"""The first refresh comes up to that much earlier, so that a thousand accounts that began together,
or found their registrar again together, do not go on together.
"""
MOST_ROUTES = 8


class State(Symbol):
    """Drawn in docs/states/registration.md."""

    TRYING = "trying"
    READY = "ready"
    REFUSED = "refused"
    """The registrar said no: wrong login, forbidden."""
    UNREACHABLE = "unreachable"
    LEAVING = "leaving"
    CLOSED = "closed"


class Given(Symbol):
    ACCEPTED = "2xx"
    CHALLENGE = "401 or 407 that we can answer"
    TOO_BRIEF = "423"
    REFUSAL = "401, 403, 404 … for good"
    TROUBLE = "5xx, time-out, transport error"
    FLOW_LOST = "its connection is gone"
    AGAIN = "the next REGISTER is due"
    CLOSE = "our user takes it back"


@attrs.define(eq=False)
class RegistrationUsage:
    """One binding of one account at its registrar."""

    core: Core
    account: SipAccount
    flow: Flow
    changed: Callable[[], None]
    """Called after each change of `state` or `why`."""
    state: State = State.TRYING
    why: str = ""
    """Status and reason of the last answer."""
    others: list[Flow] = attrs.field(factory=list)
    """Further ways to the registrar."""
    _digest: DigestClient = attrs.field(init=False)
    _alive: KeepAlive = attrs.field(init=False)
    _call_id: str = attrs.field(init=False)
    _tag: str = attrs.field(init=False)
    _sequence: int = 0
    _expires: int = 0
    _challenges: int = 0
    _challenged: int = 0
    """Status of the last challenge."""
    _refusals: int = 0
    _troubles: int = 0
    _spread: bool = False
    """It has its place among the others."""
    _request: Request | None = None
    _leaving: bool = False

    def __attrs_post_init__(self) -> None:
        self._digest = DigestClient(self.account.credentials, self.core.ids)
        self._alive = KeepAlive(self, self.account.keep_alive)
        self._call_id, self._tag = self.core.ids.call_id(), self.core.ids.tag()
        self._expires = self.account.expires

    def start(self, now: float) -> None:
        self._register(now, None)

    def flow_lost(self, now: float) -> None:
        """The connection that it came over is gone: nobody reaches us now (RFC 5626 §4.5)."""
        self.why = "the connection was lost"
        step(self, TABLE, Given.FLOW_LOST, now, None)

    def close(self, now: float) -> None:
        """Take the binding back; CLOSED once that is answered or given up."""
        self._leaving = True
        step(self, TABLE, Given.CLOSE, now, None)

    def response(self, response: Response, now: float) -> None:
        status = response.status
        if status < 200:
            return
        if status < 300:
            given = Given.ACCEPTED
        elif status in (401, 407):
            given = self._judge(response)
        elif status == 423 and (response.number("Min-Expires") or 0) > self._expires:
            given = Given.TOO_BRIEF
        elif status in (408, 480) or (status >= 500 and status < 600):
            given = Given.TROUBLE
        else:
            given = Given.REFUSAL
        if given in (Given.REFUSAL, Given.TROUBLE):
            self.why = f"{status} {response.reason}"
        step(self, TABLE, given, now, response)

    def failed(self, status: int, why: str, now: float) -> None:
        self.why = f"{status} {why}"
        step(self, TABLE, Given.TROUBLE, now, None)

    def fire(self, timer: Symbol, now: float) -> None:
        step(self, TABLE, timer, now, None)

    def _judge(self, response: Response) -> Given:
        """A challenge is answered once, and again where our nonce had grown old; a fresh one after
        our answer is a wrong password.
        """
        self._challenges += 1
        both = response.status != self._challenged  # a proxy asks, and then the registrar
        self._challenged = response.status
        if self._challenges > 3 or not self._digest.take(response):
            return Given.REFUSAL
        if self._challenges > 1 and not both and not is_stale(response):
            return Given.REFUSAL
        return Given.CHALLENGE

    @property
    def _registrar(self) -> Uri:
        uri = self.account.uri
        return Uri(uri.scheme, None, uri.host, uri.port)

    @property
    def _contact(self) -> Uri:
        uri = self.account.uri
        return self.core.contact(uri.user, self.flow, secure=uri.scheme == "sips")

    @property
    def _written_contact(self) -> str:
        device = self.account.instance
        return f"<{self._contact}>" + (f';+sip.instance="<{device}>"' if device else "")

    def _register(self, now: float, _: object) -> None:
        self._challenges = self._challenged = 0
        self._send(self._make(self._expires), now)

    def _make(self, expires: int) -> Request:
        self._sequence += 1
        headers = Headers(
            [
                ("Max-Forwards", "70"),
                ("From", str(self.account.name_addr.with_tag(self._tag))),
                ("To", str(self.account.name_addr)),
                ("Call-ID", self._call_id),
                ("CSeq", f"{self._sequence} REGISTER"),
                ("Contact", self._written_contact),
                ("Expires", str(expires)),
                ("Supported", "path, gruu" if self.account.instance else "path"),
            ]
        )
        proxy = self.account.proxy
        if proxy is not None and "lr" in proxy.params:
            headers.prepend("Route", f"<{proxy}>")
        request = Request("REGISTER", self._registrar, headers)
        self._digest.authorize(request)
        return request

    def _send(self, request: Request, now: float) -> None:
        self._request = request
        ways, self.others = [self.flow, *self.others], []
        self.core.start_somewhere(request, self, ways, self._moved, now)

    def _moved(self, request: Request, flow: Flow) -> None:
        self.flow = flow
        request.headers.set("Contact", self._written_contact)

    def _answer(self, now: float, response: Response) -> None:
        self._send(self._make(0 if self._leaving else self._expires), now)

    def _lengthen(self, now: float, response: Response) -> None:
        self._expires = min(response.number("Min-Expires") or self._expires, 7200)
        self._register(now, None)

    def _keep(self, now: float, response: Response) -> None:
        """What the registrar granted for our contact decides when to come again."""
        self._refusals = self._troubles = 0
        self._digest.confirm(response)
        self.why = f"{response.status} {response.reason}"
        granted = response.number("Expires")
        ours = self._contact
        for contact in response.contacts:
            own = contact.params.get("expires", "")
            if contact.uri.equals(ours) and own and own.isdigit():
                granted = int(own)
        self._learn(response)
        self._alive.start(now)
        held = max(1, self._expires if granted is None else granted)
        share = REFRESH_AT + SPREAD * self.core.ids.random()
        if not self._spread:
            self._spread = True
            share -= FIRST_SPREAD * self.core.ids.random()
        self.core.timers.set(self, Given.AGAIN, now + held * share)
        self.changed()

    def _learn(self, response: Response) -> None:
        """Service-Route and our GRUU (RFC 3608 §6.1, RFC 5627 §4.2); malformed ones are none."""
        standing, ours = Standing(), self._contact
        try:
            values = response.headers.get_all("Service-Route")
            routes = [r for value in values for r in NameAddr.parse_many(value)]
            standing.service_route = tuple(routes[:MOST_ROUTES])
            for contact in response.contacts:
                gruu = contact.params.get("pub-gruu")
                if gruu and contact.uri.equals(ours):
                    standing.gruu = Uri.parse(gruu)
        except ProtocolError:
            standing = Standing()
        self.core.learn(self.account.address, standing)

    def _wait_after_refusal(self, now: float, response: object) -> None:
        self._refusals += 1
        if self._refusals < REFUSED_TRIES:
            self.core.timers.set(self, Given.AGAIN, now + REFUSED_WAIT)
        self.changed()

    def _back_off(self, now: float, response: Response | None) -> None:
        """1, 2, 4 … 300 s with jitter; the registrar's own Retry-After where it gave one (ER-4)."""
        wait = min(2.0**self._troubles, LONGEST_WAIT) * (0.75 + 0.5 * self.core.ids.random())
        asked = response.number("Retry-After") if response is not None else None
        if asked is not None:
            wait = min(max(wait, float(asked)), 3600.0)
        self._troubles = min(self._troubles + 1, 16)
        self._spread = False
        self.core.timers.set(self, Given.AGAIN, now + wait)
        self.changed()

    def _unregister(self, now: float, _: object) -> None:
        self.core.timers.cancel(self, *Given)
        self._challenges = self._challenged = 0
        self._send(self._make(0), now)

    def _stop(self, now: float, _: object) -> None:
        self.core.timers.cancel(self, *Given)
        self._alive.stop()
        self.core.forget(self)
        self.changed()


_R = RegistrationUsage
_S, _G = State, Given
_COMING = (_S.TRYING, _S.READY, _S.REFUSED, _S.UNREACHABLE)
TABLE: Table = {
    **{(s, _G.ACCEPTED): (_S.READY, (_R._keep,)) for s in _COMING},
    **{(s, _G.CHALLENGE): (s, (_R._answer,)) for s in _COMING},
    **{(s, _G.TOO_BRIEF): (s, (_R._lengthen,)) for s in _COMING},
    **{(s, _G.REFUSAL): (_S.REFUSED, (_R._wait_after_refusal,)) for s in _COMING},
    **{(s, _G.TROUBLE): (_S.UNREACHABLE, (_R._back_off,)) for s in _COMING},
    **{(s, _G.AGAIN): (s, (_R._register,)) for s in _COMING},
    (_S.READY, _G.FLOW_LOST): (_S.UNREACHABLE, (_R._back_off,)),
    (_S.TRYING, _G.CLOSE): (_S.LEAVING, (_R._unregister,)),
    (_S.READY, _G.CLOSE): (_S.LEAVING, (_R._unregister,)),
    (_S.REFUSED, _G.CLOSE): (_S.CLOSED, (_R._stop,)),
    (_S.UNREACHABLE, _G.CLOSE): (_S.CLOSED, (_R._stop,)),
    (_S.LEAVING, _G.CHALLENGE): (_S.LEAVING, (_R._answer,)),
    (_S.LEAVING, _G.ACCEPTED): (_S.CLOSED, (_R._stop,)),
    (_S.LEAVING, _G.TOO_BRIEF): (_S.CLOSED, (_R._stop,)),
    (_S.LEAVING, _G.REFUSAL): (_S.CLOSED, (_R._stop,)),
    (_S.LEAVING, _G.TROUBLE): (_S.CLOSED, (_R._stop,)),
}
"""A registration's life; REFUSED without a timer waits for its user."""
