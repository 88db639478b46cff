"""SIPp's scenarios of the extensions: 100rel, UPDATE, timers, hold, late offer, INFO, TCP."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from siptg.phone import Digit, Held, Phone
from siptg.sip.account import SipAccount
from siptg.sip.agent import Session, UserAgent
from siptg.sip.events import Answered
from siptg.sip.uri import Uri
from tests.world.process import sip_uri
from tests.world.sipp import Sipp
from tests.world.test_sipp import Silence, dial, last, ring_and_answer, ring_slowly, serving

pytestmark = pytest.mark.world


async def ring_for_a_second(session: Session) -> None:
    session.ring()
    await asyncio.sleep(1.0)
    session.answer()
    await last(session)


# SIPp calls us


@pytest.mark.rfc(3262, "3")
async def test_a_reliable_180_is_repeated_until_its_prack(tmp_path: Path) -> None:
    async with (
        serving(ring_for_a_second) as agent,
        Sipp("uac_100rel", agent.address, folder=tmp_path, repeats=True) as sipp,
    ):
        await sipp.done()


@pytest.mark.rfc(3311, "5.2")
async def test_an_update_is_answered_and_one_with_an_offer_too(tmp_path: Path) -> None:
    async with (
        Phone(listen=("127.0.0.1", 0)) as phone,
        Sipp("uac_update", phone.address, folder=tmp_path) as sipp,
    ):
        incoming = await anext(phone.incoming())
        await incoming.answer()
        await sipp.done()
        assert (await incoming.ended()).by_remote


@pytest.mark.rfc(3261, "13.2.1")
@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_an_invite_without_an_offer_is_offered_to(transport: str, tmp_path: Path) -> None:
    async with (
        serving(ring_and_answer) as agent,
        Sipp(
            "uac_late_offer", agent.address, folder=tmp_path, calls=5, transport=transport
        ) as sipp,
    ):
        await sipp.done()


@pytest.mark.rfc(3264, "8.4")
async def test_hold_in_all_its_forms_is_heard_and_answered(tmp_path: Path) -> None:
    async with (
        Phone(listen=("127.0.0.1", 0)) as phone,
        Sipp("uac_hold", phone.address, folder=tmp_path) as sipp,
    ):
        incoming = await anext(phone.incoming())
        await incoming.answer()
        await sipp.done()
        held = [event.on async for event in incoming.events() if isinstance(event, Held)]
        assert held == [True, False, True, False, True]


@pytest.mark.rfc(6086, "4.2.2")
async def test_keys_come_by_info_of_both_types(tmp_path: Path) -> None:
    async with (
        Phone(listen=("127.0.0.1", 0)) as phone,
        Sipp("uac_info_dtmf", phone.address, folder=tmp_path) as sipp,
    ):
        incoming = await anext(phone.incoming())
        await incoming.answer()
        await sipp.done()
        keys = [event.symbol async for event in incoming.events() if isinstance(event, Digit)]
        assert keys == ["1", "5", "9", "#"]


@pytest.mark.rfc(3261, "18.3")
async def test_calls_over_tcp_come_and_go(tmp_path: Path) -> None:
    async with (
        serving(ring_slowly) as agent,
        Sipp("uac_call", agent.address, folder=tmp_path, calls=10, transport="t1") as sipp,
    ):
        await sipp.done()


# We call SIPp


@pytest.mark.rfc(3262, "4")
async def test_a_reliable_180_is_acknowledged_once(tmp_path: Path) -> None:
    async with (
        UserAgent(("127.0.0.1", 0)) as agent,
        Sipp("uas_100rel", folder=tmp_path, repeats=True) as sipp,
    ):
        assert Answered() in await last(await dial(agent, sipp), hang_up=True)
        await sipp.done()


@pytest.mark.rfc(4028, "7.2")
async def test_our_timer_is_refreshed_by_update_in_time(tmp_path: Path) -> None:
    async with (
        UserAgent(("127.0.0.1", 0)) as agent,
        Sipp("uas_update", folder=tmp_path) as sipp,
    ):
        to, us = (Uri.parse(sip_uri(user, sipp.address)) for user in ("bob", "alice"))
        account = SipAccount(us, proxy=to, session_expires=90)
        refreshed = asyncio.Event()

        def watch(sign: str, now: float, peer: tuple[str, int], data: bytes) -> None:
            if sign == "<" and re.search(rb"CSeq: \d+ UPDATE", data):
                refreshed.set()

        agent.trace = watch
        session = agent.invite(to, Silence(), account=account)
        await asyncio.wait_for(refreshed.wait(), 8)
        session.hangup()
        await sipp.done()


@pytest.mark.rfc(3264, "8.4")
async def test_we_hold_and_take_back(tmp_path: Path) -> None:
    async with (
        Phone(listen=("127.0.0.1", 0)) as phone,
        Sipp("uas_hold", folder=tmp_path) as sipp,
    ):
        call = await (await phone.dial(sip_uri("bob", sipp.address))).answered()
        await call.hold()
        await asyncio.sleep(0.3)
        await call.hold(False)
        await asyncio.sleep(0.3)
        await call.hangup()
        await sipp.done()


async def test_we_press_keys_by_info(tmp_path: Path) -> None:
    async with (
        Phone(listen=("127.0.0.1", 0)) as phone,
        Sipp("uas_info_dtmf", folder=tmp_path) as sipp,
    ):
        call = await (await phone.dial(sip_uri("bob", sipp.address))).answered()
        for key in "7*#":
            await call.press(key, info=True)
            await asyncio.sleep(0.1)
        await call.hangup()
        await sipp.done()


async def test_our_calls_over_tcp(tmp_path: Path) -> None:
    async with (
        UserAgent(("127.0.0.1", 0)) as agent,
        Sipp("uas_call", folder=tmp_path, calls=5, hold=0.05, transport="t1") as sipp,
    ):
        to = Uri.parse(sip_uri("bob", sipp.address) + ";transport=tcp")
        told = await asyncio.gather(
            *(last(agent.invite(to, Silence()), hang_up=True) for _ in range(5))
        )
        await sipp.done()
    assert all(Answered() in events for events in told)
