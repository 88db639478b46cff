"""An end of a call at a TURN server, over UDP, TCP or TLS (RFC 8656, long-term credentials).

aioice speaks with the server. Below it stands a wire that the beat can empty, or a stream; above it
packets for a bound channel leave without a task each.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
import struct
import time
from typing import Any, cast

from aioice import stun
from aioice.stun import TransactionError, TransactionFailed
from aioice.turn import TurnClientMixin, TurnClientTcpProtocol, TurnClientUdpProtocol

from siptg.rtp.wire import Address, Wire, open_socket
from siptg.telegram.media.ports import BROKEN, Owner, Port, candidate, local_address, local_end
from siptg.telegram.media.servers import RelayServer

log = logging.getLogger(__name__)

LIFETIME = 600
"""Seconds of an allocation; it is refreshed before."""
BIND_EVERY = 240
"""Seconds between bindings of a channel: the permission that comes with it lasts 300 (§9)."""
FREE_WITHIN = 1.0
"""Seconds for the server to take an allocation back; else it ends by itself."""
MOST_WAITING = 32
"""Packets that wait for channels. Each peer's first ones do, for a round trip."""
MOST_UNSENT = 64 << 10
"""Bytes that wait for a slow stream; media that would wait longer is dropped."""
PREFERENCES = {"udp": 65_535, "tcp": 40_000, "tls": 30_000}
HIDDEN = {4: ("0.0.0.0", 9), 6: ("::", 9)}
"""In place of the address that the server sees us at (RFC 8839 §5.1), where that must not leave."""
FAMILIES = 0, 2 << 24, 1 << 24
"""What is asked for until a server has it (440: it has not): nothing, which means IPv4 and is known
to old servers; IPv6; IPv4 where the server's custom is another (RFC 8656 §7.1, §18.8)."""
BAD_REQUEST, MISMATCH, NO_SUCH_FAMILY = 400, 437, 440
TRIES = 2
"""Sockets for one allocation: an old one of somebody else's may live at the first (§7.4)."""

_FAMILY = "REQUESTED-ADDRESS-FAMILY"
# aioice does not know it
stun.ATTRIBUTES_BY_NAME[_FAMILY] = (0x0017, _FAMILY, stun.pack_unsigned, stun.unpack_unsigned)
_CHANNEL = struct.Struct("!HH")


class _Family(TurnClientMixin):
    """`family` is what an allocation asks for."""

    family = 0

    async def request_with_retry(self, request: stun.Message) -> tuple[stun.Message, Address]:
        if self.family and request.message_method is stun.Method.ALLOCATE:
            request.attributes[_FAMILY] = self.family
        return await super().request_with_retry(request)


class _Udp(_Family, TurnClientUdpProtocol):
    arrived = 0.0

    def received(self, data: bytes, source: Address, arrived: float) -> None:
        """From the wire."""
        if source == self.server:
            self.arrived = arrived
            _guarded(super().datagram_received, data, source)


class _Stream(_Family, TurnClientTcpProtocol):
    @property
    def arrived(self) -> float:
        return time.monotonic()

    def datagram_received(self, data: bytes | str, addr: tuple[str, int]) -> None:
        _guarded(super().datagram_received, data, addr)


def _guarded(take: Any, data: Any, source: Address) -> None:
    try:
        take(data, source)
    except BROKEN as error:
        log.debug("! a TURN server said something broken: %r", error)


class _Leg:
    """A wire as the transport that aioice's TURN client wants."""

    def __init__(self, wire: Wire, server: Address, client: _Udp) -> None:
        self.wire, self._server, self._client = wire, server, client

    def sendto(self, data: bytes, address: Address | None = None) -> None:
        self.wire.send(data, self._server)

    def get_extra_info(self, name: str) -> Any:
        return None

    def is_closing(self) -> bool:
        return self.wire.fileno() < 0

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        if not self.is_closing():
            self.wire.close()
            asyncio.get_running_loop().call_soon(self._client.connection_lost, None)

    abort = close


