"""What candidates we can have: of our own addresses at once, of all servers beside each other.

A server that is dead or refuses holds nothing up: the call is told what is there after a moment,
the rest as it comes.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from aioice import stun
from aioice.candidate import Candidate
from aioice.ice import get_host_addresses

from siptg.rtp.wire import Address
from siptg.telegram.media.ports import BROKEN, HostPort, Owner, Port, candidate
from siptg.telegram.media.reflected import numbered
from siptg.telegram.media.reflector import TcpReflectorPort, UdpReflectorPort, own_tag
from siptg.telegram.media.servers import Reflector, RelayServer
from siptg.telegram.media.turn import TurnPort, allocate

log = logging.getLogger(__name__)

MOMENT = 0.2
"""Seconds that servers have before the call is told of what there is."""
WITHIN = 5.0
"""Seconds after which a server counts as dead."""
HEAD_START = 1.0
"""Seconds for one address of a server before its next one is tried as well: a machine may believe
in a route of IPv6, or of IPv4, that leads nowhere."""
MOST_SERVERS = 16
"""Servers of a kind that are asked."""

S = TypeVar("S")
P = TypeVar("P", bound=Port)
Found = Callable[[Candidate, Port | None], None]


class Gathering:
    """`run` once; `close` ends what is still going on."""

    def __init__(
        self,
        ice: Owner,
        found: Found,
        addresses: tuple[str, ...] | None,
        servers: Sequence[RelayServer],
        reflectors: Sequence[Reflector],
        *,
        p2p: bool,
        tag: bytes | None = None,
    ) -> None:
        """`addresses` are ours to use, None for all but loopback; `tag` is who we are at
        reflectors, None for one drawn anew at each.
        """
        self._ice, self._tell, self._chosen, self._p2p, self._tag = ice, found, addresses, p2p, tag
        self._servers = servers[:MOST_SERVERS]
        self._reflectors = numbered(reflectors)[:MOST_SERVERS]
        self._tasks: set[asyncio.Task[None]] = set()
        self._any = asyncio.Event()

    async def run(self) -> None:
        """Return when all is there, or when a moment has passed and something is."""
        hosts = self._hosts() if self._p2p else []
        works = [*self._server_works(hosts), *self._reflector_works()]
        if not works:
            return
        self._tasks = {asyncio.create_task(work) for work in works}
        _, going = await asyncio.wait(self._tasks, timeout=MOMENT)
        if going and not self._any.is_set():
            first = asyncio.create_task(self._any.wait())
            try:
                # nothing yet: any one will do, and none at all once every server has failed
                every = asyncio.ensure_future(asyncio.wait(going))
                await asyncio.wait({first, every}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                first.cancel()
                every.cancel()

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    def _found(self, candidate: Candidate, port: Port | None) -> None:
        self._any.set()
        self._tell(candidate, port)

    def _hosts(self) -> list[HostPort]:
        addresses = self._chosen
        if addresses is None:
            addresses = tuple(get_host_addresses(use_ipv4=True, use_ipv6=True))
        ports = []
        for address in addresses:
            try:
                port = HostPort(self._ice, address)
            except OSError:
                continue  # an interface that has just gone
            ports.append(port)
            self._found(port.protocol.local_candidate, port)
        return ports

    # works, each for one server

    def _server_works(self, hosts: Sequence[HostPort]) -> list[Coroutine[Any, Any, None]]:
        works = []
        for server in self._servers:
            if server.stun and hosts:
                works.append(self._try(server.name, self._reflexive(server, hosts)))
            if server.turn:
                works.append(self._try(server.name, self._relayed(server)))
        return works

    def _reflector_works(self) -> list[Coroutine[Any, Any, None]]:
        works, ways = [], list[tuple[int, list[Reflector]]]()
        for number, server in self._reflectors:
            if len(server.tag) != 16:
                continue
            if self._tag is not None and ways and ways[-1][0] == number:
                ways[-1][1].append(server)  # two sockets of one tag: but one of them is kept
            else:
                ways.append((number, [server]))
        for number, servers in ways:
            name = f"reflector {servers[0].host} port {servers[0].port}"
            works.append(self._try(name, self._reflected(servers, number)))
        return works

    async def _try(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """A server's failure is a line in the log and nothing else."""
        try:
            async with asyncio.timeout(WITHIN):
                await work
        except stun.TransactionFailed as refused:
            log.warning("! %s refused us: %s", name, refused)
        except (stun.TransactionError, OSError, *BROKEN) as error:
            log.info("! %s is of no use: %s", name, str(error) or "no answer")

    async def _reflexive(self, server: RelayServer, hosts: Sequence[HostPort]) -> None:
        async def ask(port: HostPort, at: Address) -> None:
            request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
            answer, _ = await port.protocol.request(request, at)
            seen: Address = answer.attributes["XOR-MAPPED-ADDRESS"]
            here = port.wire.address
            if seen != here and not any(
                (c.host, c.port) == seen for c in self._ice.local_candidates
            ):
                self._found(candidate("srflx", seen, here), None)

        places = await resolved(server.host, server.port, socket.SOCK_DGRAM)
        asked = [
            ask(port, at)
            for at in places
            for port in hosts
            if (":" in port.wire.address[0]) == (":" in at[0])
        ]
        for outcome in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _relayed(self, server: RelayServer) -> None:
        async def at(place: Address) -> TurnPort:
            ours = self._ours(place[0])
            return await allocate(self._ice, server, place, hide=not self._p2p, address=ours)

        kind = socket.SOCK_DGRAM if server.transport == "udp" else socket.SOCK_STREAM
        places = await resolved(server.host, server.port, kind)
        port = await first_of(at, places)
        self._found(port.protocol.local_candidate, port)

    async def _reflected(self, servers: Sequence[Reflector], number: int) -> None:
        async def at(server: Reflector) -> UdpReflectorPort | TcpReflectorPort:
            tag, ours = self._tag or own_tag(), self._ours(server.host)
            port: UdpReflectorPort | TcpReflectorPort
            if server.tcp:
                _, port = await asyncio.get_running_loop().create_connection(
                    lambda: TcpReflectorPort(self._ice, server, number, tag),
                    *(server.host, server.port),
                    local_addr=(ours, 0) if ours else None,
                )
            else:
                port = UdpReflectorPort(self._ice, server, number, tag, ours)
            try:
                await port.ready.wait()
            except asyncio.CancelledError:
                port.close()
                raise
            return port

        port = await first_of(at, servers)
        self._found(port.protocol.local_candidate, port)

    def _ours(self, server: str) -> str | None:
        """The address to reach a server from, where ours were chosen."""
        six = ":" in server
        return next((a for a in self._chosen or () if (":" in a) == six), None)


