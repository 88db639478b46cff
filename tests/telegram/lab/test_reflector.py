"""The lab's reflector: what it forwards, what it counts, and what it does not keep."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from siptg.telegram.lab import reflector
from siptg.telegram.lab.reflector import LabReflector
from siptg.telegram.media.reflected import TCP_FIRST, framed, hello, keep_alive, packet
from tests.support.background import open_files

CALL, ONE, TWO = bytes(range(12)), b"1111", b"2222"


async def test_a_hello_is_answered_and_what_follows_is_forwarded_unchanged() -> None:
    relay, sent = LabReflector(), list[bytes]()
    relay.take(hello(CALL + ONE), sent.append, tcp=False)
    assert sent[0][:28] == CALL + ONE + b"\xff" * 12
    said = packet(CALL, ONE, TWO, b"some sound")
    relay.take(said, list[bytes]().append, tcp=False)
    assert sent[1] == said


async def test_what_nobody_is_there_for_and_what_is_too_short_is_counted() -> None:
    relay, sent = LabReflector(), list[bytes]()
    relay.take(packet(CALL, TWO, ONE, b"some sound"), sent.append, tcp=False)
    relay.take(b"x" * 20, sent.append, tcp=False)
    assert (relay.counters["unknown"], relay.counters["short"], sent) == (1, 1, [])


async def test_it_keeps_the_newest_tags_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "MOST_HOMES", 3)
    relay = LabReflector()
    for n in range(9):
        relay.take(hello(CALL + n.to_bytes(4, "big")), list[bytes]().append, tcp=False)
    assert relay.homes == 3


@pytest.mark.parametrize(
    "said", [b"EHLO you", TCP_FIRST + b"\xff\xff\xff\xff"], ids=["no greeting", "a false length"]
)
async def test_a_stream_of_garbage_is_closed(said: bytes) -> None:
    async with LabReflector() as relay, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(*relay.address)
        writer.write(said)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        assert relay.counters["garbage"] == 1


async def test_who_leaves_leaves_no_tag_behind() -> None:
    async with LabReflector() as relay, asyncio.timeout(5):
        _, writer = await asyncio.open_connection(*relay.address)
        writer.write(TCP_FIRST + framed(keep_alive(CALL + ONE)))
        while not relay.homes:
            await asyncio.sleep(0.01)
        writer.close()
        while relay.homes:
            await asyncio.sleep(0.01)


async def test_a_port_that_is_taken_for_tcp_is_passed_over_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, files = asyncio.get_running_loop(), open_files()
    create, taken = loop.create_server, list[socket.socket]()

    async def late(protocol: Any, host: str, port: int) -> asyncio.Server:
        if len(taken) < 3:  # somebody was faster
            taken.append(socket.create_server((host, port)))
        return await create(protocol, host, port)

    monkeypatch.setattr(loop, "create_server", late)
    async with LabReflector() as relay:
        assert relay.address[1] not in [sock.getsockname()[1] for sock in taken]
        with pytest.raises(OSError, match="in use"):
            async with LabReflector(*relay.address):
                pass
    for sock in taken:
        sock.close()
    await asyncio.sleep(0)
    assert len(taken) == 3 and open_files() == files
