"""A leg on a SIP line: keys go by whatever way the line wants and the other end takes."""

from __future__ import annotations

import asyncio
import logging

import attrs
import pytest

from siptg.app.legs import Answered
from siptg.app.sip_leg import SipLeg
from siptg.phone import Call, Digit, Phone
from tests.phone.test_phone import at, ring

LOOP = ("127.0.0.1", 0)


async def answered(phone: Phone, other: Phone) -> tuple[SipLeg, Call]:
    leg = SipLeg(await phone.dial(at(other)))
    theirs = await ring(other)
    async for event in leg.events():
        if isinstance(event, Answered):
            break
    return leg, theirs


async def test_a_key_goes_by_info_where_the_line_wants_that() -> None:
    async with Phone(listen=LOOP, dtmf=["info"]) as a, Phone(listen=LOOP) as b:
        leg, theirs = await answered(a, b)
        await leg.press("5")
        async with asyncio.timeout(2):
            async for event in theirs.events():
                if isinstance(event, Digit):
                    assert event.symbol == "5"
                    break


async def test_a_key_that_can_go_by_no_way_is_told_and_the_call_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        Phone(listen=LOOP, dtmf=["rfc4733"]) as a,
        Phone(listen=LOOP) as b,
    ):
        b.terms = attrs.evolve(b.terms, events="")
        leg, theirs = await answered(a, b)
        with caplog.at_level(logging.INFO, "siptg.app.sip_leg"):
            await leg.press("5")
        assert "a key is lost: they take no keys by rfc4733" in caplog.text
        await leg.hangup()
        assert (await asyncio.wait_for(theirs.ended(), 3)).by_remote
