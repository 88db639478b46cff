"""What a mailbox holds (RFC 3842)."""

from __future__ import annotations

import re

import attrs

from siptg.sip.errors import ProtocolError

CONTENT_TYPE = "application/simple-message-summary"
_COUNT = re.compile(r"(\d{1,9})\s*/\s*(\d{1,9})(?:\s*\(\s*(\d{1,9})\s*/\s*(\d{1,9})\s*\))?\Z")


@attrs.frozen
class Count:
    new: int
    old: int
    new_urgent: int = 0
    old_urgent: int = 0


@attrs.frozen
class MessageSummary:
    waiting: bool
    account: str | None = None
    counts: dict[str, Count] = attrs.field(factory=dict)
    """By class, in lower case: `voice-message`, `fax-message`, …"""

    @property
    def voice(self) -> Count:
        return self.counts.get("voice-message", Count(0, 0))

    @classmethod
    def parse(cls, body: bytes) -> MessageSummary:
        """ProtocolError where it does not say whether anything waits."""
        waiting: bool | None = None
        account, counts = None, dict[str, Count]()
        for line in body.decode("utf-8", "replace").splitlines()[:100]:
            name, colon, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            if not colon:
                continue
            if name == "messages-waiting":
                waiting = value.lower() == "yes"
            elif name == "message-account":
                account = value
            elif found := _COUNT.match(value):
                counts[name] = Count(*(int(n or 0) for n in found.groups()))
        if waiting is None:
            raise ProtocolError("a message summary without Messages-Waiting")
        return cls(waiting, account, counts)
