"""Media's sockets on loopback: two ways of being read, kernel times, floods, ICMP."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from siptg.rtp.wire import BURST, Address, Poller, Wire, open_socket

LOOPBACK = "127.0.0.1"
Heard = list[tuple[bytes, Address, float]]


@asynccontextmanager
async def wire_and_sender() -> AsyncIterator[tuple[Wire, socket.socket, Heard]]:
    heard: Heard = []
    wire = Wire(open_socket((LOOPBACK, 0)), lambda *what: heard.append(what))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((LOOPBACK, 0))
        yield wire, sender, heard
    wire.close()


async def until(heard: Heard, count: int) -> None:
    async with asyncio.timeout(2):
        while len(heard) < count:
            await asyncio.sleep(0)


async def test_while_a_call_is_set_up_the_loop_reads_each_datagram() -> None:
    async with wire_and_sender() as (wire, sender, heard):
        sender.sendto(b"one", wire.address)
        await until(heard, 1)
        data, source, arrived = heard[0]
        assert (data, source) == (b"one", sender.getsockname())
        assert abs(arrived - time.monotonic()) < 1.0


async def test_a_datagram_bears_the_time_at_which_the_kernel_got_it() -> None:
    async with wire_and_sender() as (wire, sender, heard):
        poller = Poller()
        wire.give_to(poller)
        before = time.monotonic()
        sender.sendto(b"x", wire.address)
        after = time.monotonic()
        while time.monotonic() < after + 0.05:  # nobody looks meanwhile
            pass
        poller.fetch()
        arrived = heard[0][2]
        assert before - 0.005 <= arrived <= after + 0.02
        poller.close()


async def test_it_may_go_back_and_forth_between_loop_and_beat() -> None:
    async with wire_and_sender() as (wire, sender, heard):
        poller = Poller()
        for n in range(3):
            wire.give_to(poller)
            sender.sendto(b"beat", wire.address)
            assert poller.fetch() == 1
            wire.listen()
            sender.sendto(b"loop", wire.address)
            await until(heard, 2 * n + 2)
        assert [data for data, _, _ in heard] == [b"beat", b"loop"] * 3
        poller.close()


async def test_a_flood_takes_no_more_of_a_beat_than_its_burst() -> None:
    async with wire_and_sender() as (wire, sender, heard):
        poller = Poller()
        wire.give_to(poller)
        for n in range(100):
            sender.sendto(b"%d" % n, wire.address)
        poller.fetch()
        assert len(heard) == BURST
        poller.close()


async def test_what_one_datagram_closes_is_not_read_any_more() -> None:
    poller, heard = Poller(), list[str]()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        wires: list[Wire] = []

        def closes_all(data: bytes, source: Address, arrived: float) -> None:
            heard.append("x")
            for wire in wires:
                wire.close()

        wires += [Wire(open_socket((LOOPBACK, 0)), closes_all) for _ in range(3)]
        for wire in wires:
            wire.give_to(poller)
            sender.sendto(b"x", wire.address)
        poller.fetch()
        assert heard == ["x"]
        assert poller.fetch() == 0
    poller.close()


async def test_who_breaks_over_a_datagram_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def breaks(data: bytes, source: Address, arrived: float) -> None:
        raise KeyError(data)

    async with wire_and_sender() as (wire, sender, heard):
        bad, poller = Wire(open_socket((LOOPBACK, 0)), breaks), Poller()
        for one in (bad, wire):
            one.give_to(poller)
        for _ in range(2):
            sender.sendto(b"x", bad.address)
            sender.sendto(b"x", wire.address)
            poller.fetch()
        assert len(heard) == 2 and "broke whoever took it" in caplog.text
        bad.close()
        poller.close()


async def test_a_port_where_nobody_listens_is_counted_and_does_no_harm() -> None:
    async with wire_and_sender() as (wire, sender, _):
        nobody = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        nobody.bind((LOOPBACK, 0))
        gone = nobody.getsockname()
        nobody.close()
        for _ in range(3):
            wire.send(b"is there somebody?", gone)
        for _ in range(20):
            await asyncio.sleep(0)
        wire.send(b"hello", sender.getsockname())
        assert sender.recv(100) == b"hello"
        assert wire.unreachable > 0


async def test_what_the_system_does_not_take_is_dropped_and_counted() -> None:
    async with wire_and_sender() as (wire, sender, _):
        wire.send(b"x" * 70_000, sender.getsockname())
        assert wire.dropped == 1
        wire.close()
        wire.send(b"x", sender.getsockname())
        assert wire.dropped == 2


async def test_an_address_that_is_taken_is_refused() -> None:
    first = open_socket((LOOPBACK, 0))
    with pytest.raises(OSError):
        open_socket(first.getsockname())
    first.close()


async def test_ipv6_looks_like_ipv4_from_above() -> None:
    heard: Heard = []
    try:
        wire = Wire(open_socket(("::1", 0)), lambda *what: heard.append(what))
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    wire.send(b"to myself", wire.address)
    await until(heard, 1)
    assert heard[0][1] == wire.address
    wire.close()
