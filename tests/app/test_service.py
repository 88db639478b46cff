"""The running product on the demo's stage: bad days that must work (real sockets on loopback)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from siptg.app.config import Config
from siptg.app.demo.stage import PHONE_NAME, Stage, stage
from siptg.app.demo.user import Talking, next_call
from siptg.rtp.clock import MediaClock
from siptg.sip.registration import RegistrationState
from siptg.telegram.lab import Lab
from siptg.telegram.lab.user import LabUser

pytestmark = pytest.mark.world


@asynccontextmanager
async def house(folder: Path, **line: Any) -> AsyncIterator[Stage]:
    """The demo's stage; `line` changes its one line."""

    def change(config: Config) -> Config:
        return attrs.evolve(config, lines=(attrs.evolve(config.lines[0], **line),))

    async with stage(folder, change=change) as on:
        yield on


async def settled(on: Stage, state: RegistrationState = RegistrationState.READY) -> None:
    async with asyncio.timeout(5):
        while next(iter(on.service.lines)).state is not state:
            await asyncio.sleep(0.02)


async def calling(on: Stage, number: str) -> Talking:
    """She sends a number, is called back and answers."""
    await on.ann.write(await on.ann.find(PHONE_NAME), number)
    talking = await next_call(on.ann, on.clock, 8)
    await talking.call.answer()
    await asyncio.wait_for(talking.answered.wait(), 8)
    return talking


def saying(*words: str) -> Callable[[object], bool]:
    return lambda seen: all(word in seen.text for word in words)  # type: ignore[attr-defined]


async def test_a_wrong_sip_password_is_told_with_code_and_text_and_nothing_loops(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, password="wrong") as on:
        await settled(on, RegistrationState.REFUSED)
        told = await on.ann.sees(saying("Office", "login or password", "401 Unauthorized"))
        assert "wrong" not in told.text.replace("wrong login", "")
        before = len(on.sip)
        await asyncio.sleep(1.5)
        assert len(on.sip) == before <= 8
        talking = await calling(on, "100")
        await on.ann.sees(saying("↗ 100", "401 Unauthorized"), 8)
        await talking.close()


async def test_an_unknown_number_is_told_with_404(tmp_path: Path) -> None:
    async with house(tmp_path) as on:
        await settled(on)
        talking = await calling(on, "999")
        await on.ann.sees(saying("↗ 999", "does not exist", "404 Not Found"), 8)
        await asyncio.wait_for(talking.ended.wait(), 5)
        await talking.close()


async def test_unanswered_in_telegram_the_pbx_gets_480_after_the_lines_time(tmp_path: Path) -> None:
    async with house(tmp_path, ring_seconds=1.0) as on:
        await settled(on)
        mark, began = on.pbx.mark(), time.monotonic()
        on.pbx.tell(do="call", user="ann")
        talking = await next_call(on.ann, on.clock, 5)
        line = await on.pbx.until(lambda said: "ended" in said, 8, mark)
        assert line["ended"].startswith("480 ")
        assert 0.9 < time.monotonic() - began < 5
        await on.ann.sees(saying("Missed call", "+4930123456"))
        await talking.close()


async def test_telegram_drops_in_mid_call_and_the_talk_goes_on(tmp_path: Path) -> None:
    async with house(tmp_path) as on:
        await settled(on)
        mark = on.pbx.mark()
        talking = await calling(on, "100")
        await on.pbx.until(lambda said: "answered" in said, 5, mark)
        for account in on.lab.accounts.values():
            on.lab.drop(account)
        await asyncio.sleep(1.2)
        assert talking.ear.hz() == pytest.approx(880, abs=5)
        assert on.pbx.since(mark, "hears")[-1] == pytest.approx(440, abs=5)
        await talking.call.hangup()
        assert (await on.pbx.until(lambda said: "ended" in said, 10, mark))["by"] == "user"
        await on.ann.sees(saying("↗ 100"), 10)
        await talking.close()


async def test_garbage_on_the_sip_port_is_counted_and_the_call_unharmed(tmp_path: Path) -> None:
    async with house(tmp_path) as on:
        await settled(on)
        mark = on.pbx.mark()
        talking = await calling(on, "100")
        await on.pbx.until(lambda said: "answered" in said, 5, mark)
        agent = next(iter(on.service.lines)).phone.agent
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for n in range(500):
                stranger.sendto(bytes([n % 256]) * (n + 5) + b"\r\n\r\n", agent.address)
        await asyncio.sleep(1.0)
        assert agent.counters["garbage"] > 400
        assert talking.ear.hz() == pytest.approx(880, abs=5)
        assert on.pbx.since(mark, "hears")[-1] == pytest.approx(440, abs=5)
        await talking.close()


