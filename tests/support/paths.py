"""Two ends of ICE that find a path to each other, for tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from siptg.rtp.clock import MediaClock
from siptg.telegram.media.ice import CallIce

WITHIN = 10.0


@contextlib.asynccontextmanager
async def joined(*ends: CallIce) -> AsyncIterator[None]:
    """Both know of each other and have a path; closed in the end, also where they find none."""
    try:
        await asyncio.gather(*(one.gather_candidates() for one in ends))
        for one, other in (ends, ends[::-1]):
            one.remote_username, one.remote_password = other.local_username, other.local_password
            for line in other.lines():
                assert await one.add_line(line)
        async with asyncio.timeout(WITHIN):
            await asyncio.gather(*(one.connect() for one in ends))
        yield
    finally:
        for one in ends:
            await one.close()


async def hears(one: CallIce, other: CallIce, clock: MediaClock) -> None:
    """What `one` sends comes out at `other`, which the beat of `clock` empties."""
    heard: list[bytes] = []
    other.media = lambda data, arrived: heard.append(data)
    other.give_to(clock.poller)
    async with asyncio.timeout(WITHIN):
        while not heard:
            one.send_now(b"\x80 some sound")
            await asyncio.sleep(0.01)
    assert heard[0] == b"\x80 some sound"
