"""A datagram socket that an event loop reads, ICMP errors or not."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable


class Watch:
    """`readable` is called whenever the socket has a datagram or an error, until `close`.

    The loop watches an epoll in which the socket stands alone, where the system has that: libuv,
    which is below uvloop, leaves a socket for good at its first error and tells nobody.
    """

    __slots__ = ("_epoll", "_loop", "_number")

    def __init__(self, sock: socket.socket, readable: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._number, self._epoll = sock.fileno(), None
        if hasattr(select, "epoll"):
            self._epoll = select.epoll()
            self._epoll.register(self._number, select.EPOLLIN)
            self._number = self._epoll.fileno()
        self._loop.add_reader(self._number, readable)

    def close(self) -> None:
        """Before the socket is closed."""
        self._loop.remove_reader(self._number)
        if self._epoll is not None:
            self._epoll.close()
