"""The HTTP side of the metrics: who asks well gets the page, and nobody else is in the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from siptg.app import metrics_server
from siptg.app.metrics_server import MOST_HEADER, MOST_OPEN, MetricsServer

ASK = b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"


def page(accept: str) -> tuple[str, bytes]:
    if accept == "trouble":
        raise ZeroDivisionError
    return "text/x-page", f"for {accept}\n".encode()


@pytest_asyncio.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MetricsServer]:
    monkeypatch.setattr(metrics_server, "WITHIN", 600.0)  # nothing but its own test waits for it
    async with MetricsServer("127.0.0.1:0", page) as server:
        yield server


async def say(server: MetricsServer, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to these bytes; 0 where there was none."""
    reader, writer = await asyncio.open_connection(*server.address)
    try:
        async with asyncio.timeout(10):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            answer = await reader.read()
    except ConnectionError:
        return 0, {}, b""
    finally:
        writer.close()
    if not answer:
        return 0, {}, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


async def is_well(server: MetricsServer) -> bool:
    return (await say(server, ASK))[0] == 200


async def test_the_page_is_given_with_its_kind_for_what_is_accepted(server: MetricsServer) -> None:
    asked = b"GET /metrics?x=1 HTTP/1.1\r\nHost: here\r\nAccept: a/b\r\nAccept: c/d\r\n\r\n"
    status, headers, body = await say(server, asked)
    assert (status, body) == (200, b"for a/b,c/d\n")
    assert (headers["content-type"], headers["connection"]) == ("text/x-page", "close")


async def test_a_request_that_comes_byte_by_byte_is_one(server: MetricsServer) -> None:
    assert (await say(server, *(bytes([byte]) for byte in ASK)))[2] == b"for \n"


async def test_old_clients_are_answered_and_head_has_no_body(server: MetricsServer) -> None:
    assert (await say(server, b"GET /metrics HTTP/1.0\r\n\r\n"))[2] == b"for \n"
    status, headers, body = await say(server, ASK.replace(b"GET", b"HEAD"))
    assert (status, headers["content-length"], body) == (200, "5", b"")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (ASK.replace(b"/metrics", b"/"), 404),
        (ASK.replace(b"/metrics", b"/metrics/../../etc/passwd"), 404),
        (ASK.replace(b"GET", b"DELETE"), 405),
        (ASK.replace(b"\r\n\r\n", b"\r\nAccept: trouble\r\n\r\n"), 500),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: here\r\nBad header\r\n\r\n", 400),
    ],
)
async def test_anything_else_is_refused_by_its_number(
    server: MetricsServer, asked: bytes, status: int
) -> None:
    assert (await say(server, asked))[0] == status
    assert await is_well(server)


async def test_before_there_is_a_page_it_says_so() -> None:
    async with MetricsServer("127.0.0.1:0") as server:
        assert (await say(server, ASK))[0] == 503
        server.page = page
        assert await is_well(server)


async def test_a_header_without_end_is_refused_and_not_kept(server: MetricsServer) -> None:
    endless = b"GET /metrics HTTP/1.1\r\nX: " + b"x" * (MOST_HEADER * 4)
    # the refusal may be lost to the rest of what was sent
    assert (await say(server, endless))[0] in (0, 431)
    assert await is_well(server)


async def test_what_follows_a_request_is_not_answered(server: MetricsServer) -> None:
    assert (await say(server, ASK * 50))[2] == b"for \n"


async def test_who_says_nothing_is_left(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "WITHIN", 0.05)
    assert await say(server, b"GET /met") == (0, {}, b"")
    await until_nobody_is_left(server)


async def test_who_reads_nothing_is_left(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "WITHIN", 0.05)
    server.page = lambda accept: ("text/plain", bytes(64 << 20))
    _, writer = await asyncio.open_connection(*server.address, limit=1)
    writer.write(ASK)
    await until_nobody_is_left(server, since=1)
    writer.close()


async def until_nobody_is_left(server: MetricsServer, since: int = 0) -> None:
    async with asyncio.timeout(5):
        while len(server.open) < since:
            await asyncio.sleep(0)
        while server.open:
            await asyncio.sleep(0.01)


async def test_of_many_that_stay_the_oldest_go_and_who_asks_is_answered(
    server: MetricsServer,
) -> None:
    idle = [await asyncio.open_connection(*server.address) for _ in range(MOST_OPEN * 3)]
    assert await is_well(server)
    assert len(server.open) <= MOST_OPEN
    async with asyncio.timeout(5):
        assert await idle[0][0].read() == b""
    for _, writer in idle:
        writer.close()


async def test_an_address_that_is_taken_is_said_with_what_to_do(server: MetricsServer) -> None:
    taken = "{}:{}".format(*server.address)
    with pytest.raises(OSError, match=f"metrics.listen: {taken} cannot be had: Address already"):
        async with MetricsServer(taken, page):
            pass
    with pytest.raises(OSError, match=r"metrics.listen: no\.such\.host\.invalid:1 cannot be had: "):
        async with MetricsServer("no.such.host.invalid:1", page):
            pass


async def test_the_end_waits_for_nobody() -> None:
    async with MetricsServer("[::1]:0", page) as server:
        assert server.url.startswith("http://[::1]:")
        _, writer = await asyncio.open_connection(*server.address)
        writer.write(b"GET")
        async with asyncio.timeout(5):
            while not server.open:
                await asyncio.sleep(0)
    await until_nobody_is_left(server)
    writer.close()
