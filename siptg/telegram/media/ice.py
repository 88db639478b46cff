"""ICE by aioice, as a call needs it: several servers at once, sockets that the beat can empty, late
candidates, consent that is asked for often, and bounds on what a peer can make of us.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from aioice import Candidate, TransportPolicy, stun
from aioice.ice import CandidatePair

from siptg.rtp.wire import Poller
from siptg.telegram.media.gathering import Gathering
from siptg.telegram.media.ports import Media, Owner, Port
from siptg.telegram.media.reflected import behind
from siptg.telegram.media.servers import Reflector, RelayServer
from siptg.telegram.media.targets import MOST_PAIRS, MOST_REMOTE, read_candidate

__all__ = ["CallIce", "Media"]

CONSENT_EVERY = 1.0, 2.0
"""Seconds between two checks of the chosen pair, drawn anew each time. More often than RFC 7675
wants it (5): a peer that is muted sends no sound, and is to be missed within five seconds."""
CONSENT_LASTS = 30.0
"""Seconds without an answer after which nothing but checks is sent (RFC 7675 §5.1)."""
WITHOUT_CONSENT_EVERY = 5.0

Late = Callable[["CallIce", tuple[str, ...]], None]
"""Takes candidates that were found after the others had been told."""


class CallIce(Owner):
    """One gathering of one call. `heard` is when the last STUN of the peer came that proves to be
    its own.
    """

    def __init__(
        self,
        *,
        caller: bool,
        addresses: tuple[str, ...] | None,
        servers: Sequence[RelayServer],
        p2p: bool,
        reflectors: Sequence[Reflector] = (),
        fixed_tags: bool = False,
        late: Late = lambda ice, lines: None,
    ) -> None:
        """Without `p2p` only relays are used, and no socket but those to them is opened.
        `fixed_tags`: the caller is 1 at reflectors, the callee 2.
        """
        policy = TransportPolicy.ALL if p2p else TransportPolicy.RELAY
        super().__init__(ice_controlling=caller, transport_policy=policy)
        self.heard = 0.0
        self.consent = True
        """The peer wants what we send."""
        self._late, self._told = late, False
        self._loopback = addresses is not None and any(
            address.startswith("127.") or address == "::1" for address in addresses
        )
        tag = (1 if caller else 2).to_bytes(4, "little") if fixed_tags else None
        self._gathering = Gathering(
            self, self._found, addresses, servers, reflectors, p2p=p2p, tag=tag
        )
        self._ports: list[Port] = []
        self._poller: Poller | None = None

    # what we have

    async def gather_candidates(self) -> None:
        """What can be had at once; what takes longer is paired and told as it comes."""
        if not self._local_candidates_start:
            self._local_candidates_start = True
            await self._gathering.run()
            self._local_candidates_end = True

    def _found(self, candidate: Candidate, port: Port | None) -> None:
        """`port` is None for a candidate that leads to a port which is there already."""
        if self._closing or self._check_list_done:
            if port is not None:
                port.close()
                self._protocols.append(port.protocol)  # to be waited for in the end
            return
        self._local_candidates.append(candidate)
        if port is not None:
            self._ports.append(port)
            self._protocols.append(port.protocol)
            if self._poller is not None and port.wire is not None:
                port.wire.give_to(self._poller)
            for remote in self._remote_candidates:
                self._pair_remote_candidate(remote)
            self.sort_check_list()
        if self._told:
            self._late(self, (self._line(candidate),))

    def lines(self) -> tuple[str, ...]:
        """Our candidates as messages carry them. Later ones are told one by one from now on."""
        self._told = True
        return tuple(self._line(candidate) for candidate in self.local_candidates)

    def _line(self, candidate: Candidate) -> str:
        about = f"ufrag {self.local_username} network-id 1 network-cost 50"
        return f"{candidate.to_sdp()} generation 0 {about}"

    def give_to(self, poller: Poller) -> None:
        """From now on the beat empties our sockets."""
        self._poller = poller
        for port in self._ports:
            if port.wire is not None:
                port.wire.give_to(poller)

    # what they have

    async def add_line(self, line: str) -> bool:
        """A candidate of theirs; False for one that we do not use (see `targets`)."""
        found = read_candidate(line, loopback=self._loopback)
        if found is None or self._closing or len(self._remote_candidates) >= MOST_REMOTE:
            return False
        self._add_remote_candidate(*found)
        return True

    def _pair_remote_candidate(self, remote_candidate: Candidate) -> None:
        """Behind a reflector only those are to be reached that are there as well."""
        number, _ = behind(remote_candidate._network_host)
        for protocol in self._protocols:
            port: Any = protocol.transport
            if (
                port.number == number
                and len(self._check_list) < MOST_PAIRS
                and protocol.local_candidate.can_pair_with(remote_candidate)
                and not self._find_pair(protocol, remote_candidate)
            ):
                self._check_list.append(CandidatePair(protocol, remote_candidate))

    def check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: Any) -> None:
        """A request of good integrity: anybody can send another one."""
        self.heard = time.monotonic()
        if (
            len(self._remote_candidates) >= MOST_REMOTE or len(self._check_list) >= MOST_PAIRS
        ) and not any(pair.remote_addr == addr for pair in self._check_list):
            self.garbage += 1
            return
        self._prove(protocol, addr)
        super().check_incoming(message, addr, protocol)

    def request_received(self, message: stun.Message, addr: tuple[str, int], protocol: Any) -> None:
        """Until we connect, an authentic one is kept: its sender may go on, for it was answered."""
        super().request_received(message, addr, protocol)
        if self._early_checks and self._early_checks[-1][0] is message:
            self._prove(protocol, addr)

    def check_state(self, pair: CandidatePair, state: CandidatePair.State) -> None:
        super().check_state(pair, state)
        if state is CandidatePair.State.SUCCEEDED:
            self._prove(pair.protocol, pair.remote_addr)

    def _prove(self, protocol: Any, addr: tuple[str, int]) -> None:
        proven: set[tuple[str, int]] = protocol.transport.proven
        if len(proven) < MOST_PAIRS:
            proven.add(addr)

    def data_received(self, data: bytes, component: int) -> None:
        """It began as STUN does, and is none: ports bring the rest by `queue`."""
        self.garbage += 1

    # while it stands

    async def query_consent(self) -> None:
        """RFC 7675, more often. Consent that expired comes back by an answer."""
        assert self.remote_password is not None  # there is none before connect()
        key, answered = self.remote_password.encode(), time.monotonic()
        while True:
            await asyncio.sleep(
                random.uniform(*CONSENT_EVERY) if self.consent else WITHOUT_CONSENT_EVERY
            )
            pair = self._nominated.get(1)
            if pair is None:
                continue
            request = self.build_request(pair, nominate=False)
            try:
                await pair.protocol.request(
                    request, pair.remote_addr, integrity_key=key, retransmissions=1
                )
            except stun.TransactionError:
                self.consent = time.monotonic() - answered < CONSENT_LASTS
            else:
                self.heard = answered = time.monotonic()
                self.consent = True

    def send_now(self, data: bytes) -> None:
        """A datagram on the chosen pair without waiting; dropped where there is none yet.

        aioice's own `send` is a coroutine that never waits: a task for each packet would cost
        more than the packet.
        """
        pair = self._nominated.get(1)
        if pair is not None and self.consent:
            pair.protocol.transport.sendto(data, pair.remote_addr)

    async def close(self) -> None:
        """Everything is given back: sockets, allocations, timers, tasks."""
        self._closing = True
        await self._gathering.close()
        for port in self._ports:
            port.close()
        await super().close()
        self._ports.clear()
