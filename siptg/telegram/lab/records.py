"""What the lab writes down."""

from __future__ import annotations

import attrs


@attrs.frozen
class LogEntry:
    """A request that the lab was asked."""

    time: float
    account: str
    request: str
