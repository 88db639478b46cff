"""Scanners of the field pointed at a phone that guards itself: nothing is open, nothing is told."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

from siptg.phone import Phone
from siptg.sip.auth import Digest
from siptg.sip.door import Door, DoorRules
from siptg.sip.ids import Ids
from siptg.sip.usages.registrar import Registrar
from tests.world.process import need

pytestmark = pytest.mark.world
USERS = {"alice": "101", "100": "xk8-2f"}


def guarded(**rules: float) -> Phone:
    """One that does not even trust its own machine."""
    # of MD5 alone: svcrack breaks on any other
    guard = Digest("siptg", USERS.get, Ids(), algorithms=("MD5",))
    door = Door(DoorRules(**rules), trusted=())  # type: ignore[arg-type]
    return Phone(listen=("127.0.0.1", 0), guard=guard, registrar=Registrar(), door=door)


async def run(*words: str, seconds: float = 60.0) -> str:
    """What a scanner says."""
    tool = shutil.which(words[0]) or shutil.which(words[0], path=str(Path(sys.executable).parent))
    if tool is None:
        need(words[0], f"{words[0]} (pip install sipvicious)")
    process = await asyncio.create_subprocess_exec(
        str(tool), *words[1:], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return said.decode("utf-8", "replace")


@pytest.mark.rfc(3261, "11")
async def test_sipsak_finds_us_alive(tmp_path: Path) -> None:
    async with guarded() as phone:
        said = await run("sipsak", "-vv", "-s", f"sip:127.0.0.1:{phone.address[1]}")
        assert "200 OK" in said


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
async def test_svwar_learns_no_extension(method: str, tmp_path: Path) -> None:
    async with guarded() as phone:
        port = str(phone.address[1])
        words = ("sipvicious_svwar", "--force", "-e", "95-105", "-m", method, "-p", port)
        said = await run(*words, "127.0.0.1")
        if method == "OPTIONS":  # the same answer for each: there is nothing to tell them apart
            assert "| 100" not in said or said.count("| noauth") in (0, 11)
        else:
            found = {n for n in range(95, 106) if f"| {n} " in said}
            assert found in (set(), set(range(95, 106)))
        assert phone.agent.counters["internal"] == 0


async def test_svcrack_finds_no_password_and_is_banned(tmp_path: Path) -> None:
    async with guarded(tries=5, ban=600.0) as phone:
        port = str(phone.address[1])
        words = ("sipvicious_svcrack", "-u", "alice", "-r", "60-120", "-p", port)
        try:
            said = await run(*words, "127.0.0.1", seconds=15)
        except TimeoutError:
            said = ""  # it waits for answers that do not come
        assert "| alice" not in said
        assert phone.agent.counters["banned"] == 1
        assert phone.agent.counters["not_admitted"] > 0
