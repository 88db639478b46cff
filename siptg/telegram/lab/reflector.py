"""The lab's reflector: a relay of Telegram's own kind, over UDP and TCP at one port (design: §6.2
of the wire protocol).

Unlike Telegram's it knows no list of calls: whoever names a tag is in that call. What it keeps is
bounded, and what it cannot forward is counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Self, cast

from siptg.telegram.media.reflected import HELLO, TCP_FIRST, framed, unframed
from siptg.telegram.media.servers import Reflector

TRIES = 20
"""Ports that are tried, where it may choose: one may be free for UDP and taken for TCP."""
MOST_HOMES = 10_000
MOST_STREAMS = 1_000
MOST_UNSENT = 64 << 10
"""Bytes that wait for a slow TCP client."""
ANSWER = b"\x01\xff\xff\xff"

Send = Callable[[bytes], None]


class LabReflector:
    """`async with LabReflector("127.0.0.1") as relay`: give `relay.seen_by(id)` to the lab's calls.

    `counters`: `hello`, `relayed`, `unknown` (nobody has that tag), `short`, `garbage`.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.counters: Counter[str] = Counter()
        self._address = host, port
        self._homes: dict[bytes, Send] = {}
        self._udp: asyncio.DatagramTransport
        self._tcp: asyncio.Server
        self._streams: set[_Stream] = set()

    async def __aenter__(self) -> Self:
        """OSError where the port is taken; of those that it may choose, one that is free for UDP
        and for TCP.
        """
        for last in (*[False] * (TRIES - 1), True):
            try:
                await self._bind(*self._address)
            except OSError:
                if last or self._address[1]:
                    raise
            else:
                break
        self._address = self._udp.get_extra_info("sockname")[:2]
        return self

    async def _bind(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(host, port)
        )
        chosen = self._udp.get_extra_info("sockname")[1]
        try:
            self._tcp = await loop.create_server(lambda: _Stream(self), host, chosen)
        except OSError:
            self._udp.close()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._udp.close()
        self._tcp.close()
        for stream in list(self._streams):
            stream.abort()
        await asyncio.sleep(0)

    @property
    def address(self) -> tuple[str, int]:
        return self._address

    @property
    def homes(self) -> int:
        """Tags that somebody has."""
        return len(self._homes)

    def seen_by(self, id: int, *, tcp: bool = False, tag: bytes = b"") -> Reflector:
        """This one as a call is told of it."""
        return Reflector(id, *self._address, tag, tcp)

    def take(self, data: bytes, back: Send, *, tcp: bool) -> None:
        """A packet, and how its sender is reached."""
        tag = data[:16]
        if len(data) < (20 if tcp else 28):
            self.counters["short"] += 1
        elif data[16:28] == HELLO or (tcp and data[16:] == bytes(4)):
            self.counters["hello"] += 1
            self._homes.pop(tag, None)
            self._homes[tag] = back
            if len(self._homes) > MOST_HOMES:
                del self._homes[next(iter(self._homes))]
            if not tcp:
                back(tag + HELLO + ANSWER + data[32:40])
        elif home := self._homes.get(tag):
            self.counters["relayed"] += 1
            home(data)
        else:
            self.counters["unknown"] += 1

    def leave(self, stream: _Stream) -> None:
        self._streams.discard(stream)
        for tag in [tag for tag, home in self._homes.items() if home == stream.send]:
            del self._homes[tag]

    def enter(self, stream: _Stream) -> bool:
        """False where there are too many."""
        if len(self._streams) >= MOST_STREAMS:
            return False
        self._streams.add(stream)
        return True


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, reflector: LabReflector) -> None:
        self._reflector = reflector

    def connection_made(self, transport: Any) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, source: Any) -> None:
        send = self._transport.sendto
        self._reflector.take(data, lambda packet: send(packet, source), tcp=False)


class _Stream(asyncio.Protocol):
    def __init__(self, reflector: LabReflector) -> None:
        self._reflector = reflector
        self._buffer = bytearray()
        self._greeted = False

    def connection_made(self, transport: Any) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._reflector.enter(self):
            self.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._greeted:
            if len(self._buffer) < len(TCP_FIRST):
                return
            self._greeted = self._buffer.startswith(TCP_FIRST)
            del self._buffer[: len(TCP_FIRST)]
        try:
            packets = unframed(self._buffer) if self._greeted else None
        except ValueError:
            packets = None
        if packets is None:
            self._reflector.counters["garbage"] += 1
            self.abort()
            return
        for packet in packets:
            self._reflector.take(packet, self.send, tcp=True)

    def connection_lost(self, error: Exception | None) -> None:
        self._reflector.leave(self)

    def send(self, packet: bytes) -> None:
        if self._transport.get_write_buffer_size() < MOST_UNSENT:
            self._transport.write(framed(packet))

    def abort(self) -> None:
        self._transport.abort()