class TurnPort(Port):
    """Made by `allocate`. What the peer sends comes by `datagram_received`."""

    def __init__(self, ice: Owner, client: _Udp | _Stream, leg: Any) -> None:
        super().__init__(ice)
        self._client, self._leg = client, leg
        self.wire = leg.wire if isinstance(leg, _Leg) else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused: set[Address] = set()
        self._ending: asyncio.Task[None] | None = None
        client.receiver = cast(asyncio.DatagramProtocol, self)

    @property
    def here(self) -> str:
        return super().here or local_end(self._leg)

    def sendto(self, data: bytes, address: Address) -> None:
        client, leg = self._client, self._leg
        if self._closed or leg.is_closing():
            return
        channel = client.peer_to_channel.get(address)
        if channel is None:
            self._bind(data, address)
            return
        if leg.get_write_buffer_size() > MOST_UNSENT:
            self._ice.dropped += 1
            return
        now = time.time()
        if now > client.channel_refresh_at[channel]:
            client.channel_refresh_at[channel] = now + BIND_EVERY
            self._do(client.channel_bind(channel, address), address, again=True)
        client._send(_CHANNEL.pack(channel, len(data)) + data)

    def datagram_received(self, data: bytes, address: Address) -> None:
        if data:
            self.take(data, address, self._client.arrived)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost()

    def lost(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._client.refresh_task is not None:
            self._client.refresh_task.cancel()
        super().lost()

    def let_go(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._ending = asyncio.get_running_loop().create_task(self._end())

    def _bind(self, data: bytes, address: Address) -> None:
        """The first packets to a peer. Who was refused (403 for a private address, say) is not
        asked for again: others may still be reached.
        """
        if address in self._refused or len(self._tasks) >= MOST_WAITING:
            self._ice.dropped += 1
        else:
            self._do(self._client.send_data(data, address), address)

    def _do(self, work: Any, address: Address, *, again: bool = False) -> None:
        """`again`: the server has agreed to the same before."""

        async def done() -> None:
            try:
                await work
            except TransactionFailed as refused:
                code = refused.response.error_code
                # coturn says 400 where RFC 8656 §5 says 437
                if code == MISMATCH or (again and code == BAD_REQUEST):
                    log.info("! TURN: the server no longer knows us: %s", refused)
                    self._leg.abort()
                    return
                self._refused.add(address)
                self._ice.dropped += 1
                log.debug("! TURN: no way to a peer: %s", refused)
            except (TransactionError, ConnectionError) as error:
                log.debug("! TURN: %s", error)

        task = asyncio.get_running_loop().create_task(done())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self) -> None:
        try:
            async with asyncio.timeout(FREE_WITHIN):
                await self._client.delete()
        except (TimeoutError, TransactionError, ConnectionError) as error:
            log.debug("! TURN: an allocation ends by itself: %r", error)
        finally:
            self._leg.abort()  # a farewell of TLS could take half a minute
            self.lost()


async def allocate(
    ice: Owner, server: RelayServer, at: Address, *, hide: bool, address: str | None = None
) -> TurnPort:
    """A relayed candidate of a server; `at` is its address as a number, `hide` whether ours must
    not be told, `address` ours on the way there. OSError or TransactionError where there is none.
    """
    families, tries = list(FAMILIES), TRIES
    while True:
        # a new socket each time: coturn gets confused by an allocation that it refused
        client, leg = await _reached(server, at, address)
        client.family = families[0]
        try:
            host, port = await client.connect()
            if not port:
                raise ConnectionError("a relayed address that is none")
            made = TurnPort(ice, client, leg)
            break
        except BaseException as error:
            if client.refresh_task is not None:
                client.refresh_task.cancel()
            leg.abort()
            code = error.response.error_code if isinstance(error, TransactionFailed) else None
            if code == NO_SUCH_FAMILY and len(families) > 1:
                del families[0]
            elif code == MISMATCH and tries > 1:
                tries -= 1
            else:
                raise
    related = HIDDEN[6 if ":" in host else 4] if hide else client.mapped_address
    made.protocol.local_candidate = candidate(
        "relay", (host, port), related, preference=PREFERENCES[server.transport]
    )
    return made


async def _reached(server: RelayServer, at: Address, address: str | None) -> tuple[Any, Any]:
    """A client, and what stands below it."""
    about = (at, server.username, server.password, LIFETIME, BIND_EVERY)
    if server.transport == "udp":
        udp = _Udp(*about)
        sock = open_socket((address or local_address(at), 0))
        leg = _Leg(Wire(sock, udp.received), at, udp)
        udp.connection_made(leg)  # type: ignore[arg-type]
        return udp, leg
    secure = context(server.verify, server.ca_file) if server.transport == "tls" else None
    stream, client = await asyncio.get_running_loop().create_connection(
        lambda: _Stream(*about),
        *at,
        ssl=secure,
        server_hostname=server.host if secure else None,
        local_addr=(address, 0) if address else None,
    )
    return client, stream


@functools.lru_cache(maxsize=8)
def context(verify: bool, ca_file: str) -> ssl.SSLContext:
    """Made once: reading the system's certificates takes longer than an allocation. OSError for a
    file that cannot be read.
    """
    made = ssl.create_default_context(cafile=ca_file or None)
    if not verify:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made
