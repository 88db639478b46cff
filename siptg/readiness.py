"""When a datagram socket has something to read, or room to write, ICMP errors or not."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable


class Readiness:
    """`ready` is called, until `close`, whenever the socket has a datagram or an error; `to_write`:
    whenever it takes another datagram.

    The loop watches an epoll in which the socket stands alone, where the system has that: libuv,
    which is below uvloop, leaves a socket for good at its first error and tells nobody.
    """

    __slots__ = ("_close", "_epoll")

    def __init__(
        self, sock: socket.socket, ready: Callable[[], None], *, to_write: bool = False
    ) -> None:
        loop, number, self._epoll = asyncio.get_running_loop(), sock.fileno(), None
        if hasattr(select, "epoll"):
            self._epoll = select.epoll()
            self._epoll.register(number, select.EPOLLOUT if to_write else select.EPOLLIN)
            number, to_write = self._epoll.fileno(), False
        if to_write:
            loop.add_writer(number, ready)
            self._close: Callable[[], object] = lambda: loop.remove_writer(number)
        else:
            loop.add_reader(number, ready)
            self._close = lambda: loop.remove_reader(number)

    def close(self) -> None:
        """Before the socket is closed."""
        self._close()
        if self._epoll is not None:
            self._epoll.close()
