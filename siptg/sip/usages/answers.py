"""Messages that a session makes of other messages."""

from __future__ import annotations

from siptg.sip.auth import Client as DigestClient
from siptg.sip.message import Request, Response
from siptg.sip.uri import Uri


def answer(request: Request, tag: str, contact: Uri, allow: str, body: bytes) -> Response:
    """A 200 to an INVITE with our SDP (RFC 3261 §13.3.1.4)."""
    response = request.reply(200, to_tag=tag)
    response.headers.add("Contact", f"<{contact}>")
    response.headers.add("Allow", allow)
    if body:
        response.headers.add("Content-Type", "application/sdp")
        response.body = body
    return response


def is_stale(response: Response) -> bool:
    """A challenge that says: the password was right, the nonce too old (RFC 7616 §3.3)."""
    texts = [*response.headers.get_all("WWW-Authenticate")]
    texts += response.headers.get_all("Proxy-Authenticate")
    return any("stale=true" in text.lower().replace(" ", "").replace('"', "") for text in texts)


def with_credentials(request: Request, response: Response, digest: DigestClient) -> Request | None:
    """The request again, one CSeq up, with credentials for its challenges (§22.2); None where none
    of them can be met.
    """
    if not digest.take(response):
        return None
    headers = request.headers.copy()
    headers.remove("Via")
    headers.set("CSeq", f"{request.cseq.number + 1} {request.method}")
    again = Request(request.method, request.uri, headers, request.body)
    digest.authorize(again)
    return again
