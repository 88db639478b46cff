"""Whole calls with ntgcalls where no direct path is allowed: by reflectors, by TURN, with several
servers of which one is dead.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from siptg.telegram.call.call import TelegramCall
from siptg.telegram.lab.reflector import LabReflector
from siptg.telegram.media.servers import Reflector, RelayServer
from tests.world.coturn import Coturn
from tests.world.namespace import SIX, take_ipv6
from tests.world.ntg_user import NtgCall
from tests.world.test_telegram import Scene, scene, they_talk

pytestmark = [pytest.mark.world, pytest.mark.netns]

HERE, THERE, NOBODY = "10.77.0.1", "10.77.1.1", "10.77.0.77"
VERSIONS = pytest.mark.parametrize("version", ["9.0.0", "13.0.0"])
ROLES = pytest.mark.parametrize("outgoing", [True, False], ids=["we call", "she calls"])


async def begun(stage: Scene, *, outgoing: bool) -> tuple[TelegramCall, NtgCall]:
    if outgoing:
        call = await stage.account.call(await stage.account.find("olga"))
        return call, await stage.olga.called()
    there = await stage.olga.call("siptg")
    call = await anext(stage.account.calls())
    await call.answer()
    return call, there


def used(call: TelegramCall) -> tuple[str, str]:
    """Kinds of the chosen pair, ours and theirs."""
    assert call._media is not None
    pair = call._media._path.connection._nominated[1]
    return pair.local_candidate.type, pair.remote_candidate.type


@VERSIONS
@ROLES
async def test_by_reflectors_of_which_one_is_dead(version: str, outgoing: bool) -> None:
    async with (
        LabReflector(HERE, 1400) as one,
        LabReflector(THERE, 1401) as two,
        scene(versions=(version,)) as stage,
    ):
        dead = Reflector(20, NOBODY, 1402, b"", False)
        stage.lab.calls.p2p_allowed = False
        stage.lab.calls.relays = one.seen_by(30), dead, two.seen_by(10), one.seen_by(40, tcp=True)
        call, there = await begun(stage, outgoing=outgoing)
        await they_talk(stage, call, lambda: there.engine.hears(440))
        assert used(call) == ("relay", "relay")
        await call.hangup()
        await call.wait_over(5.0)
        assert one.counters["relayed"] + two.counters["relayed"] > 50
        assert not one.counters["garbage"] + two.counters["garbage"]


@pytest.mark.parametrize("version", ["8.0.0", "9.0.0", "12.0.0", "13.0.0"])
@ROLES
async def test_by_turn_with_a_dead_server_beside_it(
    version: str, outgoing: bool, tmp_path: Path
) -> None:
    async with Coturn(tmp_path) as coturn, scene(versions=(version,)) as stage:
        dead = RelayServer(NOBODY, 3478, True, True, "u", "p")
        stage.lab.calls.p2p_allowed = False
        stage.lab.calls.relays = dead, coturn.server(stun=True)
        call, there = await begun(stage, outgoing=outgoing)
        await they_talk(stage, call, lambda: there.engine.hears(440))
        assert used(call) == ("relay", "relay")
        await call.hangup()
        await call.wait_over(5.0)
        for _ in range(100):
            if coturn.freed:
                break
            await asyncio.sleep(0.02)
        assert coturn.freed


async def test_a_turn_server_of_our_own_when_only_we_want_no_direct_path(tmp_path: Path) -> None:
    async with (
        Coturn(tmp_path) as coturn,
        scene(versions=("9.0.0",), p2p=False, relays=(coturn.server("tcp"),)) as stage,
    ):
        call, there = await begun(stage, outgoing=True)
        await they_talk(stage, call, lambda: there.engine.hears(440))
        assert used(call)[0] == "relay"
        await call.hangup()
        await call.wait_over(5.0)


async def test_by_ipv6() -> None:
    take_ipv6()
    async with scene(versions=("9.0.0",), ice_addresses=SIX[:1]) as stage:
        call, there = await begun(stage, outgoing=True)
        await they_talk(stage, call, lambda: there.engine.hears(440))
        assert call._media is not None
        assert ":" in call._media._path.connection._nominated[1].remote_addr[0]
        await call.hangup()
        await call.wait_over(5.0)
