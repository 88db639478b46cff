"""Our phone and PJSIP: 100rel, UPDATE, session timers, transfers, INFO, TLS, hold."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from siptg.phone import Call, Digit, Phone, TransferAsked
from siptg.rtp.sounds.goertzel import Ear
from siptg.sip.transport.tls import TlsSettings
from tests.phone.test_phone import asked
from tests.support.agents import certificates
from tests.world.pjsua import Pjsua

pytestmark = pytest.mark.world
LISTEN = ("127.0.0.1", 0)


@contextlib.asynccontextmanager
async def they_talk(call: Call, bob: Pjsua) -> AsyncIterator[None]:
    """We say 440 Hz, they 880; within it both have heard the other."""
    ear = Ear(call.audio.rate)
    call.listen(ear.write)
    talking = asyncio.create_task(call.play("tone:440/60000"))
    try:
        await bob.hears(440)
        async with asyncio.timeout(5):
            while abs(ear.hz() - 880) > 4:
                await asyncio.sleep(0.05)
        yield
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)


def at(phone: Phone, transport: str = "UDP") -> str:
    host, port = phone.agent.address_of(transport)
    more = "" if transport == "UDP" else f";transport={transport.lower()}"
    return f"sip:alice@{host}:{port}{more}"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_we_call_and_are_called(transport: str, tmp_path: Path) -> None:
    async with (
        Pjsua(folder=tmp_path, answer=True, transport=transport) as bob,
        Phone(listen=LISTEN) as phone,
    ):
        call = await (await phone.dial(f"{bob.uri};transport={transport}")).answered()
        async with they_talk(call, bob):
            await call.hangup()
        await bob.tell("dial", uri=at(phone, transport.upper()))
        incoming = await asyncio.wait_for(anext(phone.incoming()), 5)
        theirs = await incoming.answer()
        async with they_talk(theirs, bob):
            await bob.tell("hangup")
        assert (await asyncio.wait_for(theirs.ended(), 3)).by_remote


@pytest.mark.rfc(3262, "3")
@pytest.mark.rfc(3262, "4")
async def test_reliable_provisional_answers_both_ways(tmp_path: Path) -> None:
    seen: list[bytes] = []
    async with (
        Pjsua(folder=tmp_path, answer=True, prack=True) as bob,
        Phone(listen=LISTEN) as phone,
    ):
        phone.agent.trace = lambda sign, now, peer, data: seen.append(sign.encode() + data[:6])
        call = await (await phone.dial(bob.uri)).answered()
        async with they_talk(call, bob):
            await call.hangup()
        assert seen.count(b">PRACK ") == 1
        await bob.tell("dial", uri=at(phone))
        incoming = await asyncio.wait_for(anext(phone.incoming()), 5)
        await incoming.ring()
        theirs = await incoming.answer()
        async with they_talk(theirs, bob):
            await theirs.hangup()
        assert seen.count(b"<PRACK ") == 1


@pytest.mark.rfc(4028, "7.1")
@pytest.mark.rfc(4028, "9")
async def test_session_timers_are_agreed_on_both_ways(tmp_path: Path) -> None:
    async with (
        Pjsua(folder=tmp_path, answer=True, timer=True) as bob,
        Phone(listen=LISTEN) as phone,
    ):
        call = await (await phone.dial(bob.uri)).answered()
        (session,) = phone.agent.stack.sessions.values()
        assert session.expiry.interval >= 90
        await call.hangup()
        await call.ended()
        await bob.tell("dial", uri=at(phone))
        incoming = await asyncio.wait_for(anext(phone.incoming()), 5)
        await incoming.answer()
        await bob.wait("state", state="CONFIRMED", call=1)
        (session,) = phone.agent.stack.sessions.values()
        assert session.expiry.interval == 90


@pytest.mark.rfc(3264, "8.4")
@pytest.mark.rfc(3311, "5.2")
async def test_hold_resume_and_update(tmp_path: Path) -> None:
    async with Pjsua(folder=tmp_path, answer=True) as bob, Phone(listen=LISTEN) as phone:
        call = await (await phone.dial(bob.uri)).answered()
        async with they_talk(call, bob):
            for order, held in (("hold", True), ("resume", False)):
                await bob.tell(order)
                async with asyncio.timeout(5):
                    while call.audio.held_by_remote is not held:
                        await asyncio.sleep(0.02)
            await bob.tell("update")
            await asyncio.sleep(0.5)
            await call.hold()
            await bob.wait("media", status=[3])
            await call.hold(False)
            await bob.wait("media", status=[1])
        await call.hangup()


@pytest.mark.rfc(6086, "4.2.2")
@pytest.mark.rfc(4733, "2.5")
async def test_keys_both_ways_by_rtp_and_by_info(tmp_path: Path) -> None:
    async with Pjsua(folder=tmp_path, answer=True) as bob, Phone(listen=LISTEN) as phone:
        call = await (await phone.dial(bob.uri)).answered()
        async with they_talk(call, bob):
            await bob.tell("dtmf", digits="12")
            await asyncio.sleep(1.0)
            await bob.tell("info", digits="3#")
            keys: list[str] = []
            async with asyncio.timeout(5):
                async for event in call.events():
                    if isinstance(event, Digit):
                        keys.append(event.symbol)
                    if len(keys) == 4:
                        break
            assert keys == ["1", "2", "3", "#"]
            await call.press("4")
            await bob.wait("dtmf", digit="4")
            await call.press("5", info=True)
            await bob.wait("dtmf", digit="5")
        await call.hangup()


@pytest.mark.rfc(3515, "2.4")
async def test_they_transfer_us_and_we_transfer_them(tmp_path: Path) -> None:
    async with (
        Pjsua(folder=tmp_path, answer=True, hz=880) as bob,
        Phone(listen=LISTEN) as phone,
        Phone(listen=LISTEN) as carol,
    ):
        call = await (await phone.dial(bob.uri)).answered()
        await bob.tell("transfer", uri=at(carol))
        event = await asked(call)
        assert isinstance(event, TransferAsked)
        outgoing = await call.follow()
        third = await (await asyncio.wait_for(anext(carol.incoming()), 5)).answer()
        await outgoing.answered()
        await bob.wait("transfer", code=200)
        await third.hangup()
        await call.hangup()
        await call.ended()
        second = await (await phone.dial(bob.uri)).answered()
        asking = asyncio.create_task(second.transfer(at(carol)))
        moved = await (await asyncio.wait_for(anext(carol.incoming()), 5)).answer()
        assert (await asyncio.wait_for(asking, 5)).status == 200
        async with they_talk(moved, bob):
            await second.hangup()


@pytest.mark.rfc(3891, "3")
@pytest.mark.rfc(5589, "7")
async def test_an_attended_transfer_of_theirs_takes_a_calls_place(tmp_path: Path) -> None:
    async with (
        Pjsua(folder=tmp_path, answer=False) as bob,
        Phone(listen=LISTEN) as phone,
        Phone(listen=LISTEN) as carol,
    ):
        await bob.tell("dial", uri=at(phone))
        first = await (await asyncio.wait_for(anext(phone.incoming()), 5)).answer()
        await bob.wait("state", state="CONFIRMED", call=0)
        await bob.tell("hold", call=0)
        await bob.wait("media", status=[2])
        await bob.tell("dial", uri=at(carol))
        second = await (await asyncio.wait_for(anext(carol.incoming()), 5)).answer()
        await bob.wait("state", state="CONFIRMED", call=1)
        await bob.tell("attended")
        await asked(first)
        outgoing = await first.follow()
        replacing = await (await asyncio.wait_for(anext(carol.incoming()), 5)).answer()
        await outgoing.answered()
        assert (await asyncio.wait_for(second.ended(), 3)).reason == "replaced"
        await bob.wait("transfer", code=200)
        await replacing.hangup()


@pytest.mark.rfc(3891, "3")
async def test_an_attended_transfer_of_ours_is_followed(tmp_path: Path) -> None:
    async with (
        Pjsua(folder=tmp_path, answer=True) as bob,
        Phone(listen=LISTEN) as phone,
        Phone(listen=LISTEN) as carol,
    ):
        first = await (await phone.dial(bob.uri)).answered()
        dialled = await phone.dial(at(carol))
        theirs = await (await asyncio.wait_for(anext(carol.incoming()), 5)).answer()
        second = await dialled.answered()
        asking = asyncio.create_task(first.transfer(second))
        moved = await (await asyncio.wait_for(anext(carol.incoming()), 5)).answer()
        assert (await asyncio.wait_for(asking, 5)).status == 200
        assert (await asyncio.wait_for(theirs.ended(), 3)).reason == "replaced"
        async with they_talk(moved, bob):
            await moved.hangup()


@pytest.mark.rfc(3261, "26.3.1")
async def test_tls_both_ways(tmp_path: Path) -> None:
    tls = certificates(tmp_path, "127.0.0.1", "localhost")
    async with (
        Pjsua(
            folder=tmp_path, answer=True, transport="tls", certificate=str(tls.certificate)
        ) as bob,
        Phone(listen=LISTEN, transports=("UDP", "TLS"), tls=tls) as phone,
    ):
        assert isinstance(tls, TlsSettings)
        call = await (await phone.dial(f"sip:bob@127.0.0.1:{bob.port};transport=tls")).answered()
        async with they_talk(call, bob):
            await call.hangup()
        await bob.tell("dial", uri=at(phone, "TLS"))
        incoming = await asyncio.wait_for(anext(phone.incoming()), 5)
        theirs = await incoming.answer()
        async with they_talk(theirs, bob):
            await theirs.hangup()
