"""Two accounts at one lab, for tests of calls between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import attrs

from siptg.rtp.clock import MediaClock
from siptg.telegram.account.client import Account
from siptg.telegram.call import events
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.times import CallTimes
from siptg.telegram.lab import Lab, LabAccount
from tests.support.lab import settings, signed_in

E = TypeVar("E", bound=events.CallEvent)


@attrs.define(eq=False)
class Two:
    """Ann has the lower number."""

    lab: Lab
    ann_user: LabAccount
    bob_user: LabAccount
    ann: Account
    bob: Account
    clock: MediaClock

    async def call(self) -> TelegramCall:
        return await self.ann.call(await self.ann.find("bob"))

    async def call_back(self) -> TelegramCall:
        return await self.bob.call(await self.bob.find("ann"))


@asynccontextmanager
async def two(
    times: CallTimes | None = None, bobs: tuple[str, ...] = ("9.0.0", "8.0.0")
) -> AsyncIterator[Two]:
    async with Lab() as lab, MediaClock() as clock:
        ann, bob = lab.add_user("Ann", "+100", "ann"), lab.add_user("Bob", "+200", "bob")
        a = Account(settings(lab, await signed_in(lab, ann)), times=times)
        b = Account(settings(lab, await signed_in(lab, bob), bobs), times=times)
        async with a, b:
            yield Two(lab, ann, bob, a, b, clock)


async def until(call: TelegramCall, kind: type[E], seconds: float = 8.0) -> E:
    """The next event of a kind; what comes before it is passed over."""
    async with asyncio.timeout(seconds):
        async for event in call.events():
            if isinstance(event, kind):
                return event
    raise AssertionError(f"the call ended without {kind.__name__}")
