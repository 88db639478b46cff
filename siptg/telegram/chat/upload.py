"""One file on its way up, part by part (core.telegram.org/api/files)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
from telethon import helpers
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.people import TelegramCause, TelegramRefused

PART = 512 * 1024
"""Bytes of a part: the largest that Telegram takes, and it must divide 512 KB."""
SMALL = 10 * 1024 * 1024
"""Bytes up to which a file goes by saveFilePart, with a checksum."""
LARGEST = 4000 * PART
AT_ONCE = 3
"""Parts on their way at the same time."""
TRIES, LONGEST_PAUSE = 6, 16.0
"""Of one request; seconds between two tries: 1, 2, 4 …"""
TOLD_EVERY = 1.0
"""Seconds between two words about progress."""

Progress = Callable[[int, int], None]
"""(bytes done, bytes in all)."""

_MISSING = re.compile(r"FILE_PART_?(\d+)_MISSING")
_TRANSIENT = frozenset({TelegramCause.SILENT, TelegramCause.FLOOD})


@attrs.define
class Pace:
    """Tells progress no more than once a second, and the end in any case."""

    progress: Progress | None
    total: int
    _last: float = attrs.field(default=float("-inf"), init=False)

    def tell(self, done: int, now: float) -> None:
        if self.progress is not None and (done >= self.total or now - self._last >= TOLD_EVERY):
            self._last = now
            self.progress(done, self.total)


async def patiently(ask: Callable[[], Awaitable[Any]], counters: Counter[str]) -> Any:
    """A request that is tried again after silence, a flood wait, or a fault of the servers."""
    for attempt in range(TRIES):
        try:
            return await ask()
        except TelegramRefused as refused:
            fault = refused.text in {"INTERNAL", "SERVER_ERROR", "RPC_CALL_FAIL", "TIMEOUT"}
            if attempt == TRIES - 1 or not (refused.cause in _TRANSIENT or fault):
                raise
            counters["asked_again"] += 1
            await asyncio.sleep(refused.seconds or min(2.0**attempt, LONGEST_PAUSE))
    raise AssertionError("the last try returns or raises")


@attrs.define(eq=False)
class Upload:
    """Knows which parts are there. `run` may be called again after it was refused: it sends what
    is missing, as long as Telegram keeps the others (hours).
    """

    source: Path | bytes = attrs.field(repr=False)
    size: int
    id: int = attrs.field(factory=helpers.generate_random_long)
    done: set[int] = attrs.field(factory=set)
    counters: Counter[str] = attrs.field(factory=Counter)

    @classmethod
    def of(cls, source: Path | bytes) -> Upload:
        """TelegramRefused for what Telegram would not take: nothing, or more than 2 GB."""
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if not 0 < size <= LARGEST:
            text = "FILE_PART_EMPTY" if not size else "FILE_PARTS_INVALID"
            raise TelegramRefused(TelegramCause.INTERNAL, text)
        return cls(source, size)

    @property
    def count(self) -> int:
        return -(-self.size // PART)

    @property
    def big(self) -> bool:
        return self.size > SMALL

    async def run(self, ask: Callable[[Any], Awaitable[Any]], pace: Pace) -> None:
        """Send the parts that are missing; TelegramRefused when one of them will not go."""
        missing = [n for n in range(self.count) if n not in self.done]

        async def sender() -> None:
            while missing:
                part = missing.pop(0)
                await self._send(ask, part)
                self.done.add(part)
                pace.tell(min(len(self.done) * PART, self.size), time.monotonic())

        senders = [asyncio.create_task(sender()) for _ in range(min(AT_ONCE, len(missing)))]
        try:
            await asyncio.gather(*senders)
        finally:
            for task in senders:
                task.cancel()
            await asyncio.gather(*senders, return_exceptions=True)

    def forget_missing(self, refusal: str) -> bool:
        """Telegram says that it lacks a part: send it again."""
        found = _MISSING.fullmatch(refusal)
        if found is None:
            return False
        self.done.discard(int(found[1]))
        return True

    def input_file(self, name: str) -> Any:
        """What a message refers to the upload by. Reads a small file whole, for its checksum."""
        if self.big:
            return tl.InputFileBig(self.id, self.count, name)
        checksum = hashlib.md5(self._read(0, self.size), usedforsecurity=False).hexdigest()
        return tl.InputFile(self.id, self.count, name, checksum)

    async def _send(self, ask: Callable[[Any], Awaitable[Any]], part: int) -> None:
        data = await asyncio.to_thread(self._read, part * PART, PART)
        request = (
            fn.upload.SaveBigFilePartRequest(self.id, part, self.count, data)
            if self.big
            else fn.upload.SaveFilePartRequest(self.id, part, data)
        )
        await patiently(lambda: ask(request), self.counters)

    def _read(self, at: int, size: int) -> bytes:
        if isinstance(self.source, bytes):
            return self.source[at : at + size]
        file = os.open(self.source, os.O_RDONLY)
        try:
            return os.pread(file, size, at)
        finally:
            os.close(file)
