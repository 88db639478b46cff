"""A translator of addresses that stands before one server of UDP, for tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Self

from siptg.rtp.wire import Address


class Nat:
    """Clients speak with `address`, the server with `outside`, one port for each client, until it
    forgets them.
    """

    def __init__(self, server: Address, host: str) -> None:
        self._server, self._host = server, host
        self._outside: dict[Address, socket.socket] = {}

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._inside = self._bound(self._from_inside)
        self.address: Address = self._inside.getsockname()[:2]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.forget()
        self._close(self._inside)

    @property
    def outside(self) -> set[Address]:
        return {sock.getsockname()[:2] for sock in self._outside.values()}

    def forget(self) -> None:
        for sock in self._outside.values():
            self._close(sock)
        self._outside.clear()

    def _bound(self, readable: Callable[[], None]) -> socket.socket:
        sock = socket.socket(
            socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_DGRAM
        )
        sock.setblocking(False)
        sock.bind((self._host, 0))
        self._loop.add_reader(sock, readable)
        return sock

    def _close(self, sock: socket.socket) -> None:
        self._loop.remove_reader(sock)
        sock.close()

    def _from_inside(self) -> None:
        data, client = self._inside.recvfrom(2048)
        if client not in self._outside:
            self._outside[client] = self._bound(lambda: self._from_outside(client))
        self._outside[client].sendto(data, self._server)

    def _from_outside(self, client: Address) -> None:
        self._inside.sendto(self._outside[client].recv(2048), client)
