"""The times of RFC 3261 §17 and what follows from them; settings, so that a test bench may shrink
them.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Times:
    """All in seconds."""

    t1: float = 0.5
    """Estimate of a round trip (§17.1.1.1)."""
    t2: float = 4.0
    """Longest interval between two non-INVITE requests or INVITE responses."""
    t4: float = 5.0
    """How long a message may live in the network."""

    @property
    def patience(self) -> float:
        """64 T1: Timers B, F, H, J, L and M."""
        return 64 * self.t1

    @property
    def timer_d(self) -> float:
        """How long repeated failures are still acknowledged on an unreliable transport."""
        return max(32.0 * self.t1 / 0.5, self.patience)
