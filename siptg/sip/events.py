"""What the stack reports of sessions, as values."""

from __future__ import annotations

import attrs


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
class Ended:
    """The last event of a session."""

    status: int
    """The final status where the call was refused, 200 after a BYE, 487 after a CANCEL."""
    reason: str
    by_remote: bool
    """The other end ended it."""


SessionEvent = Ringing | Answered | Renegotiated | InfoReceived | Ended
