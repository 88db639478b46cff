"""The PBX of the demo, driven over its pipes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any, Self

READY_WITHIN = 10.0


class PbxProcess:
    """`async with PbxProcess({"ann": "secret"}) as pbx`: a process of its own, ended with the
    block.
    """

    def __init__(self, users: dict[str, str]) -> None:
        self.said: list[dict[str, Any]] = []
        """All its lines, oldest first."""
        self.address: tuple[str, int] = ("", 0)
        self._users = users
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "siptg.app.demo.pbx", stdin=pipe, stdout=pipe
        )
        self._reading = asyncio.create_task(self._read())
        self._write(self._users)
        ready = await self.until(lambda line: "ready" in line, READY_WITHIN)
        self.address = ready["ready"][0], ready["ready"][1]
        return self

    async def __aexit__(self, *why: object) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            self.tell(do="stop")
            try:
                await asyncio.wait_for(process.wait(), 4)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._reading is not None:
            await self._reading

    def tell(self, **order: Any) -> None:
        self._write(order)

    def mark(self) -> int:
        """Where its lines stand now, for `until` and `since`."""
        return len(self.said)

    def since(self, mark: int, key: str) -> list[Any]:
        """The values of a key in the lines since a mark."""
        return [line[key] for line in self.said[mark:] if key in line]

    async def until(
        self, wanted: Callable[[dict[str, Any]], bool], seconds: float, mark: int = 0
    ) -> dict[str, Any]:
        """The first such line since a mark; TimeoutError tells what it said instead."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._changed.clear()
                    for line in self.said[mark:]:
                        if wanted(line):
                            return line
                    if self._reading is not None and self._reading.done():
                        raise ConnectionError(f"the PBX has ended; it said {self.said[-5:]}")
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"the PBX said only {self.said[mark:][-5:]}") from None

    def _write(self, line: object) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write((json.dumps(line) + "\n").encode())

    async def _read(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        while line := await self._process.stdout.readline():
            self.said.append(json.loads(line))
            self._changed.set()
        self._changed.set()
