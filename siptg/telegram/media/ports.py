"""Ends of ours that candidates stand for: transports as aioice's STUN protocol wants them.

SRTP goes straight to whoever takes it, STUN and DTLS to aioice (told apart by the first byte,
RFC 7983 §7): a coroutine a packet would cost more than all the rest of the call. DTLS is taken of
those alone who passed a check: it is in the clear at first, and a stranger's could fail it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

from aioice import Connection
from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import StunProtocol

from siptg.rtp.wire import Address, Wire, open_socket

Media = Callable[[bytes, float], None]
"""Takes a datagram of SRTP or SRTCP, and when it came."""
MOST_QUEUED = 256
"""Datagrams that wait for the handshake; the peer may send more."""
LAST_OF_STUN = 3
"""First bytes up to this one (RFC 7983 §7)."""
BROKEN = (struct.error, LookupError, AssertionError, ValueError)
"""aioice takes some lengths and attributes for granted, and anybody may send it others; the beat of
all calls must not end by that."""


class Owner(Connection):
    """What ports belong to."""

    media: Media | None = None
    """Takes SRTP as soon as there are keys for it."""
    garbage = 0
    """Datagrams that are nothing as it should be."""
    dropped = 0
    """Datagrams that a relay would not take."""

    def queue(self, data: bytes) -> None:
        """A datagram of the peer's that is no STUN waits to be read."""
        if self._queue.qsize() < MOST_QUEUED:
            self._queue.put_nowait((data, 1))
        else:
            self.garbage += 1


class Port:
    """One candidate's own end. `number` is that of a reflector, 0 where there is none."""

    number = 0
    wire: Wire | None = None
    """For the beat to empty."""
    sendto: Callable[[bytes, Address], None]
    """Each kind of port has its own."""

    def __init__(self, ice: Owner) -> None:
        self._ice = ice
        self._closed = False
        self.proven: set[Address] = set()
        """Where the peer is: a check that came from there, or its answer to ours, was authentic."""
        self.protocol = StunProtocol(ice)
        self.protocol.connection_made(cast(asyncio.BaseTransport, self))

    def take(self, data: bytes, source: Address, arrived: float) -> None:
        """A datagram of a peer's, or of a stranger's."""
        ice, first = self._ice, data[0]
        if ice.media is not None and 127 < first < 192:
            ice.media(data, arrived)  # authentic, or dropped
        elif first <= LAST_OF_STUN:
            try:
                self.protocol.datagram_received(data, source)
            except BROKEN:
                ice.garbage += 1
        elif source in self.proven:
            ice.queue(data)
        else:
            ice.garbage += 1

    @property
    def here(self) -> str:
        """The address of ours that it sends from."""
        return self.wire.address[0] if self.wire is not None else ""

    def get_extra_info(self, name: str) -> Any:
        return None

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.let_go()

    def let_go(self) -> None:
        """Give back what is held; `lost` is to follow."""
        if self.wire is not None:
            self.wire.close()
        asyncio.get_running_loop().call_soon(self.lost)

    def lost(self) -> None:
        """The way is gone, whoever ended it."""
        self._closed = True
        self.protocol.connection_lost(None)


class HostPort(Port):
    """A socket at an address of ours."""

    wire: Wire

    def __init__(self, ice: Owner, address: str) -> None:
        """OSError where the address cannot be bound."""
        sock = open_socket((address, 0))
        super().__init__(ice)
        self.wire = Wire(sock, self.take)
        self.sendto = self.wire.send  # no step between on the hot path
        self.protocol.local_candidate = candidate("host", self.wire.address)


def candidate(
    kind: str,
    at: Address,
    related: Address | None = None,
    *,
    preference: int = 65_535,
    name: str = "",
) -> Candidate:
    """One of ours. `name` is how others know it, `preference` orders those of a kind (RFC 8445
    §5.1.2.1).
    """
    made = Candidate(
        foundation=candidate_foundation(kind, "udp", name or at[0]),
        component=1,
        transport="udp",
        priority=candidate_priority(1, kind, preference),
        host=name or at[0],
        port=at[1],
        type=kind,
        related_address=related[0] if related else None,
        related_port=related[1] if related else None,
    )
    made._network_host = at[0]
    return made


def local_address(server: Address) -> str:
    """Ours on the way to a server, nothing sent; OSError where no way leads there."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(server)
        return str(probe.getsockname()[0])


def local_end(stream: Any) -> str:
    """Our address of a TCP connection; "" once it is gone."""
    name = stream.get_extra_info("sockname") if stream is not None else None
    return str(name[0]) if name else ""
