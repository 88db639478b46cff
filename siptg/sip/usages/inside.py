"""Requests that come inside a call's dialog, by method (RFC 3261 §12.2.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from siptg.sip.events import InfoReceived, MessageReceived
from siptg.sip.message import Request, Response
from siptg.sip.transactions.invite_server import InviteServer
from siptg.sip.transactions.table import ServerTransaction
from siptg.sip.usages.states import Given, State

if TYPE_CHECKING:
    from siptg.sip.usages.invite import InviteSession

EXTENSIONS = ("100rel", "timer", "replaces")
"""Option tags that we understand (Supported, Require)."""


def _bye(session: InviteSession, request: Request, server: ServerTransaction, now: float) -> None:
    server.respond(request.reply(200), now)
    session.bye_reason = request.headers.get("Reason") or ""
    session.given(Given.BYE, now)


def _invite(
    session: InviteSession, request: Request, server: ServerTransaction, now: float
) -> None:
    if session.state is State.CONFIRMED and isinstance(server, InviteServer):
        session.talks.receive(request, server, now)
    else:
        server.respond(request.reply(491), now)


def _update(
    session: InviteSession, request: Request, server: ServerTransaction, now: float
) -> None:
    session.talks.update(request, server, now)


def _prack(session: InviteSession, request: Request, server: ServerTransaction, now: float) -> None:
    session.reliable.receive(request, server, now)


def _info(session: InviteSession, request: Request, server: ServerTransaction, now: float) -> None:
    """Of a legacy INFO, digits mostly; a package that nobody asked for is refused (RFC 6086
    §4.2.2).
    """
    if "Info-Package" in request.headers.first:
        refusal = request.reply(469)
        refusal.headers.add("Recv-Info", "")
        server.respond(refusal, now)
        return
    server.respond(request.reply(200), now)
    session.emit(InfoReceived(request.content_type, request.body))


def _message(
    session: InviteSession, request: Request, server: ServerTransaction, now: float
) -> None:
    server.respond(request.reply(200), now)
    session.emit(MessageReceived(request.content_type, request.body))


def _refer(session: InviteSession, request: Request, server: ServerTransaction, now: float) -> None:
    if session.state is State.CONFIRMED:
        session.transfers.receive(request, server, now)
    else:
        server.respond(request.reply(491), now)


def _notify(
    session: InviteSession, request: Request, server: ServerTransaction, now: float
) -> None:
    session.transfers.notified(request, server, now)


def _options(
    session: InviteSession, request: Request, server: ServerTransaction, now: float
) -> None:
    server.respond(capabilities(request), now)


def capabilities(request: Request) -> Response:
    """The answer to an OPTIONS (RFC 3261 §11.2)."""
    response = request.reply(200)
    response.headers.add("Allow", ALLOW)
    response.headers.add("Accept", "application/sdp, multipart/mixed, message/sipfrag")
    response.headers.add("Supported", ", ".join(EXTENSIONS))
    return response


Handler = Callable[["InviteSession", Request, ServerTransaction, float], None]
HANDLERS: dict[str, Handler] = {
    "BYE": _bye,
    "INVITE": _invite,
    "UPDATE": _update,
    "PRACK": _prack,
    "INFO": _info,
    "MESSAGE": _message,
    "REFER": _refer,
    "NOTIFY": _notify,
    "OPTIONS": _options,
}
ALLOW = ", ".join(("INVITE", "ACK", "CANCEL", *sorted(HANDLERS.keys() - {"INVITE"})))
"""What we allow in and out of a dialog."""


def receive(
    session: InviteSession, request: Request, server: ServerTransaction, now: float
) -> None:
    """Its sequence was checked by the front."""
    handler = HANDLERS.get(request.method)
    if handler is None:
        refusal = request.reply(405)
        refusal.headers.add("Allow", ALLOW)
        server.respond(refusal, now)
        return
    handler(session, request, server, now)


__all__ = ["ALLOW", "EXTENSIONS", "capabilities", "receive"]
