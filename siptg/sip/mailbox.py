"""A queue with one reader that costs next to nothing while it is empty."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Each call has one: asyncio's own queue weighs two kilobytes and takes any number of readers.

    RuntimeError where two read at the same time.
    """

    __slots__ = ("_letters", "_waiting")

    def __init__(self) -> None:
        self._letters: list[T] = []
        self._waiting: asyncio.Future[None] | None = None

    def put(self, letter: T) -> None:
        self._letters.append(letter)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def get(self) -> T:
        """The oldest; waits for one."""
        while not self._letters:
            if self._waiting is not None:
                raise RuntimeError("two readers of one call's events")
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return self._letters.pop(0)

    def __len__(self) -> int:
        return len(self._letters)
