"""A STUN server that sees everybody behind a translator of addresses (RFC 8489)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aioice import stun

from siptg.telegram.media.servers import RelayServer

OUTSIDE = {"127.0.0.1": "192.0.2.7", "::1": "2001:db8::7"}
"""Where who asks from there is told to come from."""


class _Stun(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, source: Any) -> None:
        asked = stun.parse_message(data)
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, asked.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = (OUTSIDE[source[0]], source[1])
        self._transport.sendto(bytes(answer), source)  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def stun_server(*hosts: str, name: str = "") -> AsyncIterator[RelayServer]:
    """At one port of all of these addresses; told under `name`, else by the first of them."""
    loop, port, made = asyncio.get_running_loop(), 0, []
    try:
        for host in hosts:
            transport, _ = await loop.create_datagram_endpoint(_Stun, local_addr=(host, port))
            made.append(transport)
            port = transport.get_extra_info("sockname")[1]
        yield RelayServer(name or hosts[0], port, False, True, "", "")
    finally:
        for transport in made:
            transport.close()
