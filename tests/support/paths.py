"""Two ends of ICE that find a path to each other, for tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

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
