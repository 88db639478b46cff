"""A request for a call whose answer was lost: it rings there, and it is ours or is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest_asyncio
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.calls import CallDesk
from siptg.telegram.call import events
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.times import CallTimes
from siptg.telegram.lab.handshake import GENERATOR, PRIME
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from siptg.telegram.settings import TelegramSettings
from tests.support.two import Two, two, until


async def cut_before_the_answer(on: Two) -> TelegramCall:
    """Ann calls Bob; the lab takes it, and her connection ends before she knows."""
    call = await on.call()
    on.lab.faults.cut(on.ann_user, after_out=0)  # the request is not on its way yet
    return call


async def asked(on: Two, times: int) -> None:
    async with asyncio.timeout(8):
        while sum(e.request == "RequestCallRequest" for e in on.lab.log) < times:
            await asyncio.sleep(0.01)


async def test_a_call_whose_answer_was_lost_rings_once_and_is_answered() -> None:
    async with two() as on:
        ours = await cut_before_the_answer(on)
        theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
        await until(ours, events.Ringing)
        await theirs.answer()
        await asyncio.gather(until(ours, events.Answered), until(theirs, events.Answered))
        assert len(on.lab.calls.by_id) == 1
        assert [c.id for c in on.lab.calls.by_id.values()] == [ours.id]


async def test_news_that_come_after_the_refusal_find_the_call() -> None:
    async with two() as on:
        # Bob's device says late that it has the call
        on.lab.withhold(on.bob_user)
        ours = await cut_before_the_answer(on)
        await asked(on, 2)
        on.lab.release(on.bob_user)
        await until(ours, events.Ringing)
        await ours.hangup()
        assert (await until(ours, events.Ended)).cause is TelegramCause.HANGUP
        assert [c.state for c in on.lab.calls.by_id.values()] == ["over"]


async def test_who_gave_up_takes_back_what_rings_after_all() -> None:
    async with two(CallTimes(receive=0.3, ending=0.3)) as on:
        on.lab.withhold(on.bob_user)
        ours = await cut_before_the_answer(on)
        assert (await until(ours, events.Ended)).cause is TelegramCause.UNREACHABLE
        await asked(on, 2)
        on.lab.release(on.bob_user)
        theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
        await until(theirs, events.Ended)
        assert [c.state for c in on.lab.calls.by_id.values()] == ["over"]


BOB = Person(7, 8, "Bob")
PROTOCOL = tl.PhoneCallProtocol(65, 92, ["9.0.0"], udp_p2p=True)
DUPLICATE = TelegramRefused(TelegramCause.INTERNAL, "RANDOM_ID_DUPLICATE")
SILENT = TelegramRefused(TelegramCause.SILENT, "no answer")


@attrs.define(eq=False)
class Desk:
    """All calls of an account over a server whose answers the test gives."""

    desk: CallDesk = attrs.field(init=False)
    answers: list[asyncio.Future[int]] = attrs.field(factory=list)
    """To each request for a call: its number, or why not."""
    discarded: list[int] = attrs.field(factory=list)

    async def ask(self, request: Any) -> Any:
        match request:
            case fn.messages.GetDhConfigRequest():
                return tl.messages.DhConfig(GENERATOR, PRIME.to_bytes(256, "big"), 1, bytes(256))
            case fn.phone.RequestCallRequest():
                self.answers.append(asyncio.get_running_loop().create_future())
                number = await self.answers[-1]
                waiting = tl.PhoneCallWaiting(number, 1, datetime.now(UTC), 1, BOB.id, PROTOCOL)
                return tl.phone.PhoneCall(waiting, [])
            case fn.phone.DiscardCallRequest():
                self.discarded.append(request.peer.id)
        return True

    async def call(self) -> tuple[TelegramCall, asyncio.Future[int]]:
        """A call and the future for the answer to its request."""
        before = len(self.answers)
        call = await self.desk.call(BOB)
        while len(self.answers) == before:
            await asyncio.sleep(0)
        return call, self.answers[before]

    async def refused(self, call: TelegramCall, answer: asyncio.Future[int], why: Any) -> None:
        answer.set_exception(why)
        while call.is_asking:
            await asyncio.sleep(0)
        await self.turn()

    async def rings(self, number: int, callee: int = BOB.id) -> None:
        await self.desk.take(events.Waiting(number, 1, True, callee), {})
        await self.turn()

    @staticmethod
    async def turn() -> None:
        for _ in range(10):
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def on() -> AsyncIterator[Desk]:
    async def who(number: int, users: dict[int, Any]) -> Person:
        return BOB

    made = Desk()
    made.desk = CallDesk(
        made.ask, who, lambda: 1, TelegramSettings(1, ""), times=CallTimes(ending=0.05)
    )
    yield made
    await made.desk.close()


async def test_news_that_came_before_the_refusal_are_of_the_call(on: Desk) -> None:
    call, answer = await on.call()
    await on.rings(5)
    assert call.id == 0
    await on.refused(call, answer, DUPLICATE)
    assert call.id == 5 and not on.discarded


async def test_news_that_come_after_the_refusal_are_of_the_call(on: Desk) -> None:
    call, answer = await on.call()
    await on.refused(call, answer, DUPLICATE)
    await on.rings(4, callee=9)
    assert call.id == 0
    await on.rings(5)
    assert call.id == 5
    await on.desk.take(events.Discarded(5, "busy"), {})
    assert (await until(call, events.Ended)).cause is TelegramCause.BUSY


async def test_a_request_without_an_answer_may_have_arrived_and_is_taken_back(on: Desk) -> None:
    call, answer = await on.call()
    await on.refused(call, answer, SILENT)
    assert call.is_over
    await on.rings(5)
    assert on.discarded == [5]


async def test_who_hung_up_before_any_answer_takes_the_call_back_when_it_rings(on: Desk) -> None:
    call, answer = await on.call()
    call.hang_up()
    await until(call, events.Ended)
    await on.rings(5)
    assert on.discarded == [5]
    answer.set_result(5)
    await on.turn()
    assert on.discarded == [5]


async def test_the_next_call_to_the_same_person_is_not_taken_for_the_lost_one(on: Desk) -> None:
    lost, answer = await on.call()
    await on.refused(lost, answer, SILENT)
    call, answer = await on.call()
    await on.rings(6)
    await on.rings(5)
    assert not on.discarded and call.id == 0
    answer.set_result(6)
    await on.turn()
    assert call.id == 6 and on.discarded == [5]
    await on.rings(6)
    assert on.discarded == [5] and not call.is_over


async def test_late_news_of_a_call_that_is_over_are_not_taken_for_a_lost_one(on: Desk) -> None:
    over, answer = await on.call()
    answer.set_result(3)
    await on.turn()
    await on.desk.take(events.Discarded(3, "busy"), {})
    call, answer = await on.call()
    await on.refused(call, answer, DUPLICATE)
    await on.rings(3)
    assert call.id == 0 and over.id == 3
