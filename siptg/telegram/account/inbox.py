"""What people sent and nobody has handled yet: bounded, and of one person only a part, so that
whoever floods us shuts nobody else out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Generic, TypeVar

T = TypeVar("T")

MOST, MOST_OF_ONE = 1000, 500


class Inbox(Generic[T]):
    """First come, first served. Ask whether there is room before you put."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[int, T]] = asyncio.Queue()
        self._of: Counter[int] = Counter()
        """Person → what waits of them."""

    def __len__(self) -> int:
        return self._queue.qsize()

    def has_room(self, person: int) -> bool:
        return len(self) < MOST and self._of[person] < MOST_OF_ONE

    def put(self, person: int, what: T) -> None:
        self._of[person] += 1
        self._queue.put_nowait((person, what))

    async def get(self) -> T:
        person, what = await self._queue.get()
        self._of[person] -= 1
        if not self._of[person]:
            del self._of[person]
        return what
