"""The watcher's side of an event: subscribed, refreshed, told, ended, begun again (RFC 6665)."""

from __future__ import annotations

from typing import Any

import attrs

from siptg.machine import Symbol, Table, step
from siptg.sip.account import SipAccount
from siptg.sip.auth import Client as DigestClient
from siptg.sip.dialog import Dialog
from siptg.sip.errors import ProtocolError
from siptg.sip.events import Notified, SubscriptionEnded
from siptg.sip.flow import Flow
from siptg.sip.message import Request, Response
from siptg.sip.params import Params
from siptg.sip.transactions.table import ServerTransaction
from siptg.sip.uri import NameAddr
from siptg.sip.usages.answers import is_stale, with_credentials
from siptg.sip.usages.core import Core
from siptg.sip.usages.first import Standing, first_request

REFRESH_AT = 0.8
LONGEST_WAIT = 3600.0
MOST_CHALLENGES = 3
FOR_GOOD = ("rejected", "noresource", "invariant")
"""Reasons after which nobody asks again (§4.1.3)."""
AT_ONCE = ("deactivated", "timeout")


class State(Symbol):
    """Drawn in docs/states/subscription.md."""

    ASKING = "asking"
    """SUBSCRIBE sent, no NOTIFY yet."""
    PENDING = "pending"
    ACTIVE = "active"
    WAITING = "waiting"
    """Ended by them, to be asked for again."""
    LEAVING = "leaving"
    OVER = "over"


class Given(Symbol):
    ACCEPTED = "2xx"
    CHALLENGE = "401 or 407 that we can answer"
    TOO_BRIEF = "423"
    GONE = "481"
    REFUSAL = "other refusals"
    TROUBLE = "5xx, time-out, transport error"
    NOTIFY_PENDING = "NOTIFY: pending"
    NOTIFY_ACTIVE = "NOTIFY: active"
    NOTIFY_LATER = "NOTIFY: terminated, but not for good"
    NOTIFY_OVER = "NOTIFY: terminated for good"
    TIMER_N = "no NOTIFY"
    AGAIN = "the next SUBSCRIBE is due"
    CLOSE = "our user wants no more"


