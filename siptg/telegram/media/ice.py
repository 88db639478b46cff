"""ICE by aioice, as a call needs it: chosen addresses, sockets that the beat can empty, a path that
can be changed in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from aioice import Candidate, Connection, TransportPolicy
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, server_reflexive_candidate
from aioice.stun import TransactionError

from siptg.rtp.wire import Address, Poller, Wire, open_socket
from siptg.telegram.media.servers import RelayServer

Media = Callable[[bytes, float], None]
"""Takes a datagram of SRTP or SRTCP, and when it came."""


class _Port:
    """A `Wire` as the transport that aioice's STUN protocol wants.

    SRTP goes straight to whoever takes it, STUN and DTLS to aioice (told apart by the first byte,
    RFC 7983 §7): a coroutine a packet would cost more than all the rest of the call.
    """

    def __init__(self, ice: CallIce, address: str) -> None:
        """OSError where the address cannot be bound."""
        self._ice = ice
        self.protocol = StunProtocol(ice)
        self.wire = Wire(open_socket((address, 0)), self._received)
        self.sendto = self.wire.send
        self.protocol.connection_made(cast(asyncio.BaseTransport, self))

    def _received(self, data: bytes, source: Address, arrived: float) -> None:
        media = self._ice.media
        if media is not None and 127 < data[0] < 192:
            media(data, arrived)
        else:
            try:
                self.protocol.datagram_received(data, source)
            except (struct.error, LookupError, AssertionError):
                # aioice takes some lengths and attributes for granted, and anybody may send it
                # others; the beat of all calls must not end by that
                self._ice.garbage += 1

    def get_extra_info(self, name: str) -> Any:
        return {"sockname": self.wire.address}.get(name)

    def is_closing(self) -> bool:
        return self.wire.fileno() < 0

    def close(self) -> None:
        if not self.is_closing():
            self.wire.close()
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


class CallIce(Connection):
    """One gathering of one call. `heard` is when the last STUN request of the peer came."""

    def __init__(
        self,
        *,
        caller: bool,
        addresses: tuple[str, ...] | None,
        servers: Sequence[RelayServer],
        p2p: bool,
    ) -> None:
        stun = next((s for s in servers if s.stun), None)
        turn = next((s for s in servers if s.turn), None)
        super().__init__(
            ice_controlling=caller,
            stun_server=(stun.host, stun.port) if stun else None,
            turn_server=(turn.host, turn.port) if turn else None,
            turn_username=turn.username if turn else None,
            turn_password=turn.password if turn else None,
            transport_policy=TransportPolicy.ALL if p2p else TransportPolicy.RELAY,
        )
        self.heard = 0.0
        self.garbage = 0
        """Datagrams that are no STUN as it should be."""
        self.media: Media | None = None
        """Takes SRTP as soon as there are keys for it."""
        self._chosen = addresses
        self._ports: list[_Port] = []

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[Candidate]:
        """aioice leaves loopback out of its own list: addresses that were chosen take its place.
        Host and reflexive candidates are gathered here, on wires; those by TURN there.
        """
        if self._chosen is not None and addresses:
            addresses = list(self._chosen)
        hosts = [c for address in addresses if (c := self._host(component, address)) is not None]
        relayed, reflexive = await asyncio.gather(
            super().get_component_candidates(component, [], timeout),
            asyncio.gather(*(self._reflexive(port, timeout) for port in self._ports)),
        )
        return [*hosts, *(c for c in reflexive if c is not None), *relayed]

    def _host(self, component: int, address: str) -> Candidate | None:
        try:
            port = _Port(self, address)
        except OSError:
            return None  # an interface that has just gone
        self._ports.append(port)
        self._protocols.append(port.protocol)
        host, number = port.wire.address
        port.protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=host,
            port=number,
            type="host",
        )
        return port.protocol.local_candidate

    async def _reflexive(self, port: _Port, timeout: float) -> Candidate | None:
        if self.stun_server is None or ":" in port.wire.address[0]:
            return None
        with contextlib.suppress(TimeoutError, OSError, LookupError, TransactionError):
            async with asyncio.timeout(timeout):
                found, _ = await server_reflexive_candidate(port.protocol, self.stun_server)
                return found
        return None

    def give_to(self, poller: Poller) -> None:
        """From now on the beat empties our sockets."""
        for port in self._ports:
            port.wire.give_to(poller)

    def check_incoming(self, *args: Any, **named: Any) -> None:
        """A request of good integrity: anybody can send another one."""
        self.heard = time.monotonic()
        super().check_incoming(*args, **named)

    def lines(self) -> tuple[str, ...]:
        """Our candidates as messages carry them."""
        return tuple(
            f"{c.to_sdp()} generation 0 ufrag {self.local_username} network-id 1 network-cost 50"
            for c in self.local_candidates
        )

    async def add_line(self, line: str) -> bool:
        """A candidate of theirs; False for one that we cannot use: TCP, a name, nonsense."""
        try:
            candidate = Candidate.from_sdp(line.removeprefix("candidate:"))
            if not candidate.host.endswith((".local", ".reflector")):
                ipaddress.ip_address(candidate.host)
        except (ValueError, IndexError, AssertionError):
            return False
        if candidate.transport.lower() != "udp" or candidate.host.endswith(
            (".local", ".reflector")
        ):
            return False
        try:
            await self.add_remote_candidate(candidate)
        except ValueError:
            return False
        return True

    def send_now(self, data: bytes) -> None:
        """A datagram on the chosen pair without waiting; dropped where there is none yet.

        aioice's own `send` is a coroutine that never waits: a task for each packet would cost
        more than the packet.
        """
        pair = self._nominated.get(1)
        if pair is not None:
            pair.protocol.transport.sendto(data, pair.remote_addr)


class IcePath:
    """What aiortc's DTLS transport wants of an ICE transport; the connection below may be
    changed.
    """

    def __init__(self, connection: CallIce) -> None:
        self.connection = connection
        self.heard = 0.0

    @property
    def role(self) -> str:
        return "controlling" if self.connection.ice_controlling else "controlled"

    async def _recv(self) -> bytes:
        while True:
            using = self.connection
            try:
                data: bytes = await using.recv()
            except ConnectionError:
                if using is self.connection:
                    raise
                continue  # the path was changed under us: go on with the new one
            self.heard = time.monotonic()
            return data

    async def _send(self, data: bytes) -> None:
        await self.connection.send(data)
