"""Whole calls with ntgcalls by reflectors that are reached by TCP, and by IPv6."""

from __future__ import annotations

from pathlib import Path

import pytest

from siptg.rtp.wire import Wire
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.lab.reflector import LabReflector
from siptg.telegram.media.ports import Port
from siptg.telegram.media.reflector import TcpReflectorPort, UdpReflectorPort
from tests.support.engines import until
from tests.world.coturn import Coturn
from tests.world.namespace import ADDRESSES, SIX, take_ipv6
from tests.world.ntg_user import NtgCall
from tests.world.test_relays import ROLES, VERSIONS, begun, used
from tests.world.test_telegram import Scene, scene, they_talk

pytestmark = [pytest.mark.world, pytest.mark.netns]

TAG = bytes(range(1, 17))
WAYS = pytest.mark.parametrize(
    ("outgoing", "tcp"), [(True, False), (False, True)], ids=["we call, UDP", "she calls, TCP"]
)


async def is_heard(stage: Scene, *, outgoing: bool) -> tuple[TelegramCall, NtgCall]:
    """A call without direct paths."""
    stage.lab.calls.p2p_allowed = False
    call, there = await begun(stage, outgoing=outgoing)
    await they_talk(stage, call, lambda: there.engine.hears(440))
    return call, there


async def hangs_up(call: TelegramCall) -> None:
    await call.hangup()
    await call.wait_over(5.0)


def port_of(call: TelegramCall) -> Port:
    assert call._media is not None
    port = call._media._path.connection._nominated[1].protocol.transport
    assert isinstance(port, Port)
    return port


def number_of(call: TelegramCall) -> int:
    """That of the reflector."""
    return port_of(call).number


@VERSIONS
@ROLES
async def test_by_tcp_on_both_sides(version: str, outgoing: bool) -> None:
    async with LabReflector(ADDRESSES[0]) as relay, scene(versions=(version,)) as stage:
        stage.lab.calls.relays = (relay.seen_by(7, tcp=True),)
        call, _ = await is_heard(stage, outgoing=outgoing)
        assert isinstance(port_of(call), TcpReflectorPort) and used(call) == ("relay", "relay")
        await hangs_up(call)
        assert relay.counters["relayed"] > 50
        assert not relay.counters["garbage"] + relay.counters["short"]


@ROLES
async def test_we_by_tcp_because_our_network_takes_no_udp_and_she_by_udp(
    outgoing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wire, "send", lambda wire, data, address: None)
    async with LabReflector(ADDRESSES[0]) as relay, scene(versions=("9.0.0",)) as stage:
        ways = [relay.seen_by(7, tcp=tcp, tag=TAG) for tcp in (False, True)]
        stage.lab.calls.relays = tuple(ways)
        stage.olga.takes = lambda connection: not connection.tcp
        call, _ = await is_heard(stage, outgoing=outgoing)
        assert isinstance(port_of(call), TcpReflectorPort)
        assert len(relay._streams) == 1  # ours
        await hangs_up(call)
        assert not relay.counters["garbage"] + relay.counters["short"]


@WAYS
async def test_by_ipv6_where_there_is_nothing_else(outgoing: bool, tcp: bool) -> None:
    take_ipv6(only=True)
    async with LabReflector(SIX[0]) as relay, scene(versions=("9.0.0",)) as stage:
        stage.lab.calls.relays = (relay.seen_by(7, tcp=tcp),)
        call, _ = await is_heard(stage, outgoing=outgoing)
        assert isinstance(port_of(call), TcpReflectorPort if tcp else UdpReflectorPort)
        await hangs_up(call)
        assert not relay.counters["garbage"] + relay.counters["short"]


@WAYS
async def test_the_reflector_that_is_used_dies_and_another_takes_over(
    outgoing: bool, tcp: bool
) -> None:
    """She may change over before we do; else we restart."""
    async with (
        LabReflector(ADDRESSES[0]) as one,
        LabReflector(ADDRESSES[0]) as two,
        scene(versions=("9.0.0",)) as stage,
    ):
        stage.lab.calls.relays = one.seen_by(1, tcp=tcp), two.seen_by(2, tcp=tcp)
        call, there = await is_heard(stage, outgoing=outgoing)
        assert call._media is not None
        path, dead = call._media._path, number_of(call)
        await (one, two)[dead - 1].__aexit__()
        await until(lambda: bool(path.connection._nominated) and number_of(call) != dead, 20)
        there.engine.heard.clear()
        await they_talk(stage, call, lambda: there.engine.hears(440))
        await hangs_up(call)


async def test_by_a_turn_server_at_ipv6_that_relays_at_ipv4(tmp_path: Path) -> None:
    take_ipv6()
    async with (
        Coturn(tmp_path, SIX[0], relays=ADDRESSES[:1]) as coturn,
        scene(versions=("9.0.0",)) as stage,
    ):
        stage.lab.calls.relays = (coturn.server(stun=True),)
        call, _ = await is_heard(stage, outgoing=True)
        assert call._media is not None
        pair = call._media._path.connection._nominated[1]
        assert pair.local_addr[0] == pair.remote_addr[0] == ADDRESSES[0]
        await hangs_up(call)
