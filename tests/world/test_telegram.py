"""Our account, the lab, and a Telegram user that is not ours: whole calls, both directions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import attrs
import pytest

from siptg.rtp.clock import MediaClock
from siptg.rtp.sounds.goertzel import Ear
from siptg.rtp.sounds.tones import sound
from siptg.telegram.account.client import Account
from siptg.telegram.account.sign_in import sign_in
from siptg.telegram.call import events
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.events import Agreed, Answered, Ended, Ringing
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.people import TelegramCause
from siptg.telegram.settings import TelegramSettings
from tests.world.ntg_user import VERSIONS, NtgUser

pytestmark = [pytest.mark.world, pytest.mark.netns]

OURS, HERS = "+15550001", "+15550002"
WITHIN = 15.0


@attrs.frozen
class Scene:
    lab: Lab
    us: LabAccount
    account: Account
    olga: NtgUser
    clock: MediaClock


@contextlib.asynccontextmanager
async def scene(
    *, answers: bool = True, versions: tuple[str, ...] = VERSIONS, **more: Any
) -> AsyncIterator[Scene]:
    """A lab with us and Olga signed in; `versions` are hers, `more` are settings of ours."""
    async with Lab() as lab, MediaClock() as clock:
        us = lab.add_user("Siptg", OURS, username="siptg")
        lab.add_user("Olga", HERS, username="olga")
        settings = TelegramSettings(1, "hash", server=lab.server, **more)

        async def code() -> str:
            return lab.code_for(OURS)

        session = await sign_in(settings, OURS, code)
        async with (
            Account(attrs.evolve(settings, session=session)) as account,
            NtgUser(lab, HERS, answers=answers, versions=versions) as olga,
        ):
            yield Scene(lab, us, account, olga, clock)


async def they_talk(scene: Scene, call: TelegramCall, heard: Callable[[], Awaitable[None]]) -> None:
    """We say 440 Hz and hear 880; `heard` waits until she hears us."""
    tone, ear = sound("tone:440/600000", call.audio.rate), Ear(call.audio.rate)

    def beat() -> None:
        ear.write(call.audio.read())
        call.audio.write(next(tone))

    async def we_hear() -> None:
        while not (ear.full and abs(ear.hz() - 880) < 3):
            await asyncio.sleep(0.05)

    scene.clock.add(beat)
    await asyncio.wait_for(asyncio.gather(we_hear(), heard()), WITHIN)
    scene.clock.remove(beat)


async def told(call: TelegramCall) -> list[events.CallEvent]:
    return [event async for event in call.events()]


async def test_we_call_her_and_hang_up() -> None:
    async with scene() as stage:
        call = await stage.account.call(await stage.account.find("olga"))
        seen = asyncio.create_task(told(call))
        there = await stage.olga.called()
        await they_talk(stage, call, lambda: there.engine.hears(440))
        await call.hangup()
        assert await asyncio.wait_for(asyncio.shield(there.ended), WITHIN) == "Hangup"
        ringing, agreed, answered, ended = await asyncio.wait_for(seen, WITHIN)
    assert isinstance(ringing, Ringing) and isinstance(agreed, Agreed)
    assert isinstance(answered, Answered) and answered.emoji == agreed.emoji
    assert isinstance(ended, Ended)
    assert ended.cause is TelegramCause.HANGUP
    assert ended.duration > 0.5


async def test_she_calls_us_and_hangs_up() -> None:
    async with scene() as stage:
        there = await stage.olga.call("siptg")
        call = await anext(stage.account.calls())
        assert call.person.name == "Olga"
        seen = asyncio.create_task(told(call))
        await asyncio.wait_for(asyncio.shield(there.rings), WITHIN)
        await call.answer()
        await they_talk(stage, call, lambda: there.engine.hears(440))
        await there.hangup()
        ended = (await asyncio.wait_for(seen, WITHIN))[-1]
    assert isinstance(ended, Ended)
    assert ended.cause is TelegramCause.HANGUP


async def test_she_declines() -> None:
    async with scene(answers=False) as stage:
        call = await stage.account.call(await stage.account.find("olga"))
        seen = asyncio.create_task(told(call))
        there = await stage.olga.called()
        await there.decline()
        ended = (await asyncio.wait_for(seen, WITHIN))[-1]
    assert isinstance(ended, Ended)
    assert ended.cause is TelegramCause.BUSY


async def test_the_call_outlives_our_connection_to_telegram() -> None:
    async with scene() as stage:
        call = await stage.account.call(await stage.account.find("olga"))
        seen = asyncio.create_task(told(call))
        there = await stage.olga.called()
        await they_talk(stage, call, lambda: there.engine.hears(440))
        stage.lab.drop(stage.us)
        await they_talk(stage, call, lambda: there.engine.hears(440))
        await there.hangup()
        ended = (await asyncio.wait_for(seen, WITHIN))[-1]
    assert isinstance(ended, Ended)
    assert ended.cause is TelegramCause.HANGUP
