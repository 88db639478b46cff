"""What the stack reports of sessions, as values."""

from __future__ import annotations

import attrs

from siptg.sip.message import Request
from siptg.sip.uri import NameAddr


@attrs.frozen
class Ringing:
    """A provisional answer other than 100 came, for a call we make."""

    status: int
    """180, 183, …"""
    early_media: bool
    """It brought an answer to our offer: the network plays its own sound."""


@attrs.frozen
class Answered:
    """The session is confirmed: 2xx and ACK have crossed."""


@attrs.frozen
class Renegotiated:
    """A re-INVITE changed the session, ours or theirs."""


@attrs.frozen
class InfoReceived:
    """An INFO came inside the dialog and was answered 200 (RFC 6086)."""

    content_type: str
    body: bytes


@attrs.frozen
class MessageReceived:
    """A MESSAGE came inside the dialog and was answered 200 (RFC 3428)."""

    content_type: str
    body: bytes


@attrs.frozen
class Referred:
    """They ask us to call somebody instead: a transfer (RFC 3515). It wants an answer."""

    target: NameAddr
    replaces: str | None
    """Call to take the place of, as a Replaces header has it (RFC 3891)."""
    by: NameAddr | None
    """Who wants it, as Referred-By says (RFC 3892)."""


@attrs.frozen
class TransferProgress:
    """How the transfer that we asked for goes: a status of the call they make."""

    status: int
    reason: str
    over: bool


@attrs.frozen
class Ended:
    """The last event of a session."""

    status: int
    """The final status where the call was refused, 200 after a BYE, 487 after a CANCEL."""
    reason: str
    by_remote: bool
    """The other end ended it."""
    why: str = ""
    """The Reason header that came with it (RFC 3326), as `Q.850;cause=16`."""


@attrs.frozen
class Notified:
    """A NOTIFY of a subscription of ours came and was answered 200 (RFC 6665)."""

    content_type: str
    body: bytes
    state: str
    """`active`, `pending` or `terminated`, as Subscription-State says."""


@attrs.frozen
class SubscriptionEnded:
    """The last event of a subscription."""

    why: str


@attrs.frozen
class RequestReceived:
    """A MESSAGE, or a NOTIFY that nobody subscribed to, came outside of any dialog and was answered
    200.
    """

    request: Request


SessionEvent = (
    Ringing
    | Answered
    | Renegotiated
    | InfoReceived
    | MessageReceived
    | Referred
    | TransferProgress
    | Notified
    | SubscriptionEnded
    | RequestReceived
    | Ended
)
