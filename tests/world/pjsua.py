"""pjsua2 as a process: orders by lines of JSON, events to wait for.

async with Pjsua(folder=tmp_path, answer=True) as bob:
    await bob.tell("dial", uri="sip:alice@127.0.0.1:5060")
    await bob.wait("state", state="CONFIRMED")
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any, Self

import pytest

from tests.world.process import free_ports

PROGRAM = Path(__file__).with_name("pjsua_program.py")


class Pjsua:
    """`options` are those of the program: transport, hz, prack, timer, answer, certificate, codec,
    srtp ("optional", "mandatory").
    """

    def __init__(self, *, folder: Path, **options: object) -> None:
        if importlib.util.find_spec("pjsua2") is None:
            refuse = pytest.fail if os.environ.get("CI") else pytest.skip
            refuse("pjsua2 is missing: pip install pjsua2_python (Python 3.11 and 3.12)")
        self.port = free_ports(2)
        self.uri = f"sip:bob@127.0.0.1:{self.port}"
        self.log = folder / f"pjsua-{self.port}.log"
        self.events: list[dict[str, Any]] = []
        self._words = json.dumps({"port": self.port, **options})

    async def __aenter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, str(PROGRAM), self._words, stdin=PIPE, stdout=PIPE, stderr=log
            )
        self._reading = asyncio.create_task(self._read())
        await self.wait("ready", 10)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # it hangs up and ends
        try:
            await asyncio.wait_for(self._process.wait(), 3)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if line.startswith(b"{"):
                self.events.append(json.loads(line))

    async def tell(self, do: str, **values: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps({"do": do, **values}) + "\n").encode())

    async def wait(self, event: str, seconds: float = 8.0, **values: object) -> dict[str, Any]:
        """The next event of that name with these values."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while loop.time() < deadline:
            for n, said in enumerate(self.events):
                if said["event"] == event and all(said.get(k) == v for k, v in values.items()):
                    return self.events.pop(n)
            await asyncio.sleep(0.01)
        words = self.log.read_text(errors="replace")[-1500:]
        raise TimeoutError(f"no {event} {values}; saw {self.events[-8:]}\n{words}")

    async def hears(self, hz: float, seconds: float = 8.0) -> None:
        """Wait until that is what it hears."""
        async with asyncio.timeout(seconds):
            while abs((await self.wait("heard", seconds))["hz"] - hz) > 4:
                pass
