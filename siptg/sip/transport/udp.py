"""SIP over UDP: one socket, all peers (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import cast

from siptg.sip.flow import Address, Flow

BUFFER = 4 << 20
"""Asked of the kernel: a burst of calls must not be lost before we read it."""


class UdpTransport(asyncio.DatagramProtocol):
    """`receive` gets each datagram with its flow, `broken` a peer at which nobody listens."""

    def __init__(
        self, receive: Callable[[bytes, Flow], None], broken: Callable[[Address], None]
    ) -> None:
        self._receive, self._broken = receive, broken
        self._transport: asyncio.DatagramTransport | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last: Address | None = None
        self.local: Address = ("", 0)

    @classmethod
    async def open(
        cls,
        local: Address,
        receive: Callable[[bytes, Flow], None],
        broken: Callable[[Address], None],
    ) -> UdpTransport:
        """OSError where the address cannot be bound."""
        loop = asyncio.get_running_loop()
        try:
            _, made = await loop.create_datagram_endpoint(lambda: cls(receive, broken), local)
        except OSError as error:
            raise OSError(
                error.errno, f"SIP cannot listen on {local[0]}:{local[1]}: {error.strerror}"
            ) from None
        return made

    def send(self, data: bytes, remote: Address) -> None:
        """Never raises; what the system refuses at once is told as `broken`."""
        if self._transport is not None and not self._transport.is_closing():
            self._last = remote
            self._transport.sendto(data, remote)

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            await self._closed

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.local = transport.get_extra_info("sockname")[:2]
        sock = transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._receive(data, Flow("UDP", self.local, (addr[0], addr[1])))

    def error_received(self, exc: Exception) -> None:
        """An ICMP error. The socket serves all peers and does not say whose: it was the last sent
        to.
        """
        if self._last is not None:
            self._broken(self._last)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closed.done():
            self._closed.set_result(None)