async def test_an_invite_from_nowhere_gets_no_answer(tmp_path: Path) -> None:
    async with house(tmp_path) as on:
        await settled(on)
        host, port = next(iter(on.service.lines)).phone.address
        text = (
            f"INVITE sip:ann@{host} SIP/2.0\r\n"
            "Via: SIP/2.0/UDP 127.0.0.9:9;branch=z9hG4bKx;rport\r\n"
            "From: <sip:evil@evil>;tag=1\r\nTo: <sip:ann@x>\r\nCall-ID: e\r\nCSeq: 1 INVITE\r\n"
            "Contact: <sip:evil@127.0.0.9>\r\n\r\n"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as scanner:
            scanner.bind(("127.0.0.9", 0))
            scanner.setblocking(False)
            scanner.sendto(text.encode(), (host, port))
            await asyncio.sleep(0.3)
            with pytest.raises(BlockingIOError):
                scanner.recv(4096)
        assert not any("☎" in seen.text for seen in on.ann.seen)


async def test_it_runs_until_a_part_of_it_breaks_whose_error_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path) as on:
        eve_user = on.lab.add_user("Eve", "+10000009", "eve")
        async with LabUser(on.lab, eve_user, ("127.0.0.1",)) as eve:
            serving = asyncio.create_task(on.service.run())
            chat = await eve.find(PHONE_NAME)
            await eve.write(chat, "100")
            await eve.sees(saying("its own users only"))  # a task of the service's has ended
            await asyncio.sleep(0)
            assert not serving.done()

            def broken(_: object) -> None:
                raise ArithmeticError("on purpose")

            monkeypatch.setattr(on.service, "_hint", broken)
            await eve.write(chat, "100")
            with pytest.raises(ArithmeticError, match="on purpose"):
                await asyncio.wait_for(serving, 5)


async def test_a_stranger_gets_one_hint_and_no_call(tmp_path: Path) -> None:
    async with house(tmp_path) as on:
        eve_user = on.lab.add_user("Eve", "+10000009", "eve")
        async with LabUser(on.lab, eve_user, ("127.0.0.1",)) as eve:
            chat = await eve.find(PHONE_NAME)
            for _ in range(3):
                await eve.write(chat, "100")
            await eve.sees(saying("its own users only"))
            await asyncio.sleep(0.3)
            assert len(eve.seen) == 1
            call = await eve.account.call(chat)
            async with asyncio.timeout(8):
                kinds = [type(event).__name__ async for event in call.events()]
            assert "Answered" not in kinds


CONFIG = """
[telegram]
api_id = 1
api_hash = "x"
ice_addresses = ["127.0.0.1"]
[telegram.server]
host = "{host}"
port = {port}
public_key = '''{key}'''
[[lines]]
name = "Office"
address = "sip:ann@{pbx}"
password = "secret"
person = "ann"
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_ends_the_call_unregisters_and_exits_within_five_seconds(
    tmp_path: Path, how: signal.Signals
) -> None:
    from siptg.app.demo.pbx_process import PbxProcess

    async with Lab() as lab, MediaClock() as clock, PbxProcess({"ann": "secret"}) as pbx:
        phone, user = (
            lab.add_user("Phone", "+1000001", PHONE_NAME),
            lab.add_user("Ann", "+2000002", "ann"),
        )
        host, port = lab.address
        where = f"{pbx.address[0]}:{pbx.address[1]}"
        path = tmp_path / "siptg.toml"
        path.write_text(CONFIG.format(host=host, port=port, key=lab.server.public_key, pbx=where))
        command = [sys.executable, "-m", "siptg"]
        pipe = asyncio.subprocess.PIPE
        login = await asyncio.create_subprocess_exec(
            *command,
            "login",
            phone.phone,
            "--config",
            str(path),
            env=os.environ | {"SIPTG_CODE_FILE": str(tmp_path / "code")},
            stdout=pipe,
            stderr=pipe,
        )
        async with asyncio.timeout(15):
            while not lab.code_for(phone.phone):
                await asyncio.sleep(0.05)
            (tmp_path / "code").write_text(lab.code_for(phone.phone))
            _, errors = await login.communicate()
        assert login.returncode == 0 and b"siptg run" in errors
        running = await asyncio.create_subprocess_exec(
            *command, "run", "--config", str(path), stdout=pipe, stderr=pipe
        )
        async with LabUser(lab, user, ("127.0.0.1",)) as ann:
            assert running.stderr is not None
            begun = await asyncio.wait_for(running.stderr.readuntil(b"running with"), 20)
            mark = pbx.mark()
            await ann.write(await ann.find(PHONE_NAME), "100")
            talking = await next_call(ann, clock, 10)
            await talking.call.answer()
            await pbx.until(lambda said: "answered" in said, 10, mark)
            began = time.monotonic()
            running.send_signal(how)
            _, log = await asyncio.wait_for(running.communicate(), 6)
            assert time.monotonic() - began < 5
            assert running.returncode == 0, log.decode()
            assert (await pbx.until(lambda said: "ended" in said, 2, mark))["by"] == "user"
            await asyncio.wait_for(talking.ended.wait(), 2)
            pbx.tell(do="call", user="ann")
            line = await pbx.until(
                lambda said: str(said.get("ended", "")).startswith("404"), 3, mark
            )
            assert line["by"] == "pbx"
            await talking.close()
        log = begun + log
        assert "2000002" not in log.decode() and "secret" not in log.decode()
