"""docs/howto/lab.md, played: what it says to type is typed, what it says to see is seen."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "howto" / "lab.md"
WITHIN = 20.0


class Terminal:
    """A command on pipes; `see` finds each line once, in whatever order they came."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.lines: list[str] = []
        self._more = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.lines.append(line.decode().rstrip("\n"))  # until it is found
            self._more.set()

    def type(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def see(self, wanted: str) -> None:
        pattern = re.compile(".*".join(map(re.escape, wanted.split("…"))))
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    self._more.clear()
                    found = next((line for line in self.lines if pattern.fullmatch(line)), None)
                    if found is not None:
                        self.lines.remove(found)
                        return
                    await self._more.wait()
        except TimeoutError:
            seen = "\n".join(self.lines)
            raise AssertionError(f"the page promises {wanted!r}; else seen:\n{seen}") from None

    async def end(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = await asyncio.wait_for(self._process.wait(), WITHIN)
        await self._reading
        return code


@contextlib.asynccontextmanager
async def terminal(folder: Path, *command: str) -> AsyncIterator[Terminal]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "siptg", *command),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield Terminal(process)
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), WITHIN)


async def test_the_page_of_the_lab_is_true(tmp_path: Path) -> None:
    blocks = re.findall(r"```text (lab|phone)\n(.*?)```", PAGE.read_text(), re.S)
    assert [name for name, _ in blocks] == ["lab", "phone", "lab", "lab", "phone"]
    own = ("lab", "--product", "--port", "0", "--pbx-port", "0")
    async with terminal(tmp_path, *own) as lab, contextlib.AsyncExitStack() as stack:
        phone: Terminal | None = None
        for name, block in blocks:
            if name == "phone" and phone is None:
                phone = await stack.enter_async_context(terminal(tmp_path, "lab", "phone", "ann"))
            at = lab if name == "lab" else phone
            assert at is not None
            for line in block.splitlines():
                if line.startswith("> "):
                    at.type(line.removeprefix("> "))
                else:
                    await at.see(line)
        assert phone is not None
        assert await phone.end() == 0
        lab.type("quit")
        assert await lab.end() == 0
    assert (tmp_path / "call.wav").stat().st_size > 10_000


async def test_the_script_of_the_page_ends_with_one_where_nothing_is_as_expected(
    tmp_path: Path,
) -> None:
    async with terminal(tmp_path, "lab", "--port", "0", "--no-pbx") as lab:
        await lab.see("The product's configuration: …")
        async with terminal(tmp_path, "lab", "phone", "ann") as phone:
            phone.type(":call")
            await phone.see("! no chat is open: :chat NAME")
            phone.type(":chat nobody")
            await phone.see("! Telegram says USERNAME_NOT_OCCUPIED")
            phone.type(":chat siptg")
            phone.type(":expect snow")
            await phone.see("! expected, and not seen: snow")
            assert await phone.end() == 1


async def test_a_lab_that_starts_again_has_its_users_and_says_where_it_cannot(
    tmp_path: Path,
) -> None:
    own = ("lab", "--port", "0", "--no-pbx")
    async with terminal(tmp_path, *own, "--user", "eve") as lab:
        await lab.see("The lab listens at 127.0.0.1:…; users: eve.")
        lab.type("quit")
        assert await lab.end() == 0
    async with terminal(tmp_path, *own, "--user", "eve", "--user", "dan") as lab:
        await lab.see("The lab listens at 127.0.0.1:…; users: eve, dan.")
        lab.type("users")
        await lab.see("eve  +9996620001  connections: 0")
        await lab.see("dan  +9996620002  connections: 0")
        lab.type("cut dan in much")
        await lab.see("! a number expected: cut dan in much")
        lab.type("frobnicate")
        await lab.see("! not understood: frobnicate; `help` lists the orders")
        lab.type("add dan")
        await lab.see("! there is a user dan already")
        lab.type("drop tom")
        await lab.see("! there is no user tom; `users` lists all")
        lab.type("quit")
        assert await lab.end() == 0
    (tmp_path / "siptg-lab" / "lab-state.json").write_text("{}")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "siptg", *own), cwd=tmp_path, stderr=PIPE, stdin=PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"lab-state.json cannot be used: version None of its form" in said


async def test_a_phone_without_a_lab_says_where_it_looked(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "siptg", "lab", "phone", "ann"), cwd=tmp_path, stderr=PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"no lab in siptg-lab: start one there with `siptg lab`" in said


pytestmark = pytest.mark.timeout(120)