@attrs.define(eq=False)
class SubscriptionUsage:
    """One subscription. Its dialog is made by the first NOTIFY (§4.4.1); those of further forks are
    refused.
    """

    core: Core
    account: SipAccount
    to: NameAddr
    event: str
    """Event package, as `message-summary`."""
    accept: str
    flow: Flow
    expires: int = 3600
    standing: Standing | None = None
    tag: str = ""
    state: State = State.ASKING
    why: str = ""
    dialog: Dialog | None = None
    _request: Request | None = None
    _digest: DigestClient | None = None
    _challenges: int = 0
    _challenged: int = 0
    _troubles: int = 0
    _retry_after: float | None = None

    def __attrs_post_init__(self) -> None:
        if self.account.password:
            self._digest = DigestClient(self.account.credentials, self.core.ids)

    @property
    def id(self) -> str:
        return self._request.call_id if self._request is not None else ""

    def start(self, now: float) -> None:
        self._ask(now, None)

    def close(self, now: float) -> None:
        """SUBSCRIBE with Expires 0; OVER once that is settled."""
        step(self, TABLE, Given.CLOSE, now, None)

    def fire(self, timer: Symbol, now: float) -> None:
        step(self, TABLE, timer, now, None)

    # answers to our SUBSCRIBE

    def answered(self, response: Response, now: float) -> None:
        status = response.status
        if status < 300:
            given = Given.ACCEPTED
        elif status in (401, 407) and self._can_answer(response):
            given = Given.CHALLENGE
        elif status == 423 and (response.number("Min-Expires") or 0) > self.expires:
            given = Given.TOO_BRIEF
        elif status == 481:
            given = Given.GONE
        elif status in (408, 480) or 500 <= status < 600:
            given = Given.TROUBLE
        else:
            given = Given.REFUSAL
        if given is not Given.ACCEPTED:
            self.why = f"{status} {response.reason}"
        step(self, TABLE, given, now, response)

    def unanswered(self, status: int, why: str, now: float) -> None:
        self.why = f"{status} {why}"
        step(self, TABLE, Given.TROUBLE, now, None)

    def is_current(self, request: Request) -> bool:
        return request is self._request

    def _can_answer(self, response: Response) -> bool:
        self._challenges += 1
        refused = response.status == self._challenged and not is_stale(response)
        self._challenged = response.status
        return self._digest is not None and not refused and self._challenges <= MOST_CHALLENGES

    # NOTIFY

    def dialog_for(self, request: Request) -> Dialog | None:
        """The dialog of a request of theirs; the first NOTIFY makes it."""
        ours = self._request
        first = self.dialog is None and request.method == "NOTIFY" and request.from_.tag is not None
        if first and ours is not None and request.contacts:
            self.dialog = Dialog(
                call_id=request.call_id,
                local=ours.from_,
                remote=request.from_,
                target=request.contacts[0].uri,
                routes=request.record_routes,
                local_sequence=ours.cseq.number,
            )
        if self.dialog is not None and self.dialog.remote.tag == request.from_.tag:
            return self.dialog
        return None

    def receive(self, request: Request, server: ServerTransaction, now: float) -> None:
        """A request inside the dialog, its sequence checked."""
        event = (request.headers.get("Event") or "").partition(";")[0].strip().lower()
        if request.method != "NOTIFY":
            refusal = request.reply(405)
            refusal.headers.add("Allow", "NOTIFY")
            server.respond(refusal, now)
            return
        if event != self.event:
            server.respond(request.reply(489), now)
            return
        text = request.headers.get("Subscription-State")
        if text is None:
            raise ProtocolError("a NOTIFY without Subscription-State")
        word, _, rest = text.partition(";")
        server.respond(request.reply(200), now)
        if self.dialog is not None:
            self.dialog.refresh(request)
        params, word = Params.parse(rest), word.strip().lower()
        if word == "terminated":
            given = self._ended(params)
        else:
            given = Given.NOTIFY_ACTIVE if word == "active" else Given.NOTIFY_PENDING
        note = Notified(request.content_type, request.body, word)
        if self.state in (State.ASKING, State.PENDING, State.ACTIVE):
            self.core.emit(self, note)
        step(self, TABLE, given, now, params)

    def _ended(self, params: Params) -> Given:
        reason = (params.get("reason") or "").lower()
        self.why = f"terminated: {reason or 'no reason'}"
        after = params.get("retry-after") or ""
        self._retry_after = None
        if reason in AT_ONCE:
            self._retry_after = 0.0
        elif after.isascii() and after.isdigit() and len(after) < 8:
            self._retry_after = min(float(after), LONGEST_WAIT)
        return Given.NOTIFY_OVER if reason in FOR_GOOD else Given.NOTIFY_LATER

    # actions

    def _ask(self, now: float, _: object) -> None:
        """A subscription of its own, or a refresh of the present one."""
        self._challenges = self._challenged = 0
        self._send(self._make(self.expires), now)
        if self.dialog is None:
            self.core.timers.set(self, Given.TIMER_N, now + self.core.times.patience)

    def _make(self, expires: int) -> Request:
        core = self.core
        if self.dialog is not None:
            request = self.dialog.request("SUBSCRIBE")
            contact = core.contact(self.account.uri.user, self.flow)
            request.headers.add("Contact", f"<{contact}>")
        else:
            core.forget(self)
            self.tag = core.ids.tag()
            request = first_request(
                core,
                "SUBSCRIBE",
                self.to,
                self.account,
                self.flow,
                self.tag,
                standing=self.standing,
            )
        request.headers.add("Event", self.event)
        request.headers.add("Accept", self.accept)
        request.headers.add("Expires", str(expires))
        return request

    def _send(self, request: Request, now: float) -> None:
        known, self._request = self.id, request
        if known != request.call_id:
            self.core.know(self)
        hop = self.flow
        if self.dialog is not None:
            hop = self.core.hop(self.dialog.next_hop, self.flow)
        self.core.start(request, _Asked(self, request), hop, now)

    def _answer(self, now: float, response: Response) -> None:
        if self._request is None or self._digest is None:
            return
        again = with_credentials(self._request, response, self._digest)
        if again is None:
            step(self, TABLE, Given.REFUSAL, now, response)
            return
        if self.dialog is not None:
            self.dialog.local_sequence = again.cseq.number
        self._send(again, now)

    def _lengthen(self, now: float, response: Response) -> None:
        self.expires = min(response.number("Min-Expires") or self.expires, 86_400)
        self._ask(now, None)

    def _keep(self, now: float, response: Response) -> None:
        """What was granted decides when to refresh; the state is for NOTIFY to tell."""
        self._troubles = 0
        granted = response.number("Expires")
        self._refresh_in(self.expires if granted is None else granted, now)

    def _refresh_in(self, seconds: float, now: float) -> None:
        chance = self.core.ids.random()
        wait = max(1.0, min(seconds, LONGEST_WAIT * 24)) * (REFRESH_AT + 0.1 * chance)
        self.core.timers.set(self, Given.AGAIN, now + wait)

    def _hear(self, now: float, params: Params) -> None:
        self.core.timers.cancel(self, Given.TIMER_N)
        seconds = params.get("expires") or ""
        if seconds.isascii() and seconds.isdigit() and len(seconds) < 8:
            self._refresh_in(float(seconds), now)

    def _wait(self, now: float, _: object) -> None:
        """They ended it, or do not answer: a new one later (§4.1.3)."""
        self.core.timers.cancel(self, *Given)
        self.dialog = None
        wait, self._retry_after = self._retry_after, None
        if wait is None:
            wait = min(30.0 * 2.0**self._troubles, LONGEST_WAIT)
            self._troubles = min(self._troubles + 1, 10)
        wait += self.core.ids.random() * min(5.0, wait + 1.0)
        self.core.timers.set(self, Given.AGAIN, now + wait)

    def _leave(self, now: float, _: object) -> None:
        self.core.timers.cancel(self, *Given)
        self._challenges = self._challenged = 0
        self._send(self._make(0), now)
        self.core.timers.set(self, Given.TIMER_N, now + self.core.times.patience)

    def _end(self, now: float, _: Any) -> None:
        self.core.timers.cancel(self, *Given)
        self.core.forget(self)
        self.core.emit(self, SubscriptionEnded(self.why))


