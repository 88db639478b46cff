"""Drives `ntgcalls_peer.py`: one call of the engine of Telegram's clients, in a process of its own.

async with Engine(on_signal=…) as engine:
    engine.start(key, outgoing=False, hz=440, versions=["9.0.0"])
    engine.signal(packet)
    await engine.hears(880)
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib.util
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import pytest

ROOT = Path(__file__).parents[2]


def need_engine() -> None:
    """Skip where ntgcalls has no wheel for this machine; fail in CI."""
    if importlib.util.find_spec("ntgcalls") is None:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse("ntgcalls is missing: pip install ntgcalls (x86_64 and aarch64)")


class Engine:
    """What it told: `states`, `heard` (Hz, one a second), `remote`, `errors`."""

    def __init__(self, on_signal: Callable[[bytes], None]) -> None:
        need_engine()
        self.on_signal = on_signal
        self.states: list[str] = []
        self.heard: list[float] = []
        self.remote: list[str] = []
        self.errors: list[str] = []
        self._told = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.world.ntgcalls_peer"),
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            limit=1 << 20,
        )
        await self._line()  # ready: importing takes a third of a second
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(ConnectionError):
            self._tell(do="stop")
        with contextlib.suppress(ProcessLookupError):
            self.freeze(False)
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._listening

    def start(
        self,
        key: bytes,
        *,
        outgoing: bool,
        hz: float,
        versions: Sequence[str],
        servers: Sequence[dict[str, object]] = (),
        p2p: bool = True,
    ) -> None:
        """`outgoing` says whether the engine's user is the caller; `servers` are as the peer
        program wants them.
        """
        secret = base64.b64encode(key).decode()
        about = {"key": secret, "outgoing": outgoing, "hz": hz, "versions": list(versions)}
        self._tell(do="start", servers=list(servers), p2p=p2p, **about)

    def signal(self, packet: bytes) -> None:
        """What phone.sendSignalingData of the other user carried."""
        self._tell(do="signal", data=base64.b64encode(packet).decode())

    def mute(self, on: bool) -> None:
        self._tell(do="mute" if on else "unmute")

    def freeze(self, on: bool) -> None:
        """As a phone that falls asleep."""
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    async def stop(self) -> None:
        """Her user hangs up."""
        self._tell(do="stop")
        await self._process.wait()

    async def hears(self, hz: float, seconds: float = 10.0) -> None:
        """Wait for a second in which it hears that tone; TimeoutError says what it heard."""
        await self._until(lambda: abs((self.heard or [0.0])[-1] - hz) < 5, seconds, f"{hz} Hz")

    async def reaches(self, state: str, seconds: float = 10.0) -> None:
        await self._until(lambda: state in self.states, seconds, state)

    async def _until(self, holds: Callable[[], bool], seconds: float, what: str) -> None:
        try:
            async with asyncio.timeout(seconds), self._told:
                await self._told.wait_for(lambda: holds() or self._process.returncode is not None)
        except TimeoutError:
            pass
        if not holds():
            seen = f"states {self.states}, heard {self.heard}, errors {self.errors}"
            raise TimeoutError(f"no {what}: {seen}, exit {self._process.returncode}")

    def _tell(self, **line: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write((json.dumps(line) + "\n").encode())

    async def _line(self) -> bytes:
        return await self._process.stdout.readline() if self._process.stdout else b""

    async def _listen(self) -> None:
        while line := await self._line():
            said = json.loads(line)
            if "signal" in said:
                self.on_signal(base64.b64decode(said["signal"]))
            for kind, kept in (
                ("state", self.states),
                ("heard", self.heard),
                ("remote", self.remote),
                ("error", self.errors),
            ):
                if kind in said:
                    kept.append(said[kind])
            async with self._told:
                self._told.notify_all()
        async with self._told:
            self._told.notify_all()
