"""Calls with ntgcalls whose signalling is lost, doubled, reordered, held up or torn: they stand all
the same. ntgcalls gives up on a call that has no media after ten seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.signals import LossyLink
from tests.world.engine import Engine
from tests.world.paper import talking, we_hear_her

pytestmark = [pytest.mark.world, pytest.mark.netns]

BAD_DAYS: dict[str, Callable[[], LossyLink]] = {
    "lost, doubled, late": lambda: LossyLink(1, 0.3, 0.2, 0.2),
    "held for five seconds": lambda: LossyLink(held=5.0),
    "torn by a reconnect": lambda: LossyLink(torn=(0.02, 2.5)),
}


async def both_are_heard(name: str, version: str, outgoing: bool) -> None:
    link = BAD_DAYS[name]()
    try:
        async with talking(Engine, version, outgoing=outgoing, link=link) as (_, olga, _told, ear):
            await asyncio.gather(we_hear_her(ear), olga.engine.hears(440, 20.0))
    except (TimeoutError, LookupError) as error:
        raise AssertionError(f"{name}: {error!r} after {link}") from error


@pytest.mark.parametrize("version", ["9.0.0", "13.0.0"])
@pytest.mark.parametrize("outgoing", [True, False], ids=["we call", "she calls"])
async def test_both_are_heard_though_signalling_has_bad_days(version: str, outgoing: bool) -> None:
    """Three calls at once, each with its own bad day."""
    await asyncio.gather(*(both_are_heard(name, version, outgoing) for name in BAD_DAYS))
