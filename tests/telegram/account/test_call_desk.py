"""All calls of an account: crossing ones, early news, other devices, both hanging up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.calls import CallDesk
from siptg.telegram.account.client import Account
from siptg.telegram.call import events
from siptg.telegram.call.times import CallTimes
from siptg.telegram.lab.handshake import GENERATOR, PRIME
from siptg.telegram.people import Person, TelegramCause
from siptg.telegram.settings import TelegramSettings
from tests.support.lab import signed_in
from tests.support.two import two, until

BOB = Person(7, 8, "Bob")
PROTOCOL = tl.PhoneCallProtocol(65, 92, ["9.0.0"], udp_p2p=True)


@pytest.mark.parametrize("first", ["Ann", "Bob"])
async def test_of_two_calls_that_cross_the_one_of_the_lower_number_lives(first: str) -> None:
    async with two() as on:
        ways = {"Ann": on.call, "Bob": on.call_back}
        order = [first, *(name for name in ways if name != first)]
        made = await asyncio.gather(*(ways[name]() for name in order))
        calls = dict(zip(order, made, strict=True))
        theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
        await theirs.answer()
        await asyncio.gather(until(calls["Ann"], events.Answered), until(theirs, events.Answered))
        assert (await until(calls["Bob"], events.Ended)).cause is TelegramCause.HANGUP
        assert await nobody_calls(on.ann)
        assert await nobody_calls(on.ann)


async def nobody_calls(account: Account) -> bool:
    try:
        await asyncio.wait_for(anext(account.calls()), 0.2)
    except TimeoutError:
        return True
    return False


async def test_her_own_call_is_taken_when_she_is_busy_for_ours() -> None:
    """A person's app in a call of its own declines ours: then hers is the one."""
    async with two() as on:
        ours = await on.call()
        at_bob = await asyncio.wait_for(anext(on.bob.calls()), 5)
        her = attrs.evolve(on.bob.settings, session=on.bob.session)
        async with Account(her) as app:  # another device of hers, which knows nothing of ours
            hers = await app.call(await app.find("ann"))
            await until(hers, events.Ringing)
            await at_bob.decline()
            at_ann = await asyncio.wait_for(anext(on.ann.calls()), 5)
            assert (await until(ours, events.Ended)).cause is TelegramCause.BUSY
            await at_ann.answer()
            await until(hers, events.Answered)
            await hers.hangup()
            await until(at_ann, events.Ended)


async def test_a_second_device_answers_and_ours_stops_ringing_silently() -> None:
    async with two() as on:
        second = attrs.evolve(on.bob.settings, session=await signed_in(on.lab, on.bob_user))
        async with Account(second) as other:
            await on.call()
            here = await asyncio.wait_for(anext(on.bob.calls()), 5)
            there = await asyncio.wait_for(anext(other.calls()), 5)
            await there.answer()
            assert (await until(here, events.Ended)).cause is TelegramCause.ELSEWHERE


async def test_both_hang_up_at_once_and_both_see_one_end() -> None:
    async with two() as on:
        ours = await on.call()
        theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
        await theirs.answer()
        await asyncio.gather(until(ours, events.Answered), until(theirs, events.Answered))
        ours.hang_up()
        theirs.hang_up()
        ends = await asyncio.gather(until(ours, events.Ended), until(theirs, events.Ended))
        assert {end.cause for end in ends} == {TelegramCause.HANGUP}


@pytest.mark.parametrize("wanted", [True, False])
async def test_who_hangs_up_and_who_is_hung_up_on_may_say_how_the_call_was(wanted: bool) -> None:
    async with two() as on:
        on.lab.calls.wants_ratings = wanted
        ours = await on.call()
        theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
        await theirs.answer()
        await asyncio.gather(until(ours, events.Answered), until(theirs, events.Answered))
        ours.hang_up()
        await asyncio.gather(until(ours, events.Ended), until(theirs, events.Ended))
        assert ours.wants_rating is theirs.wants_rating is wanted
        await ours.rate(5)
        await theirs.rate(2, "#silent_remote")
        rated = on.lab.calls.by_id[ours.id].ratings
        assert rated == {on.ann_user.id: (5, ""), on.bob_user.id: (2, "#silent_remote")}


async def test_a_call_that_nobody_answered_is_not_to_be_rated() -> None:
    async with two() as on:
        on.lab.calls.wants_ratings = True
        ours = await on.call()
        await until(ours, events.Ringing)
        ours.hang_up()
        await until(ours, events.Ended)
        assert not ours.wants_rating


async def test_a_server_that_has_no_use_for_signalling_any_more_ends_the_call() -> None:
    async with two() as on:
        ours = await on.call()
        theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
        on.lab.refuse(on.ann_user, fn.phone.SendSignalingDataRequest, 400, "CALL_NOT_ACTIVE")
        await theirs.answer()
        assert (await until(ours, events.Ended)).cause is TelegramCause.HANGUP