async def first_of(work: Callable[[S], Coroutine[Any, Any, P]], places: Sequence[S]) -> P:
    """The port that is had first. Each place has a head start before the next one is tried too, and
    none is left open but that one; where there is none, what the last one raised.
    """
    waiting, going, won = list(places), set[asyncio.Task[P]](), list[P]()
    try:
        while not won:
            if waiting:
                going.add(asyncio.create_task(work(waiting.pop(0))))
            wait = HEAD_START if waiting else None
            done, going = await asyncio.wait(
                going, timeout=wait, return_when=asyncio.FIRST_COMPLETED
            )
            won += [task.result() for task in done if task.exception() is None]
            if done and not (won or waiting or going):
                return done.pop().result()  # raises
    finally:
        for task in going:
            task.cancel()
        late = await asyncio.gather(*going, return_exceptions=True)
        for port in (*won[1:], *(one for one in late if not isinstance(one, BaseException))):
            port.close()
    return won[0]


async def resolved(host: str, port: int, kind: socket.SocketKind) -> list[Address]:
    """The addresses of a server as numbers, one of each family; OSError where there is none."""
    try:
        return [(str(ipaddress.ip_address(host)), port)]
    except ValueError:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=kind)
        firsts: dict[int, Address] = {}
        for family, *_, at in found:
            firsts.setdefault(family, (str(at[0]), port))
        return list(firsts.values())
