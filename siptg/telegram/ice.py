"""ICE by aioice, as a call needs it: chosen addresses, a path that can be changed in flight."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from aioice import Candidate, Connection, TransportPolicy

from siptg.telegram.events import RelayServer


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
        self._chosen = addresses

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[Candidate]:
        """aioice leaves loopback out of its own list: addresses that were chosen take its place."""
        if self._chosen is not None and addresses:
            addresses = list(self._chosen)
        found: list[Candidate] = await super().get_component_candidates(
            component, addresses, timeout
        )
        return found

    def request_received(self, *args: Any, **named: Any) -> None:
        self.heard = time.monotonic()
        super().request_received(*args, **named)

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
