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
from siptg.phone import Call, CallFailed, Digit, Held, Incoming, Phone, TransferAsked
from siptg.rtp.sounds.goertzel import Ear
from siptg.sip.account import SipAccount
from siptg.sip.auth import Digest
from siptg.sip.ids import Ids
from siptg.sip.registration import RegistrationFailed
from siptg.sip.timers import Times
from siptg.sip.transport.tls import TlsSettings
from siptg.sip.uri import Uri
from siptg.sip.usages.registrar import Registrar
from siptg.sip.usages.registration import Given as RegistrationGiven
from tests.support.agents import certificates

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


async def ring(at: Phone, seconds: float = 3.0) -> Call:
    """The next call of a phone, answered."""
    incoming = await asyncio.wait_for(anext(at.incoming()), seconds)
    return await incoming.answer()


async def asked(call: Call) -> TransferAsked:
    """The transfer that the other end wants."""
    async with asyncio.timeout(5):
        async for event in call.events():
            if isinstance(event, TransferAsked):
                return event
    raise AssertionError("no transfer")


def at(phone: Phone, user: str = "x") -> str:
    return f"sip:{user}@127.0.0.1:{phone.address[1]}"


@pytest.mark.world
@pytest.mark.rfc(5589, "6")
async def test_a_blind_transfer_joins_the_two_others() -> None:
    loop = ("127.0.0.1", 0)
    async with Phone(listen=loop) as a, Phone(listen=loop) as b, Phone(listen=loop) as c:
        first, theirs = await asyncio.gather((await a.dial(at(b))).answered(), ring(b))
        asking = asyncio.create_task(first.transfer(at(c)))
        event = await asked(theirs)
        assert event.target.uri.port == c.address[1]
        outgoing = await theirs.follow()
        joined, heard = await asyncio.gather(outgoing.answered(), ring(c))
        progress = await asyncio.wait_for(asking, 3)
        assert (progress.status, progress.over) == (200, True)
        await first.hangup()
        ear = Ear(8000, 0.3)
        heard.listen(ear.write)
        await joined.play("tone:440/600")
        assert ear.hz() == pytest.approx(440, abs=4)


@pytest.mark.world
@pytest.mark.rfc(5589, "7")
@pytest.mark.rfc(3891, "3")
async def test_an_attended_transfer_takes_the_place_of_the_call_it_names() -> None:
    loop = ("127.0.0.1", 0)
    async with Phone(listen=loop) as a, Phone(listen=loop) as b, Phone(listen=loop) as c:
        to_b, of_b = await asyncio.gather((await a.dial(at(b))).answered(), ring(b))
        to_c, of_c = await asyncio.gather((await a.dial(at(c))).answered(), ring(c))
        asking = asyncio.create_task(to_b.transfer(to_c))
        await asked(of_b)
        outgoing = await of_b.follow()
        _, new_of_c = await asyncio.gather(outgoing.answered(), ring(c))
        assert (await asyncio.wait_for(asking, 3)).status == 200
        assert (await asyncio.wait_for(to_c.ended(), 3)).by_remote
        assert (await asyncio.wait_for(of_c.ended(), 3)).reason == "replaced"
        assert new_of_c.remote.uri.user is not None


@pytest.mark.world
async def test_a_refused_or_failed_transfer_is_told() -> None:
    loop = ("127.0.0.1", 0)
    async with Phone(listen=loop) as a, Phone(listen=loop) as b:
        first, theirs = await asyncio.gather((await a.dial(at(b))).answered(), ring(b))
        for refuse in (True, False):
            asking = asyncio.create_task(first.transfer("sip:nobody@127.0.0.1:9"))
            await asked(theirs)
            if refuse:
                await theirs.refuse()
            else:
                await theirs.follow()
            assert (await asyncio.wait_for(asking, 3)).status == (603 if refuse else 503)
        with pytest.raises(LookupError):
            await theirs.follow()


@pytest.mark.world
@pytest.mark.rfc(6086, "4.2.2")
async def test_keys_cross_as_info_too() -> None:
    loop = ("127.0.0.1", 0)
    async with Phone(listen=loop) as a, Phone(listen=loop) as b:
        ours, theirs = await asyncio.gather((await a.dial(at(b))).answered(), ring(b))
        await ours.press("7*", info=True)
        keys = [await asyncio.wait_for(anext(theirs.digits()), 2) for _ in range(2)]
        assert keys == ["7", "*"]
        with pytest.raises(ValueError, match="not a key"):
            await ours.press("x", info=True)


async def test_hundreds_of_accounts_share_one_socket_and_are_not_a_burst() -> None:
    secrets = {f"u{n}": f"p{n}" for n in range(200)}
    kept = Registrar()
    guard = Digest("pbx", secrets.get, Ids())
    async with Phone(listen=("127.0.0.1", 0), guard=guard, registrar=kept) as pbx_phone:
        port = pbx_phone.address[1]
        async with Phone(listen=("127.0.0.1", 0)) as phone:
            begun = asyncio.get_running_loop().time()
            held = [
                phone.add(SipAccount(Uri.parse(f"sip:{user}@127.0.0.1:{port}"), secret))
                for user, secret in secrets.items()
            ]
            async with asyncio.timeout(20):
                await asyncio.gather(*(registration.ready() for registration in held))
            assert asyncio.get_running_loop().time() - begun > 0.9
            assert len(kept) == 200
            refreshes = sorted(
                due
                for due, _, _, timer in phone.agent.stack.timers._heap
                if timer is RegistrationGiven.AGAIN
            )
            assert refreshes[-1] - refreshes[0] > 20  # of 300 s granted
        assert len(kept) == 0


@pytest.mark.rfc(3261, "26.3.1")
@pytest.mark.world
async def test_a_phone_over_tls(tmp_path: Path) -> None:
    tls = certificates(tmp_path, "localhost")
    guard = Digest("pbx", {"alice": "secret"}.get, Ids())
    async with Phone(
        listen=("127.0.0.1", 0),
        guard=guard,
        registrar=Registrar(),
        transports=("UDP", "TLS"),
        tls=tls,
    ) as at_pbx:
        port = at_pbx.agent.address_of("TLS")[1]
        address = f"sip:alice@localhost:{port};transport=tls"
        trusting = TlsSettings(authorities=tls.authorities)
        async with Phone(address, password="secret", tls=trusting) as phone:
            await phone.ready()
            outgoing = await phone.dial("100")
            incoming = await asyncio.wait_for(anext(at_pbx.incoming()), 3)
            await incoming.answer()
            call = await outgoing.answered()
            assert {u.flow.transport for u in phone.agent.stack.registrations} == {"TLS"}
            await call.hangup()
            await call.ended()
