"""Ends of a call at Telegram's reflectors, over UDP and TCP (design: §6.2 of the wire protocol).

To ICE a reflector's peers have addresses of their own (`reflected.stand_in`), and this end is a
relayed candidate whose name the other end understands.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import cast

from siptg.rtp.wire import Address, Wire, open_socket
from siptg.telegram.media import reflected
from siptg.telegram.media.ports import Owner, Port, candidate, local_address, local_end
from siptg.telegram.media.servers import Reflector

ASK_EVERY = 0.5
"""Seconds from one hello to the next until the reflector answers."""
SAY_EVERY = 10.0
MOST_HEADS = 64
"""Peers of one end that are remembered."""
MOST_UNSENT = 64 << 10
"""Bytes that wait for a slow TCP connection; media that would wait longer is dropped."""
UDP_PREFERENCE, TCP_PREFERENCE = 60_000, 20_000


def own_tag() -> bytes:
    """Four bytes for one end of ours, not zero."""
    while not any(drawn := os.urandom(4)):
        pass
    return drawn


class ReflectorPort(Port):
    """What UDP and TCP have in common."""

    def __init__(
        self, ice: Owner, server: Reflector, number: int, own: bytes, preference: int
    ) -> None:
        super().__init__(ice)
        self.number = number
        self.ready = asyncio.Event()
        """The reflector can be used."""
        self._server: Address = (server.host, server.port)
        self._call, self._own = server.tag[:12], own
        self._tag = self._call + own
        self._peers: dict[str, bytes] = {}
        self._names: dict[bytes, Address] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.protocol.local_candidate = candidate(
            "relay",
            (reflected.stand_in(number, own), server.port),
            preference=preference,
            name=reflected.name_of(number, own),
        )

    def let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().let_go()

    def _packet(self, data: bytes, address: Address) -> bytes:
        peer = self._peers.get(address[0])
        if peer is None:
            if len(self._peers) >= MOST_HEADS:
                self._peers.clear()
            peer = self._peers[address[0]] = reflected.behind(address[0])[1]
        return reflected.packet(self._call, peer, self._own, data)

    def _opened(self, data: bytes, arrived: float) -> None:
        found = reflected.opened(data, self._tag)
        if found is None:
            if not reflected.is_ours(data, self._tag) or data[16:28] != reflected.HELLO:
                self._ice.garbage += 1
            return
        sender, payload = found
        source = self._names.get(sender)
        if source is None:
            if len(self._names) >= MOST_HEADS:
                self._names.clear()
            source = reflected.stand_in(self.number, sender), self._server[1]
            self._names[sender] = source
        self.take(payload, source, arrived)


class UdpReflectorPort(ReflectorPort):
    wire: Wire

    def __init__(
        self, ice: Owner, server: Reflector, number: int, own: bytes, address: str | None = None
    ) -> None:
        """OSError where no way leads there."""
        sock = open_socket((address or local_address((server.host, server.port)), 0))
        super().__init__(ice, server, number, own, UDP_PREFERENCE)
        self.wire = Wire(sock, self._received)
        self._hello = reflected.hello(self._tag)
        self._say()

    def sendto(self, data: bytes, address: Address) -> None:
        self.wire.send(self._packet(data, address), self._server)

    def _received(self, data: bytes, source: Address, arrived: float) -> None:
        if source != self._server:
            self._ice.garbage += 1
            return
        if not self.ready.is_set() and reflected.is_ours(data, self._tag):
            self.ready.set()
        self._opened(data, arrived)

    def _say(self) -> None:
        self.wire.send(self._hello, self._server)
        wait = SAY_EVERY if self.ready.is_set() else ASK_EVERY
        self._timer = asyncio.get_running_loop().call_later(wait, self._say)


class TcpReflectorPort(ReflectorPort, asyncio.Protocol):
    """Made, then given to the loop's `create_connection`."""

    def __init__(self, ice: Owner, server: Reflector, number: int, own: bytes) -> None:
        super().__init__(ice, server, number, own, TCP_PREFERENCE)
        self._stream: asyncio.Transport | None = None
        self._buffer = bytearray()

    @property
    def here(self) -> str:
        return local_end(self._stream)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._stream = cast(asyncio.Transport, transport)
        self._stream.write(reflected.TCP_FIRST)
        self._say()
        self.ready.set()  # nothing is answered

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        arrived = time.monotonic()
        try:
            packets = reflected.unframed(self._buffer)
        except ValueError:
            self._ice.garbage += 1
            self.close()
            return
        for one in packets:
            self._opened(one, arrived)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.lost()

    def sendto(self, data: bytes, address: Address) -> None:
        self._write(self._packet(data, address))

    def let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._stream is not None:
            self._stream.abort()
        else:
            super().let_go()

    def _write(self, data: bytes) -> None:
        stream = self._stream
        if stream is None or stream.is_closing() or stream.get_write_buffer_size() > MOST_UNSENT:
            self._ice.dropped += 1
        else:
            stream.write(reflected.framed(data))

    def _say(self) -> None:
        self._write(reflected.keep_alive(self._tag))
        self._timer = asyncio.get_running_loop().call_later(SAY_EVERY, self._say)
