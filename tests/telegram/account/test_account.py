"""Two accounts over the lab: whole calls with sound, every way to end, and bad days in between."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from siptg.rtp.sounds.goertzel import Ear
from siptg.rtp.sounds.tones import tone
from siptg.telegram.account.client import Account
from siptg.telegram.account.health import AccountGone
from siptg.telegram.call import events
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.times import CallTimes
from siptg.telegram.lab import Lab
from siptg.telegram.people import TelegramCause, TelegramRefused
from tests.support.lab import settings, signed_in
from tests.support.two import Two, two, until

QUICK = CallTimes(receive=0.3, ring=0.4, connect=5.0, ending=1.0)


async def answered(on: Two) -> tuple[TelegramCall, TelegramCall]:
    ours = await on.call()
    theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
    await theirs.answer()
    await until(ours, events.Answered)
    await until(theirs, events.Answered)
    return ours, theirs


async def heard(
    on: Two, ours: TelegramCall, theirs: TelegramCall, seconds: float = 0.8
) -> tuple[float, float]:
    """Ann says 880 Hz, Bob 440: what each hears in the end."""
    ears = []
    ticks = []
    for call, hz in ((ours, 880.0), (theirs, 440.0)):
        call.audio.tune(8000)
        ear, said = Ear(8000, 0.4), tone([hz], 8000)
        ears.append(ear)

        def tick(call: TelegramCall = call, ear: Ear = ear, said: object = said) -> None:
            ear.write(call.audio.read())
            call.audio.write(next(said))  # type: ignore[call-overload]

        ticks.append(tick)
        on.clock.add(tick)
    await asyncio.sleep(seconds)
    for tick in ticks:
        on.clock.remove(tick)
    return ears[0].hz(), ears[1].hz()


@pytest.mark.world
async def test_a_whole_call_is_heard_at_both_ends_and_its_signs_agree() -> None:
    async with two() as on:
        ours, theirs = await answered(on)
        assert ours.emoji == theirs.emoji and len(ours.emoji.split()) == 4
        at_ann, at_bob = await heard(on, ours, theirs)
        assert at_ann == pytest.approx(440, abs=4)
        assert at_bob == pytest.approx(880, abs=4)
        await ours.hangup()
        end = await until(theirs, events.Ended)
        assert isinstance(end, events.Ended) and end.cause is TelegramCause.HANGUP
        assert end.duration > 0.5


async def test_the_callee_may_hang_up_too() -> None:
    async with two() as on:
        ours, theirs = await answered(on)
        await theirs.hangup()
        end = await until(ours, events.Ended)
        assert isinstance(end, events.Ended) and end.cause is TelegramCause.HANGUP


async def test_declining_is_busy_to_the_caller() -> None:
    async with two() as on:
        ours = await on.call()
        theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
        await until(ours, events.Ringing)
        await theirs.decline()
        end = await until(ours, events.Ended)
        assert isinstance(end, events.Ended) and end.cause is TelegramCause.BUSY


async def test_nobody_answers() -> None:
    async with two(QUICK) as on:
        ours = await on.call()
        theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
        end = await until(ours, events.Ended)
        assert isinstance(end, events.Ended) and end.cause is TelegramCause.NO_ANSWER
        await until(theirs, events.Ended)


async def test_no_device_is_there() -> None:
    async with two(QUICK) as on:
        on.lab.add_user("Carl", "+300", "carl")
        call = await on.ann.call(await on.ann.find("carl"))
        end = await until(call, events.Ended)
        assert isinstance(end, events.Ended) and end.cause is TelegramCause.UNREACHABLE


async def test_privacy_and_no_common_version_are_told_apart() -> None:
    async with two(bobs=("1.0.0",)) as on:
        ours = await on.call()
        theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
        await theirs.answer()
        end = await until(theirs, events.Ended)
        assert isinstance(end, events.Ended) and end.cause is TelegramCause.OLD_CLIENT
        await ours.hangup()
        bob = next(u for u in on.lab.accounts.values() if u.first_name == "Bob")
        bob.calls_forbidden = True
        refused = await until(await on.call(), events.Ended)
        assert isinstance(refused, events.Ended) and refused.cause is TelegramCause.PRIVACY
        assert refused.detail == "USER_PRIVACY_RESTRICTED"


@pytest.mark.world
async def test_telegrams_connection_drops_and_the_call_goes_on_and_still_ends_in_order() -> None:
    async with two() as on:
        ours, theirs = await answered(on)
        gone = on.lab.counters["gone"]
        on.lab.drop(on.ann_user)
        while on.lab.counters["gone"] == gone:
            await asyncio.sleep(0.005)
        at_ann, at_bob = await heard(on, ours, theirs)
        assert at_ann == pytest.approx(440, abs=4)
        assert at_bob == pytest.approx(880, abs=4)
        await ours.hangup()
        end = await until(theirs, events.Ended)
        assert isinstance(end, events.Ended) and end.cause is TelegramCause.HANGUP


async def test_a_hang_up_before_the_answer_withdraws_the_call() -> None:
    async with two() as on:
        ours = await on.call()
        theirs = await asyncio.wait_for(anext(on.bob.calls()), 5)
        await ours.hangup()
        end = await until(theirs, events.Ended)
        assert isinstance(end, events.Ended) and end.cause is TelegramCause.NO_ANSWER


async def test_leaving_hangs_up_what_is_left() -> None:
    async with two() as on:
        _, theirs = await answered(on)
        async with Account(attrs.evolve(on.ann.settings, session=on.ann.session)):
            pass
        await on.ann.__aexit__(None, None, None)
        end = await until(theirs, events.Ended)
        assert isinstance(end, events.Ended) and end.cause is TelegramCause.HANGUP
        await on.ann.__aenter__()


async def test_a_session_that_telegram_forgot_is_said() -> None:
    async with Lab() as lab:
        session = await signed_in(lab, lab.add_user("Ann", "+100"))
        for entry in lab.keys.values():
            entry.account = None
        with pytest.raises(AccountGone, match="siptg login"):
            async with Account(settings(lab, session)):
                pass


async def test_nobody_by_that_name() -> None:
    async with two() as on:
        with pytest.raises(TelegramRefused, match="USERNAME_NOT_OCCUPIED"):
            await on.ann.find("who")
