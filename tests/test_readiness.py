"""Datagram sockets go on to be read after an ICMP error, whichever loop reads them."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from siptg.readiness import Readiness
from siptg.rtp.wire import Wire, open_socket
from siptg.sip.flow import Flow
from siptg.sip.transport.udp import UdpTransport

uvloop = pytest.importorskip("uvloop")
LOOPBACK = "127.0.0.1"
Run = Callable[[Coroutine[Any, Any, None]], None]
runs = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


class Receiver:
    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.complaints: list[str] = []

    def received(self, data: bytes, flow: Flow) -> None:
        self.heard.append(data)

    def broken(self, flow: Flow, why: str) -> None:
        self.complaints.append(why)

    def flush(self) -> None:
        pass


def nobody() -> tuple[str, int]:
    """An address where nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LOOPBACK, 0))
        address: tuple[str, int] = sock.getsockname()
        return address


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


@runs
@pytest.mark.rfc(3261, "18.4")
def test_a_sip_socket_hears_more_after_each_icmp_error(run: Run) -> None:
    async def main() -> None:
        receiver = Receiver()
        transport = await UdpTransport.open((LOOPBACK, 0), receiver)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for n in (1, 2, 3):
                transport.send(b"lost", Flow("UDP", transport.local, nobody()))
                await until(lambda n=n: len(receiver.complaints) == n)  # type: ignore[misc]
                peer.sendto(b"heard", transport.local)
                await until(lambda n=n: len(receiver.heard) == n)  # type: ignore[misc]
        await transport.close()
        assert receiver.complaints == [os.strerror(111)] * 3

    run(main())


@runs
def test_a_media_socket_hears_more_after_each_icmp_error(run: Run) -> None:
    async def main() -> None:
        heard: list[bytes] = []
        wire = Wire(open_socket((LOOPBACK, 0)), lambda data, source, at: heard.append(data))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for n in (1, 2, 3):
                wire.send(b"lost", nobody())
                await until(lambda n=n: wire.unreachable == n)  # type: ignore[misc]
                peer.sendto(b"heard", wire.address)
                await until(lambda n=n: len(heard) == n)  # type: ignore[misc]
        wire.close()

    run(main())


@runs
def test_there_is_room_to_write_beside_an_icmp_error(run: Run) -> None:
    async def main() -> None:
        times = 0

        def ready() -> None:
            nonlocal times
            times += 1

        sock = open_socket((LOOPBACK, 0))
        errors = select.poll()
        errors.register(sock, 0)
        sock.sendto(b"lost", nobody())
        await until(lambda: bool(errors.poll(0)))
        writing = Readiness(sock, ready, to_write=True)
        await until(lambda: times > 3)
        writing.close()
        before = times
        await asyncio.sleep(0)
        assert times == before
        sock.close()

    run(main())
