"""The questions of a sign-in: answered from the environment, else asked at a terminal.

Secrets never come as arguments, which every user of the machine can read in `ps`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import attrs
import segno
import typer

from siptg.telegram.account.sign_in import CodeSent

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

PHONE, CODE, CODE_FILE = "SIPTG_PHONE", "SIPTG_CODE", "SIPTG_CODE_FILE"
PASSWORD, BOT_TOKEN = "SIPTG_PASSWORD", "SIPTG_BOT_TOKEN"
FILE_WITHIN = 300.0
"""Seconds that a code has to appear in its file."""


class NoAnswer(Exception):
    """Nobody can be asked; the text says which variable would answer."""


@attrs.define(eq=False)
class Questions:
    """An `Asker`: each variable answers once, then only a person can."""

    environment: Mapping[str, str] = attrs.field(default=os.environ, repr=False)
    terminal: bool = attrs.field(factory=lambda: sys.stdin.isatty())
    _used: set[str] = attrs.field(factory=set)

    def ready(self, *, code: bool) -> None:
        """NoAnswer now rather than after Telegram has sent a code that nobody can give."""
        if code and not self.terminal and not (self._has(CODE) or self._has(CODE_FILE)):
            raise NoAnswer(
                f"the code cannot be asked for without a terminal: set {CODE}, or {CODE_FILE} to "
                "a file that the code will be written to"
            )

    async def phone(self) -> str:
        return await self._ask(PHONE, "Phone number, with its country (+49…)")

    async def token(self) -> str:
        return await self._ask(BOT_TOKEN, "Token of the bot, from @BotFather", hidden=True)

    async def code(self, sent: CodeSent, trouble: str) -> str:
        self._tell(trouble)
        self._tell(f"Telegram has sent a code {sent.way}.")
        if self._has(CODE_FILE) and CODE_FILE not in self._used:
            self._used.add(CODE_FILE)
            return await _read_when_there(Path(self.environment[CODE_FILE]))
        more = f" (Enter alone: it is sent again, {sent.next_way})" if sent.next_way else ""
        return await self._ask(CODE, f"Code{more}", empty=True, trouble=trouble)

    async def password(self, hint: str, trouble: str) -> str:
        self._tell(trouble)
        shown = f" (hint: {hint})" if hint else ""
        return await self._ask(PASSWORD, f"Two-step password{shown}", hidden=True, trouble=trouble)

    async def show(self, url: str, until: datetime) -> None:
        """Half blocks, so that a code of 33 lines is no taller than 21."""
        typer.echo("\nIn Telegram on your phone: Settings, Devices, Link Desktop Device.")
        code = segno.make_qr(url, error="l")
        code.terminal(compact=True)
        typer.echo(f"Good until {until.astimezone():%H:%M:%S}, then a new one is shown.")

    def _has(self, variable: str) -> bool:
        return bool(self.environment.get(variable))

    def _tell(self, text: str) -> None:
        if text:
            typer.echo(text, err=True)

    async def _ask(
        self,
        variable: str,
        prompt: str,
        *,
        hidden: bool = False,
        empty: bool = False,
        trouble: str = "",
    ) -> str:
        if self._has(variable) and variable not in self._used:
            self._used.add(variable)
            return self.environment[variable].strip()
        if not self.terminal:
            if trouble:
                raise NoAnswer(f"{trouble}; without a terminal nobody can be asked again")
            asked = prompt.partition(" (")[0]
            raise NoAnswer(f"{asked}: nobody can be asked without a terminal: set {variable}")
        default = "" if empty else None

        def ask() -> str:
            return str(
                typer.prompt(
                    prompt, hide_input=hidden, default=default, show_default=False, err=True
                )
            )

        return (await _at_terminal(ask)).strip()


async def _at_terminal(ask: Callable[[], str]) -> str:
    """Wait for somebody to type, in a thread that Ctrl-C need not wait for; the terminal shows
    what is typed again afterwards.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str] = loop.create_future()
    before = termios.tcgetattr(sys.stdin) if termios and sys.stdin.isatty() else None

    def work() -> None:
        try:
            given, error = ask(), None
        except BaseException as aborted:  # Ctrl-D ends the command, not only this thread
            given, error = "", aborted
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, answered, given, error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return await answered
    finally:
        if before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def _settle(answered: asyncio.Future[str], given: str, error: BaseException | None) -> None:
    if answered.done():
        return
    if error is None:
        answered.set_result(given)
    else:
        answered.set_exception(error)


async def _read_when_there(path: Path) -> str:
    deadline = time.monotonic() + FILE_WITHIN
    while time.monotonic() < deadline:
        try:
            text = path.read_text(encoding="utf-8").strip()
        except OSError:
            text = ""
        if text:
            return text
        await asyncio.sleep(0.1)
    raise NoAnswer(f"no code has come into {path} within {FILE_WITHIN:.0f} seconds")