@attrs.define(eq=False)
class _Asked:
    """One SUBSCRIBE: what comes of it matters as long as no other one has followed."""

    usage: SubscriptionUsage
    request: Request

    def response(self, response: Response, now: float) -> None:
        if response.status >= 200 and self.usage.is_current(self.request):
            self.usage.answered(response, now)

    def failed(self, status: int, why: str, now: float) -> None:
        if self.usage.is_current(self.request):
            self.usage.unanswered(status, why, now)


_U = SubscriptionUsage
_S, _G = State, Given
_LIVE = (_S.ASKING, _S.PENDING, _S.ACTIVE)
TABLE: Table = {
    **{(s, _G.ACCEPTED): (s, (_U._keep,)) for s in _LIVE},
    **{(s, _G.CHALLENGE): (s, (_U._answer,)) for s in (*_LIVE, _S.LEAVING)},
    **{(s, _G.TOO_BRIEF): (s, (_U._lengthen,)) for s in _LIVE},
    **{(s, _G.NOTIFY_PENDING): (_S.PENDING, (_U._hear,)) for s in _LIVE},
    **{(s, _G.NOTIFY_ACTIVE): (_S.ACTIVE, (_U._hear,)) for s in _LIVE},
    **{(s, _G.NOTIFY_LATER): (_S.WAITING, (_U._wait,)) for s in _LIVE},
    **{(s, _G.NOTIFY_OVER): (_S.OVER, (_U._end,)) for s in _LIVE},
    **{(s, _G.GONE): (_S.WAITING, (_U._wait,)) for s in _LIVE},
    **{(s, _G.TROUBLE): (_S.WAITING, (_U._wait,)) for s in _LIVE},
    **{(s, _G.REFUSAL): (_S.OVER, (_U._end,)) for s in _LIVE},
    **{(s, _G.TIMER_N): (_S.WAITING, (_U._wait,)) for s in _LIVE},
    **{(s, _G.AGAIN): (s, (_U._ask,)) for s in _LIVE},
    **{(s, _G.CLOSE): (_S.LEAVING, (_U._leave,)) for s in _LIVE},
    (_S.WAITING, _G.AGAIN): (_S.ASKING, (_U._ask,)),
    (_S.WAITING, _G.CLOSE): (_S.OVER, (_U._end,)),
    **{
        (_S.LEAVING, given): (_S.OVER, (_U._end,))
        for given in (
            _G.NOTIFY_LATER,
            _G.NOTIFY_OVER,
            _G.GONE,
            _G.TROUBLE,
            _G.REFUSAL,
            _G.TIMER_N,
        )
    },
}
"""A subscription's life (§4.1.2). A 2xx alone says nothing of its state."""
