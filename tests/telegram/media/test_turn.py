"""A TURN server that refuses: what is asked again, what is said, and what is left."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aioice import stun

from siptg.rtp.wire import Address
from siptg.telegram.media.ice import CallIce
from siptg.telegram.media.servers import RelayServer
from siptg.telegram.media.turn import TurnPort
from tests.support.background import open_files
from tests.support.engines import until

RELAYED: Address = ("192.0.2.1", 4000)
RELAYED_SIX: Address = ("2001:db8::1", 4000)
IPV4, IPV6 = 1, 2


class Turn(asyncio.DatagramProtocol):
    """Says to each request the next thing: a code of an error, or the address that is relayed.

    `asked` are the families that allocations asked for (None for none), `sources` whence.
    """

    def __init__(self, says: Sequence[int | Address]) -> None:
        self._says = iter(says)
        self.asked: list[int | None] = []
        self.sources: list[Address] = []
        self.bound = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, source: Address) -> None:
        request = stun.parse_message(data)
        if request.message_class is not stun.Class.REQUEST:
            return
        if request.message_method is stun.Method.ALLOCATE:
            self.asked.append(family(data))
            self.sources.append(source)
        if request.message_method is stun.Method.REFRESH:
            self._answer(request, source, {"LIFETIME": 0})
            return
        said = next(self._says)
        if isinstance(said, int):
            self._answer(request, source, {"ERROR-CODE": (said, "no")}, stun.Class.ERROR)
        elif request.message_method is stun.Method.CHANNEL_BIND:
            self.bound += 1
            self._answer(request, source, {})
        else:
            self._answer(
                request,
                source,
                {
                    "XOR-RELAYED-ADDRESS": said,
                    "XOR-MAPPED-ADDRESS": source,
                    "LIFETIME": 600,
                },
            )

    def _answer(
        self,
        request: stun.Message,
        source: Address,
        attributes: dict[str, Any],
        kind: stun.Class = stun.Class.RESPONSE,
    ) -> None:
        answer = stun.Message(request.message_method, kind, request.transaction_id, attributes)
        self._transport.sendto(bytes(answer), source)


def family(data: bytes) -> int | None:
    """REQUESTED-ADDRESS-FAMILY (RFC 8656 §18.8)."""
    at = 20
    while at < len(data):
        kind, length = struct.unpack_from("!HH", data, at)
        if kind == 0x17:
            assert length == 4 and data[at + 5 : at + 8] == bytes(3)
            return data[at + 4]
        at += 4 + length + -length % 4
    return None


@contextlib.asynccontextmanager
async def turn(*says: int | Address) -> AsyncIterator[tuple[Turn, CallIce]]:
    """A server, and an end that has gathered what it gave."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: Turn(says), local_addr=("127.0.0.1", 0)
    )
    host, port = transport.get_extra_info("sockname")
    at = RelayServer(host, port, True, False, "siptg", "secret")
    end = CallIce(caller=True, addresses=("127.0.0.1",), servers=(at,), p2p=False)
    try:
        await end.gather_candidates()
        yield server, end
    finally:
        await end.close()
        transport.close()


def hosts(end: CallIce) -> list[str]:
    return [line.split()[4] for line in end.lines()]


async def test_no_family_is_asked_for_where_none_need_be() -> None:
    async with turn(RELAYED) as (server, end):
        assert server.asked == [None] and hosts(end) == [RELAYED[0]]


@pytest.mark.parametrize(
    ("says", "asked", "had"),
    [
        ([440, RELAYED_SIX], [None, IPV6], [RELAYED_SIX[0]]),
        ([440, 440, RELAYED], [None, IPV6, IPV4], [RELAYED[0]]),
        ([440, 440, 440], [None, IPV6, IPV4], []),
        ([440, 420], [None, IPV6], []),
    ],
    ids=["IPv6 alone", "IPv4 against its custom", "none", "it knows no families"],
)
async def test_a_server_without_the_family_is_asked_for_the_others(
    says: list[int | Address], asked: list[int | None], had: list[str]
) -> None:
    async with turn(*says) as (server, end):
        assert server.asked == asked and hosts(end) == had
        assert len(set(server.sources)) == len(asked)  # each of a socket of its own


async def test_where_somebodys_old_allocation_lives_at_our_port_we_take_another() -> None:
    """RFC 8656 §7.4."""
    async with turn(437, RELAYED) as (server, end):
        assert hosts(end) == [RELAYED[0]]
        assert len(set(server.sources)) == 2


@pytest.mark.parametrize("code", [300, 403, 441, 442, 486, 508])
async def test_what_cannot_be_had_is_said_once_and_not_asked_again(
    code: int, caplog: pytest.LogCaptureFixture
) -> None:
    before = open_files()
    async with turn(code) as (server, end):
        assert hosts(end) == [] and len(server.asked) == 1
    said = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert len(said) == 1 and f"({code} - no)" in said[0]
    await until(lambda: open_files() == before)


async def test_twice_at_a_taken_port_is_enough(caplog: pytest.LogCaptureFixture) -> None:
    async with turn(437, 437) as (server, end):
        assert hosts(end) == [] and len(server.asked) == 2
    assert "(437 - no)" in caplog.text


async def test_a_relayed_address_without_a_port_is_none() -> None:
    async with turn(("0.0.0.0", 0)) as (_, end):
        assert hosts(end) == []


async def test_one_peer_that_is_refused_is_counted_and_not_asked_for_again() -> None:
    async with turn(RELAYED, 443, ("", 0)) as (server, end):
        port, refused, other = end._ports[0], ("192.0.2.9", 4000), ("192.0.2.10", 4000)
        port.sendto(b"\x80 to one", refused)
        await until(lambda: end.dropped == 1)
        port.sendto(b"\x80 again", refused)
        assert end.dropped == 2
        port.sendto(b"\x80 to another", other)
        await until(lambda: server.bound == 1)
        assert end.dropped == 2 and not port.is_closing()


async def bound_again(end: CallIce) -> TurnPort:
    """A channel that the server gave, four minutes later."""
    port, peer = end._ports[0], ("192.0.2.9", 4000)
    assert isinstance(port, TurnPort)
    port.sendto(b"\x80 to one", peer)
    await until(lambda: peer in port._client.peer_to_channel)
    port._client.channel_refresh_at[0x4000] = 0.0
    port.sendto(b"\x80 after four minutes", peer)
    return port


@pytest.mark.parametrize("code", [400, 437])
async def test_a_binding_that_stood_and_is_refused_is_the_end_of_the_relay(code: int) -> None:
    async with turn(RELAYED, ("", 0), code) as (server, end):
        port = await bound_again(end)
        await until(port.is_closing)
        assert server.bound == 1 and end.dropped == 0


@pytest.mark.parametrize("code", [403, 508])
async def test_of_other_refusals_a_relay_does_not_end(code: int) -> None:
    async with turn(RELAYED, ("", 0), code) as (server, end):
        port = await bound_again(end)
        await until(lambda: end.dropped == 1)
        assert server.bound == 1 and not port.is_closing()
