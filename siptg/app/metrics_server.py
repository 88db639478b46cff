"""The page of metrics over HTTP: one small answer a connection, whoever asks and however."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Self, cast

import h11

log = logging.getLogger(__name__)

MOST_OPEN = 32
"""Connections at once; one more, and the oldest is dropped: nobody locks the others out."""
MOST_HEADER = 16_384
WITHIN = 5.0
"""Seconds from the connection to the last byte of the answer."""

Page = Callable[[str], tuple[str, bytes]]
"""Accept header → content type and page."""


class MetricsServer:
    """`async with MetricsServer("127.0.0.1:9464", metrics.page)`: answers GET /metrics.

    The page may be given later: until then the answer is 503.
    """

    def __init__(self, listen: str, page: Page | None = None) -> None:
        """`listen` is `host:port`; port 0 is any that is free."""
        self.page = page
        self.open: dict[_Visitor, asyncio.Transport] = {}
        """The oldest first."""
        self._listen = listen

    async def __aenter__(self) -> Self:
        """OSError in words where the address cannot be had."""
        host, _, port = self._listen.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Visitor(self), host.strip("[]"), int(port)
            )
        except OSError as error:
            # asyncio's own text of a bind that fails says the address twice
            number = error.errno or 0
            why = os.strerror(number) if number > 0 else error.strerror or str(error)
            raise OSError(
                f"metrics.listen: {self._listen} cannot be had: {why}: "
                "end what holds it, or choose another address"
            ) from None
        log.info("= metrics at %s", self.url)
        return self

    async def __aexit__(self, *why: object) -> None:
        self._server.close()
        for transport in list(self.open.values()):
            transport.abort()
        await self._server.wait_closed()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    @property
    def url(self) -> str:
        host, port = self.address
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"

    def admit(self, visitor: _Visitor, transport: asyncio.Transport) -> None:
        if len(self.open) >= MOST_OPEN:
            oldest = next(iter(self.open))
            self.open.pop(oldest).abort()
        self.open[visitor] = transport

    def leave(self, visitor: _Visitor) -> None:
        self.open.pop(visitor, None)


class _Visitor(asyncio.Protocol):
    """One connection: a request, its answer, the end."""

    def __init__(self, server: MetricsServer) -> None:
        self._server = server
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEADER)
        self._transport: asyncio.Transport
        self._limit: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._limit = asyncio.get_running_loop().call_later(WITHIN, self._transport.abort)
        self._server.admit(self, self._transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._limit.cancel()
        self._server.leave(self)

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._say(error.error_status_hint, "text/plain", f"{error}\n".encode())
            return
        if isinstance(event, h11.Request):
            self._answer(event)

    def _answer(self, request: h11.Request) -> None:
        if request.method not in (b"GET", b"HEAD"):
            self._say(405, "text/plain", b"GET it\n", request, allow="GET, HEAD")
        elif request.target.partition(b"?")[0] != b"/metrics":
            self._say(404, "text/plain", b"/metrics is all there is\n", request)
        elif self._server.page is None:
            self._say(503, "text/plain", b"siptg starts\n", request)
        else:
            wanted = [value for name, value in request.headers if name == b"accept"]
            try:
                kind, page = self._server.page(b",".join(wanted).decode("latin-1"))
            except Exception:  # monitoring that breaks must not break what it watches
                log.exception("the page of metrics cannot be made")
                self._say(500, "text/plain", b"it cannot be made; see the log\n", request)
            else:
                self._say(200, kind, page, request)

    def _say(
        self, status: int, kind: str, page: bytes, to: h11.Request | None = None, **more: str
    ) -> None:
        headers = {"content-type": kind, "content-length": str(len(page)), "connection": "close"}
        head = h11.Response(status_code=status, headers=list((headers | more).items()))
        body = b"" if to is not None and to.method == b"HEAD" else page
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self._transport.write(self._http.send(event) or b"")
        self._transport.close()
