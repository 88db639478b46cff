"""How long a call waits in each of its states. Pure."""

from __future__ import annotations

import attrs

LEAST, MOST = 5.0, 300.0
"""Seconds: what a server asks for beyond these is not believed."""


@attrs.frozen
class CallTimes:
    """Seconds."""

    receive: float = 20.0
    """Until her device says that it has our call."""
    ring: float = 90.0
    keys: float = 20.0
    """For each step of the exchange of keys."""
    connect: float = 30.0
    """From the keys to the first path."""
    lost: float = 60.0
    """How long a path is sought anew."""
    parting: float = 3.0
    """For the server's word after the other end closed the media."""
    ending: float = 10.0
    """For the answer to our discard."""

    def told(self, receive_ms: int, ring_ms: int, connect_ms: int) -> CallTimes:
        """As `help.getConfig` wants them, within what makes sense (design: §1.3)."""
        receive, ring, connect = (
            min(max(ms / 1000, LEAST), MOST) for ms in (receive_ms, ring_ms, connect_ms)
        )
        return attrs.evolve(self, receive=receive, keys=receive, ring=ring, connect=connect)
