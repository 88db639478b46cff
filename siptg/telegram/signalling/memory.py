"""What was seen before, bounded. Pure."""

from __future__ import annotations

from collections.abc import Hashable

MOST = 4096


class Memory:
    """The newest `most` things that were added."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: dict[Hashable, None] = {}

    def add(self, thing: Hashable) -> bool:
        """False where it was seen before."""
        if thing in self._seen:
            return False
        self._seen[thing] = None
        if len(self._seen) > self._most:
            del self._seen[next(iter(self._seen))]
        return True

    def __len__(self) -> int:
        return len(self._seen)
