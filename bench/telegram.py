"""A Telegram call of ours from dialling to sound, through the lab's server.

python -m bench.telegram CALLS       prints {"setup_ms": […]}
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import attrs

from bench.calls import LOOPBACK
from bench.foreign import loop_runner
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


async def set_up(caller: Account, callee: Account) -> float:
    """Milliseconds until both ends have media; she answers as soon as it rings."""
    person = await caller.find("callee")
    begun = time.perf_counter()
    call = await caller.call(person)
    theirs = await anext(callee.calls())
    await theirs.answer()
    await asyncio.wait_for(asyncio.gather(answered(call), answered(theirs)), WITHIN)
    took = time.perf_counter() - begun
    await call.hangup()
    await asyncio.gather(call.wait_over(5.0), theirs.wait_over(5.0))
    return took * 1000


async def measure(calls: int) -> list[float]:
    async with Lab() as lab:
        accounts = []
        for name, phone in PHONES.items():
            lab.add_user(name, phone, username=name)
            settings = TelegramSettings(1, "-", server=lab.server, ice_addresses=(LOOPBACK,))

            async def code(phone: str = phone) -> str:
                return lab.code_for(phone)

            session = await sign_in(settings, phone, code)
            accounts.append(Account(attrs.evolve(settings, session=session)))
        async with accounts[0] as caller, accounts[1] as callee:
            await set_up(caller, callee)  # the first proves that p is prime, once a process
            return [await set_up(caller, callee) for _ in range(calls)]


def main() -> None:
    print(json.dumps({"setup_ms": loop_runner()(measure(int(sys.argv[1])))}))


if __name__ == "__main__":
    main()
