"""Foreign programs: whether they are here, ports for them, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

ENDS_WITHIN = 3.0


def need(program: str, package: str) -> None:
    """Skip where the program is not here; fail where everything must be (CI)."""
    if shutil.which(program) is None:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse(f"{program} is missing: apt-get install {package}")


def free_ports(count: int = 1, *, even: bool = False) -> int:
    """The first of `count` ports in a row that are free for UDP and TCP on loopback."""
    while True:
        with contextlib.ExitStack() as stack:
            first = 0
            try:
                for step in range(count):
                    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                        probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
                        probe.bind(("127.0.0.1", first + step if first else 0))
                        first = first or probe.getsockname()[1]
            except (OSError, OverflowError):
                continue
            if not (even and first % 2):
                return first


def sip_uri(user: str, address: tuple[str, int]) -> str:
    return f"sip:{user}@{address[0]}:{address[1]}"


def udp_is_bound(port: int) -> bool:
    return is_bound(port, "udp")


def is_bound(port: int, kind: str) -> bool:
    """Whether some program listens there; asking the kernel's list disturbs nobody."""
    rows = Path(f"/proc/net/{kind}").read_text().splitlines()[1:]
    listening = [row for row in rows if kind == "udp" or row.split()[3] == "0A"]
    return any(int(row.split()[1].rpartition(":")[2], 16) == port for row in listening)


class Program:
    """A foreign process in a folder of its own, its output in one file there."""

    def __init__(self, command: Sequence[str], folder: Path, log: str) -> None:
        self.argv, self.folder, self.log = list(command), folder, folder / log
        self.process: Process | None = None

    async def start(self, ready: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
        """Start it and wait until it answers; RuntimeError with its last words if it does not."""
        with self.log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.argv, cwd=self.folder, stdin=DEVNULL, stdout=log, stderr=log
            )
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not await ready():
            if loop.time() > deadline or self.process.returncode is not None:
                await self.end()
                raise RuntimeError(f"{self.argv[0]} did not come up: {self.last_words()}")
            await asyncio.sleep(0.02)

    async def code(self, seconds: float) -> int:
        """Its exit code, once it has ended by itself; TimeoutError when it does not."""
        if self.process is None:
            raise RuntimeError("not started")
        return await asyncio.wait_for(self.process.wait(), seconds)

    async def end(self) -> None:
        """TERM, a wait, KILL."""
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), ENDS_WITHIN)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    def last_words(self, size: int = 2000) -> str:
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""