async def test_a_request_that_failed_by_chance_is_made_once_more() -> None:
    error = "PARTICIPANT_CALL_FAILED"
    async with two() as on:
        on.lab.refuse(on.ann_user, fn.phone.RequestCallRequest, 500, error)
        await until(await on.call(), events.Ringing)
        on.lab.refuse(on.ann_user, fn.phone.RequestCallRequest, 500, error, times=2)
        refused = await until(await on.call(), events.Ended)
        assert (refused.cause, refused.detail) == (TelegramCause.INTERNAL, error)


async def test_calls_go_on_where_telegram_has_no_patience_for_questions_about_its_group() -> None:
    """Each call asks: somebody who calls in a loop could have all calls forbidden for hours."""
    async with two() as on:
        await (await on.call()).hangup()
        for user in (on.ann_user, on.bob_user):
            on.lab.faults.flood(user, fn.messages.GetDhConfigRequest, 3600)
        await anext(on.bob.calls())
        ours = await on.call()
        theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
        await theirs.answer()
        await asyncio.gather(until(ours, events.Answered), until(theirs, events.Answered))
        assert ours.emoji == theirs.emoji


async def test_a_call_rings_here_where_telegram_has_no_patience_for_saying_so() -> None:
    async with two() as on:
        on.lab.faults.flood(on.bob_user, fn.phone.ReceivedCallRequest, 3600)
        for _ in range(2):  # asked and refused; then not asked any more
            ours = await on.call()
            theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
            await theirs.answer()
            await asyncio.gather(until(ours, events.Answered), until(theirs, events.Answered))
            theirs.hang_up()
            await asyncio.gather(until(ours, events.Ended), until(theirs, events.Ended))


async def test_the_times_of_calls_are_those_that_telegram_tells() -> None:
    server = PaperServer()
    desk = CallDesk(server.ask, who, lambda: 1, TelegramSettings(1, ""))
    await desk.prove()
    assert desk.times == CallTimes(receive=10.0, ring=60.0, keys=10.0, connect=5.0)


@attrs.frozen
class Times:
    """As much of Telegram's configuration as calls read."""

    call_receive_timeout_ms: int = 10_000
    call_ring_timeout_ms: int = 60_000
    call_connect_timeout_ms: int = 1_000


@attrs.define(eq=False)
class PaperServer:
    """Answers requests of calls when it is told to."""

    gates: list[asyncio.Future[None]] = attrs.field(factory=list)

    async def ask(self, request: Any) -> Any:
        match request:
            case fn.messages.GetDhConfigRequest():
                return tl.messages.DhConfig(GENERATOR, PRIME.to_bytes(256, "big"), 1, bytes(256))
            case fn.help.GetConfigRequest():
                return Times()
            case fn.phone.RequestCallRequest():
                gate = asyncio.get_running_loop().create_future()
                self.gates.append(gate)
                number = len(self.gates)
                await gate
                waiting = tl.PhoneCallWaiting(number, 1, datetime.now(UTC), 1, BOB.id, PROTOCOL)
                return tl.phone.PhoneCall(waiting, [])
        return True


async def who(number: int, users: dict[int, Any]) -> Person:
    return BOB


async def test_news_that_overtake_the_results_of_many_requests_find_their_calls() -> None:
    server = PaperServer()
    desk = CallDesk(server.ask, who, lambda: 1, TelegramSettings(1, ""), times=CallTimes())
    calls = [await desk.call(BOB) for _ in range(3)]
    while len(server.gates) < 3:
        await asyncio.sleep(0)
    for number in (3, 1):  # these ring before the server has said that they are under way
        await desk.take(events.Waiting(number, 1, ringing=True), {})
    for gate in reversed(server.gates):
        gate.set_result(None)
    await until(calls[0], events.Ringing, 1.0)
    await until(calls[2], events.Ringing, 1.0)
    with pytest.raises(TimeoutError):
        await until(calls[1], events.Ringing, 0.05)
    await desk.take(events.Discarded(2, "busy"), {})
    assert (await until(calls[1], events.Ended)).cause is TelegramCause.BUSY
    await desk.close()


async def test_who_hangs_up_while_we_look_at_the_call_does_not_ring() -> None:
    server, looking = PaperServer(), asyncio.Event()

    async def slow(number: int, users: dict[int, Any]) -> Person:
        await looking.wait()
        return BOB

    desk = CallDesk(server.ask, slow, lambda: 1, TelegramSettings(1, ""), times=CallTimes())
    requested = events.Requested(5, 6, BOB.id, bytes(32), ("9.0.0",), datetime.now(UTC))
    ringing = asyncio.create_task(desk.take(requested, {}))
    await asyncio.sleep(0)
    await desk.take(events.Discarded(5, "missed"), {})
    looking.set()
    await ringing
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(desk.calls()), 0.05)
