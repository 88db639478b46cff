"""A Telegram call of ours from dialling to sound, through the lab's server.

python -m bench.telegram CALLS       prints {"setup_ms": […], "first_sound_ms": […]}
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import attrs

from bench.calls import LOOPBACK
from bench.foreign import loop_runner
from siptg.rtp.audio import silence
from siptg.rtp.clock import MediaClock
from siptg.telegram.account.client import Account
from siptg.telegram.account.sign_in import sign_in
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.events import Answered, Ended
from siptg.telegram.lab import Lab
from siptg.telegram.settings import TelegramSettings

WITHIN = 20.0
PHONES = {"caller": "+15550001", "callee": "+15550002"}


async def answered(call: TelegramCall) -> None:
    async for event in call.events():
        if isinstance(event, Answered):
            return
        if isinstance(event, Ended):
            raise RuntimeError(f"the call ended: {event.cause.value} {event.detail}")


async def both_heard(calls: tuple[TelegramCall, TelegramCall], clock: MediaClock) -> None:
    """Until a packet of sound has come to each; both say silence all the while."""
    frame = silence(calls[0].audio.rate)

    def beat() -> None:
        for call in calls:
            call.audio.read()
            call.audio.write(frame)

    clock.add(beat)
    try:
        while not all(call.audio.packets_received for call in calls):
            await asyncio.sleep(0.001)
    finally:
        clock.remove(beat)


async def set_up(caller: Account, callee: Account, clock: MediaClock) -> tuple[float, float]:
    """Milliseconds from dialling until both ends have media, and from her answer until both have
    heard the other; she answers as soon as it rings.
    """
    person = await caller.find("callee")
    begun = time.perf_counter()
    call = await caller.call(person)
    theirs = await anext(callee.calls())
    accepted = time.perf_counter()
    await theirs.answer()
    sounds = asyncio.create_task(both_heard((call, theirs), clock))
    await asyncio.wait_for(asyncio.gather(answered(call), answered(theirs)), WITHIN)
    took = time.perf_counter() - begun
    await asyncio.wait_for(sounds, WITHIN)
    heard = time.perf_counter() - accepted
    await call.hangup()
    await asyncio.gather(call.wait_over(5.0), theirs.wait_over(5.0))
    return took * 1000, heard * 1000


async def measure(calls: int) -> list[tuple[float, float]]:
    async with Lab() as lab, MediaClock() as clock:
        accounts = []
        for name, phone in PHONES.items():
            lab.add_user(name, phone, username=name)
            settings = TelegramSettings(1, "-", server=lab.server, ice_addresses=(LOOPBACK,))

            async def code(phone: str = phone) -> str:
                return lab.code_for(phone)

            session = await sign_in(settings, phone, code)
            accounts.append(Account(attrs.evolve(settings, session=session)))
        async with accounts[0] as caller, accounts[1] as callee:
            await set_up(caller, callee, clock)  # the first proves that p is prime, once a process
            return [await set_up(caller, callee, clock) for _ in range(calls)]


def main() -> None:
    setups, sounds = zip(*loop_runner()(measure(int(sys.argv[1]))), strict=True)
    print(json.dumps({"setup_ms": setups, "first_sound_ms": sounds}))


if __name__ == "__main__":
    main()
