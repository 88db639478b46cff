"""Rate limits: so many requests of a kind in so many seconds for each account. Pure."""

from __future__ import annotations

import math

import attrs

MOST_BUCKETS = 10_000


@attrs.frozen
class Limit:
    count: int
    seconds: float


@attrs.define(eq=False)
class Limits:
    """Buckets that fill again evenly. Telegram does not tell its own limits: none are set here
    until somebody sets them.
    """

    of: dict[type, Limit] = attrs.field(factory=dict)
    _buckets: dict[tuple[int, type], tuple[float, float]] = attrs.field(factory=dict)
    """(account, query) → (tokens, when)."""

    def wait(self, account: int, query: type, now: float) -> int:
        """Seconds of the FLOOD_WAIT that this request gets; 0 where it may pass."""
        limit = self.of.get(query)
        if limit is None:
            return 0
        tokens, then = self._buckets.pop((account, query), (float(limit.count), now))
        rate = limit.count / limit.seconds
        tokens = min(float(limit.count), tokens + max(0.0, now - then) * rate)
        wait = 0 if tokens >= 1 else math.ceil((1 - tokens) / rate)
        self._buckets[account, query] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > MOST_BUCKETS:
            del self._buckets[next(iter(self._buckets))]
        return wait
