"""`siptg` as people and scripts run it: at a terminal in a process of its own, or without one."""

from __future__ import annotations

import asyncio
import logging
import os
import pty
import sys
import termios
from pathlib import Path

import attrs
from typer.testing import CliRunner

from siptg.app.cli import app
from siptg.telegram.lab import Lab

ROOT = Path(__file__).parent.parent.parent
WITHIN = 30.0
"""Seconds for one command; on a busy machine Python alone takes a few."""


@attrs.frozen
class Ran:
    code: int
    out: str
    err: str


@attrs.define(eq=False)
class Install:
    """A folder with a configuration that knows a lab."""

    folder: Path
    lab: Lab
    bot_token: str = ""

    def __attrs_post_init__(self) -> None:
        server = self.lab.server
        token = f'bot_token = "{self.bot_token}"\n' if self.bot_token else ""
        (self.folder / "siptg.toml").write_text(
            f'[telegram]\napi_id = 1\napi_hash = "planted-hash"\n{token}'
            f'[telegram.server]\nhost = "{server.host}"\nport = {server.port}\n'
            f'public_key = """{server.public_key}"""\n'
            '[[lines]]\nname = "Office"\naddress = "sip:a@127.0.0.1"\npassword = "planted-line"\n'
            'person = "ann"\n'
        )

    async def run(self, *arguments: str, stdin: str = "", **environment: str) -> Ran:
        """Without a terminal, in a thread: a process of its own would cost a second each time."""
        words = [*arguments, "--config", str(self.folder / "siptg.toml")]
        hidden = {name: None for name in os.environ if name.startswith("SIPTG_")}
        handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
        runner = CliRunner(env=hidden | {"NO_COLOR": "1", "COLUMNS": "200"} | environment)
        try:
            async with asyncio.timeout(WITHIN):
                done = await asyncio.to_thread(runner.invoke, app, words, input=stdin)
        finally:
            logging.getLogger().handlers[:] = handlers
            logging.getLogger().setLevel(level)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    async def terminal(self, *arguments: str, **environment: str) -> Terminal:
        """At a terminal, where questions are answered."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (60, 120))
        process = await asyncio.create_subprocess_exec(
            *_command(arguments),
            cwd=self.folder,
            env=_environment(environment) | {"TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        return Terminal(ours, process)


class Terminal:
    """The person's side of a pseudo-terminal."""

    def __init__(self, handle: int, process: asyncio.subprocess.Process) -> None:
        self.shown = ""
        self._handle, self._process, self._read = handle, process, 0
        self._more = asyncio.Event()
        os.set_blocking(handle, False)
        asyncio.get_running_loop().add_reader(handle, self._take)

    def _take(self) -> None:
        try:
            data = os.read(self._handle, 65_536)
        except OSError:  # the other side is closed
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._handle)
        self.shown += data.decode("utf-8", "replace")
        self._more.set()

    async def sees(self, text: str) -> None:
        """Wait until a text comes after what was seen before."""
        try:
            async with asyncio.timeout(WITHIN):
                while (at := self.shown.find(text, self._read)) < 0:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise TimeoutError(f"{text!r} was not seen in {self.shown[self._read :]!r}") from None
        self._read = at + len(text)

    def type(self, text: str) -> None:
        os.write(self._handle, text.encode() + b"\n")

    async def ends(self) -> int:
        async with asyncio.timeout(WITHIN):
            code = await self._process.wait()
        await asyncio.sleep(0.05)  # what it said last
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        return code


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "siptg", *arguments]


def _environment(more: dict[str, str]) -> dict[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("SIPTG_")}
    return own | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"} | more
