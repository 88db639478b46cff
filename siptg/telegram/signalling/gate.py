"""How many packets of the other end are looked at: a burst, then so many a second. Pure."""

from __future__ import annotations

import attrs

BURST, A_SECOND = 256, 32
"""A call has some dozens of signalling packets in all."""


@attrs.define(eq=False)
class Gate:
    """`lets(now)` for each packet; False where it is one too many."""

    _left: float = BURST
    _at: float = 0.0

    def lets(self, now: float) -> bool:
        self._left = min(BURST, self._left + (now - self._at) * A_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
