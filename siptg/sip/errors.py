"""What can go wrong in SIP.

SipError
├── ProtocolError     the peer's fault; carries the status to answer with
└── LocalError        ours: a verb that the state forbids, a value that cannot be written
"""

from __future__ import annotations


class SipError(Exception):
    """Root of all errors of `siptg.sip`."""


class ProtocolError(SipError):
    """A peer sent what the RFC does not allow. `status` is what a server answers (RFC 3261 §21)."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


class LocalError(SipError):
    """We asked for something that cannot be done now, or cannot be written as SIP."""
