"""The phone as a library user holds it: two of them on loopback, and the README's example."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import types
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import siptg
from siptg.phone import Call, CallFailed, Digit, Held, Incoming, Phone
from siptg.rtp.goertzel import Ear
from siptg.sip.auth import Digest
from siptg.sip.ids import Ids
from siptg.sip.registration import RegistrationFailed
from siptg.sip.timers import Times
from siptg.sip.usages.registrar import Registrar

ROOT = Path(__file__).parent.parent.parent


@asynccontextmanager
async def pbx(**options: object) -> AsyncIterator[Phone]:
    """A registrar that knows alice."""
    guard = Digest("pbx", {"alice": "secret"}.get, Ids())
    async with Phone(
        listen=("127.0.0.1", 0),
        guard=guard,
        registrar=Registrar(),
        **options,  # type: ignore[arg-type]
    ) as made:
        yield made


def alice(at: Phone, password: str = "secret") -> Phone:
    return Phone(f"sip:alice@127.0.0.1:{at.address[1]}", password=password)


async def test_it_registers_and_says_why_when_it_cannot() -> None:
    async with pbx() as at, alice(at) as phone:
        await phone.ready()
    async with pbx() as at, alice(at, "wrong") as phone:
        with pytest.raises(RegistrationFailed, match="401 Unauthorized"):
            await phone.ready()


async def test_leaving_takes_the_registration_back() -> None:
    async with pbx() as at:
        async with alice(at) as phone:
            await phone.ready()
            assert at.registrar is not None and at.registrar.locate("alice", 0.0)
        assert at.registrar.locate("alice", 0.0) == []


@pytest.mark.world
async def test_tones_and_keys_cross_both_ways() -> None:
    async with pbx() as at, alice(at) as phone:
        await phone.ready()
        outgoing = await phone.dial("100")
        incoming = await asyncio.wait_for(anext(at.incoming()), 3)
        assert (incoming.number, incoming.caller.uri.user) == ("100", "alice")
        await incoming.ring()
        assert (await outgoing.ringing()).status == 180
        theirs, ours = await incoming.answer(), await outgoing.answered()
        ear_a, ear_b = Ear(8000, 0.4), Ear(8000, 0.4)
        ours.listen(ear_a.write)
        theirs.listen(ear_b.write)
        await asyncio.gather(ours.play("tone:440/800"), theirs.play("tone:880/800"))
        assert ear_a.hz() == pytest.approx(880, abs=4)
        assert ear_b.hz() == pytest.approx(440, abs=4)
        await ours.press("1#")
        keys = [await asyncio.wait_for(anext(theirs.digits()), 2) for _ in range(2)]
        assert keys == ["1", "#"]
        await ours.hangup()
        assert (await theirs.ended()).by_remote and not (await ours.ended()).by_remote


async def answered(at: Phone, phone: Phone) -> tuple[Call, Call]:
    outgoing = await phone.dial("100")
    incoming = await asyncio.wait_for(anext(at.incoming()), 3)
    theirs = await incoming.answer()
    return await outgoing.answered(), theirs


async def test_hold_is_told_to_the_other_end_and_taken_back() -> None:
    async with pbx() as at, alice(at) as phone:
        await phone.ready()
        ours, theirs = await answered(at, phone)
        told: list[bool] = []

        async def watch() -> None:
            async for event in theirs.events():
                if isinstance(event, Held):
                    told.append(event.on)

        watching = asyncio.create_task(watch())
        for on in (True, False):
            await ours.hold(on)
            async with asyncio.timeout(3):
                while len(told) < (1 if on else 2):
                    await asyncio.sleep(0.01)
        assert told == [True, False]
        await ours.hangup()
        await watching


async def test_a_declined_call_is_a_failure_with_its_status() -> None:
    async with pbx() as at, alice(at) as phone:
        await phone.ready()
        outgoing = await phone.dial("100")
        incoming: Incoming = await asyncio.wait_for(anext(at.incoming()), 3)
        await incoming.decline(486)
        with pytest.raises(CallFailed, match="486 Busy Here") as caught:
            await outgoing.answered()
        assert caught.value.ended.status == 486


async def test_giving_up_before_the_answer_is_told_to_the_called() -> None:
    async with pbx() as at, alice(at) as phone:
        await phone.ready()
        outgoing = await phone.dial("100")
        incoming = await asyncio.wait_for(anext(at.incoming()), 3)
        await incoming.ring()
        await outgoing.ringing()
        await outgoing.cancel()
        assert (await incoming.ended()).status == 487


async def test_nobody_there_is_a_failure_and_no_exception_elsewhere() -> None:
    soon = Times(t1=0.005)
    async with Phone("sip:alice@127.0.0.1:9", password="x", times=soon) as phone:
        with pytest.raises(RegistrationFailed, match="503 "):
            await phone.ready()
        with pytest.raises(CallFailed, match="503 "):
            await (await phone.dial("100")).answered()


async def test_offers_without_a_common_codec_are_refused() -> None:
    async with pbx(codecs=("opus",)) as at:
        phone = Phone(f"sip:alice@127.0.0.1:{at.address[1]}", password="secret", codecs=("PCMA",))
        async with phone:
            await phone.ready()
            outgoing = await phone.dial("100")
            incoming = await asyncio.wait_for(anext(at.incoming()), 3)
            await incoming.answer()
            with pytest.raises(CallFailed, match="488"):
                await outgoing.answered()


async def test_what_cannot_be_dialled_or_played_says_so() -> None:
    async with pbx() as at, alice(at) as phone:
        await phone.ready()
        with pytest.raises(ValueError, match="no account"):
            await at.dial("100")
        ours, _ = await answered(at, phone)
        with pytest.raises(ValueError, match="cannot be played"):
            await ours.play("no-such-file.wav")
        with pytest.raises(ValueError, match="not a key"):
            await ours.press("x")


@pytest.mark.world
async def test_the_readmes_example_does_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (ROOT / "README.md").read_text()
    code = next(c for c in re.findall(r"```python\n(.*?)```", readme, re.S) if "Phone(" in c)
    assert len(code.strip().splitlines()) <= 15
    async with pbx() as at:
        code = code.replace("sip:1001@pbx.example.com", f"sip:alice@127.0.0.1:{at.address[1]}")
        code = code.replace("asyncio.run(main())", "")
        module = types.ModuleType("readme")
        exec(compile(code, "README.md", "exec"), module.__dict__)
        running = asyncio.create_task(module.main())
        assert at.registrar is not None
        async with asyncio.timeout(5):
            while not (found := at.registrar.locate("alice", 0.0)):
                await asyncio.sleep(0.02)
        outgoing = await at.dial(str(found[0].contact), caller="<sip:bob@127.0.0.1>")
        call = await outgoing.answered()
        ear, digits = Ear(8000, 0.5), ""
        call.listen(ear.write)
        await asyncio.sleep(1.5)
        assert ear.hz() == pytest.approx(440, abs=4)
        async with asyncio.timeout(6):
            async for event in call.events():
                digits += event.symbol if isinstance(event, Digit) else ""
        assert digits == "1234#"
        assert "call from <sip:bob@127.0.0.1>" in capsys.readouterr().out
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_the_shop_window_is_whole_and_lazy() -> None:
    assert all(getattr(siptg, name) for name in siptg.__all__)
    asked = "import sys, siptg.sip.parser; print('numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, cwd=ROOT)
    assert ran.stdout.strip() == "False", ran.stderr
    with pytest.raises(AttributeError, match="no attribute 'Telephone'"):
        _ = siptg.Telephone
