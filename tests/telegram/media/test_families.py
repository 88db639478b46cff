"""Servers at addresses of IPv6, of both families, and of one that is dead."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import attrs
import pytest
from aioice import stun

from siptg.rtp.clock import MediaClock
from siptg.rtp.wire import Address
from siptg.telegram.lab.reflector import LabReflector
from siptg.telegram.media import gathering, watch
from siptg.telegram.media.gathering import first_of, resolved
from siptg.telegram.media.ice import CallIce
from siptg.telegram.media.servers import Reflector, RelayServer
from tests.support.engines import both_hear, two_ends, until
from tests.support.paths import hears, joined
from tests.support.stun import stun_server

TAG = bytes(range(1, 17))
IN_FULL = "0000:0000:0000:0000:0000:0000:0000:0001"
WITHIN = 5.0


@pytest.fixture
def silent() -> Any:
    """An address of IPv4 where somebody listens and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.2", 0))
        yield sock.getsockname()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names stand for, in the order in which the system would tell."""
    known: dict[str, list[str]] = {}

    async def asked(loop: Any, host: str, port: int, **more: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, 0, 0, "", (one, port))
            for one in known[host]
        ]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", asked)
    return known


def an_end(
    *reflectors: Reflector, addresses: tuple[str, ...] = ("127.0.0.1", "::1"), **more: Any
) -> CallIce:
    about: dict[str, Any] = {"caller": True, "servers": (), "p2p": False} | more
    return CallIce(addresses=addresses, reflectors=reflectors, **about)


def seen(end: CallIce) -> list[tuple[str, str]]:
    """What a server saw, and what it is behind."""
    parts = [line.split() for line in end.lines()]
    return sorted((part[4], part[9]) for part in parts if part[7] == "srflx")


async def test_each_family_is_asked_of_where_it_is_seen() -> None:
    async with stun_server("127.0.0.1", "::1") as server:
        end = an_end(p2p=True, servers=[attrs.evolve(server, host="::1"), server])
        await end.gather_candidates()
        assert seen(end) == [("192.0.2.7", "127.0.0.1"), ("2001:db8::7", "::1")]
        await end.close()


async def test_a_name_with_both_families_is_asked_by_both(names: dict[str, list[str]]) -> None:
    names["stun.invalid"] = ["::1", "127.0.0.1"]
    async with stun_server("127.0.0.1", "::1", name="stun.invalid") as server:
        end = an_end(p2p=True, servers=[server])
        await end.gather_candidates()
        assert len(seen(end)) == 2
        await end.close()


async def test_of_a_name_one_address_of_each_family_is_had_in_the_order_of_the_system(
    names: dict[str, list[str]],
) -> None:
    names["turn.invalid"] = ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"]
    found = await resolved("turn.invalid", 3478, socket.SOCK_DGRAM)
    assert found == [("2001:db8::1", 3478), ("192.0.2.1", 3478)]
    assert await resolved(IN_FULL, 3478, socket.SOCK_DGRAM) == [("::1", 3478)]


async def test_a_turn_server_whose_first_address_is_dead_is_reached_at_its_second(
    names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch, silent: Address
) -> None:
    monkeypatch.setattr(gathering, "HEAD_START", 0.01)
    names["turn.invalid"] = [silent[0], "::1"]
    asked = asyncio.Event()

    class Turn(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, source: Any) -> None:
            if stun.parse_message(data).message_method is stun.Method.ALLOCATE:
                asked.set()

    loop = asyncio.get_running_loop()
    turn, _ = await loop.create_datagram_endpoint(Turn, local_addr=("::1", silent[1]))
    end = an_end(servers=[RelayServer("turn.invalid", silent[1], True, False, "u", "p")])
    going = asyncio.create_task(end.gather_candidates())
    await asyncio.wait_for(asked.wait(), WITHIN)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    await end.close()
    turn.close()


class Place:
    """Somewhere a port might be had, once `answers` is set; "refuses" and "dead" never give one."""

    def __init__(self, name: str) -> None:
        self.name, self.answers = name, asyncio.Event()
        self.asked = self.closed = self.cancelled = False

    async def ask(self) -> Any:
        self.asked = True
        if self.name == "refuses":
            raise ConnectionRefusedError(self.name)
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self

    def close(self) -> None:
        self.closed = True


async def race(*places: Place) -> Any:
    return await asyncio.wait_for(first_of(Place.ask, places), WITHIN)


async def test_a_slow_address_is_waited_for_though_the_next_one_is_tried_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "HEAD_START", 0.01)
    slow, dead = Place("slow"), Place("dead")
    going = asyncio.create_task(race(slow, dead))
    await until(lambda: dead.asked)
    slow.answers.set()
    assert await going is slow and dead.cancelled and not slow.closed


async def test_an_address_that_refuses_is_not_waited_for() -> None:
    quick = Place("quick")
    quick.answers.set()
    assert await race(Place("refuses"), quick) is quick


async def test_an_address_that_answers_at_once_is_the_only_one_asked() -> None:
    quick, other = Place("quick"), Place("other")
    quick.answers.set()
    assert await race(quick, other) is quick and not other.asked


async def test_of_two_that_answer_together_one_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "HEAD_START", 0.01)
    both = Place("one"), Place("other")
    going = asyncio.create_task(race(*both))
    await until(lambda: both[1].asked)
    for place in both:
        place.answers.set()
    won = await going
    assert [place.closed for place in both] == [won is not place for place in both]


async def test_where_all_refuse_that_is_said_and_who_gives_up_leaves_nothing_going() -> None:
    with pytest.raises(ConnectionRefusedError):
        await race(Place("refuses"), Place("refuses"))
    dead = Place("dead")
    going = asyncio.create_task(race(Place("refuses"), dead))
    await until(lambda: dead.asked)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    assert dead.cancelled


@pytest.mark.parametrize("theirs", ["udp", "tcp"])
@pytest.mark.parametrize("ours", ["udp", "tcp"])
async def test_two_ends_hear_each_other_by_a_reflector_at_ipv6(ours: str, theirs: str) -> None:
    """Its address is written in full, as Telegram writes it."""
    async with LabReflector("::1") as relay, MediaClock() as clock:
        port = relay.address[1]
        ends = [
            an_end(Reflector(7, IN_FULL, port, TAG, way == "tcp"), caller=n == 0)
            for n, way in enumerate((ours, theirs))
        ]
        async with joined(*ends):
            await hears(ends[0], ends[1], clock)
            await hears(ends[1], ends[0], clock)
            assert all(end.garbage == 0 for end in ends)
            assert {port.here for end in ends for port in end._ports} == {"::1"}


async def test_one_end_reaches_a_reflector_by_ipv4_and_the_other_by_ipv6() -> None:
    async with LabReflector("::") as relay, MediaClock() as clock:
        port = relay.address[1]
        ends = [
            an_end(Reflector(7, host, port, TAG, False), caller=n == 0)
            for n, host in enumerate(("127.0.0.1", "::1"))
        ]
        async with joined(*ends):
            await hears(ends[0], ends[1], clock)
            await hears(ends[1], ends[0], clock)


async def test_of_both_families_of_a_reflector_who_has_fixed_tags_uses_the_one_that_answers(
    monkeypatch: pytest.MonkeyPatch, silent: Address
) -> None:
    """Both at once would be two of one tag."""
    monkeypatch.setattr(gathering, "HEAD_START", 0.05)
    async with LabReflector("::1") as relay, MediaClock() as clock:
        both = Reflector(7, *silent, TAG, False), relay.seen_by(7, tag=TAG)
        ends = [an_end(*both, caller=n == 0, fixed_tags=True) for n in range(2)]
        async with joined(*ends):
            assert [len(end.lines()) for end in ends] == [1, 1]
            await hears(ends[0], ends[1], clock)
            assert relay.homes == 2


async def test_a_call_over_ipv6_alone_is_heard_and_restarts() -> None:
    async with two_ends(talking=True, addresses=("::1",)) as (a, b):
        await both_hear(a, b)
        before = a.media._path.connection
        a.media.restart()
        async with asyncio.timeout(WITHIN):
            while a.media._path.connection is before:
                await asyncio.sleep(0.01)
        await both_hear(a, b)
        assert a.media._path.connection._nominated[1].remote_addr[0] == "::1"


@pytest.mark.parametrize("tcp", [False, True], ids=["UDP", "TCP"])
async def test_the_reflector_that_is_used_dies_and_another_takes_over_in_the_same_session(
    tcp: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream says that it is lost; where none does, a call restarts for silence."""
    monkeypatch.setattr(watch, "SILENT_AFTER", 1.5)
    async with contextlib.AsyncExitStack() as stack:
        relays = {}
        for number in (1, 2):
            one = await stack.enter_async_context(LabReflector("::1"))
            relays[number] = one, one.seen_by(number, tcp=tcp, tag=TAG)
        known = [reflector for _, reflector in relays.values()]
        async with two_ends(talking=True, relays=known) as ends:
            await both_hear(*ends)
            for end in ends:
                if not tcp:
                    end.media._events = attrs.evolve(end.media._events, silent=end.media.restart)
            using = ends[0].media._path.connection._nominated[1].protocol.transport
            dead, _ = relays.pop(using.number)  # type: ignore[attr-defined]
            before = [end.media._path.connection for end in ends]
            await dead.__aexit__()
            await until(lambda: all(e.media._path.connection not in before for e in ends), 15)
            await both_hear(*ends)
            assert not any("closed" in end.told for end in ends)
