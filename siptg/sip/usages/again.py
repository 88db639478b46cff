"""An INVITE that was refused, tried once more: credentials, a longer timer, another place."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from siptg.sip.flow import Flow
from siptg.sip.message import Request, Response
from siptg.sip.usages.answers import is_stale
from siptg.sip.usages.states import State

if TYPE_CHECKING:
    from siptg.sip.usages.base import SessionBase

MOST_TRIES = 6
"""All reasons together: whoever redirects in a circle is stopped."""
MOST_CHALLENGES = 2
"""Answers to 401 and 407 for one request, where our nonces grew old."""
LONGEST_TIMER = 86_400


def send_again(session: SessionBase, now: float) -> None:
    """The session's INVITE once more: the same way, or where a redirection points."""
    uri, session.elsewhere = session.elsewhere, None
    if uri is None:
        session.core.start(session.request, session, session.flow, now)
    else:
        session.core.find(uri, session.flow, partial(send_by, session), now)


def send_by(session: SessionBase, ways: list[Flow], now: float) -> None:
    """The session's INVITE, one of these ways."""
    if not ways:
        session.failed(503, f"no address of {session.request.uri.host}", now)
    elif session.state is State.CANCELLING:
        session.failed(487, "cancelled", now)
    else:
        if ways[0] is not session.flow:
            _moved(session, session.request, ways[0])
        session.core.start_somewhere(session.request, session, ways, partial(_moved, session), now)


def _moved(session: SessionBase, request: Request, flow: Flow) -> None:
    session.flow = flow
    user, secure = request.from_.uri.user, request.uri.scheme == "sips"
    contact = session.own_contact or session.core.contact(user, flow, secure=secure)
    request.headers.set("Contact", f"<{contact}>")


def another_way(session: SessionBase, response: Response, tried: int, now: float) -> Request | None:
    """The INVITE to send next; None where the refusal is to be taken as it is."""
    if tried >= MOST_TRIES:
        return None
    status = response.status
    if status in (401, 407) and session.digest is not None:
        header = "Proxy-Authorization" if status == 407 else "Authorization"
        answered = header in session.request.headers
        if answered and (tried >= MOST_CHALLENGES or not is_stale(response)):
            return None
        return session.authorized(session.request, response, now)
    if status == 422:
        return _with_longer_timer(session, response)
    if status == 420:
        return _without_extensions(session, response)
    if 300 <= status < 400 and status not in (305, 380):
        return _elsewhere(session, response)
    return None


def _next(request: Request) -> Request:
    headers = request.headers.copy()
    headers.remove("Via")
    headers.set("CSeq", f"{request.cseq.number + 1} {request.method}")
    return Request(request.method, request.uri, headers, request.body)


def _with_longer_timer(session: SessionBase, response: Response) -> Request | None:
    """RFC 4028 §7.3."""
    least = response.number("Min-SE")
    if least is None or not session.expires < least <= LONGEST_TIMER:
        return None
    session.min_expires = session.expires = least
    again = _next(session.request)
    session.expiry.ask(again)
    return again


def _without_extensions(session: SessionBase, response: Response) -> Request | None:
    """RFC 3261 §8.1.3.5: leave out what they do not know, where we insisted on it."""
    if "Require" not in session.request.headers.first:
        return None
    again = _next(session.request)
    again.headers.remove("Require")
    return again


def _elsewhere(session: SessionBase, response: Response) -> Request | None:
    """RFC 3261 §8.1.3.4: the best contact that was not tried yet."""
    tried = session.tried = (session.tried or set()) | {str(session.request.uri)}

    def quality(contact: tuple[int, float]) -> tuple[float, int]:
        return -contact[1], contact[0]

    ranked = []
    for n, contact in enumerate(response.contacts):
        try:
            q = float(contact.params.get("q") or 1)
        except ValueError:
            q = 0.0
        ranked.append((n, q))
    for n, _ in sorted(ranked, key=quality):
        uri = response.contacts[n].uri
        if uri.scheme not in ("sip", "sips") or str(uri) in tried:
            continue
        again = _next(session.request)
        again.uri = uri.without_headers()
        session.elsewhere = uri
        return again
    return None
