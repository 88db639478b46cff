"""All sockets of one agent: listens, connects, and finds the one that a flow belongs to."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterable

from siptg.sip.flow import Address, Flow
from siptg.sip.transport.near import WILDCARDS, near_host
from siptg.sip.transport.receiver import Receiver
from siptg.sip.transport.stream import StreamLimits, StreamTransport
from siptg.sip.transport.tls import TlsSettings
from siptg.sip.transport.udp import UdpTransport

TRIES = 20
"""To find a port that is free for UDP and TCP."""
Carrier = UdpTransport | StreamTransport


class Bundle:
    """One carrier for each transport and address family."""

    def __init__(self) -> None:
        self._carriers: dict[tuple[str, bool], Carrier] = {}

    @classmethod
    async def open(
        cls,
        listen: Iterable[tuple[str, Address]],
        receiver: Receiver,
        tls: TlsSettings | None = None,
        limits: StreamLimits | None = None,
    ) -> Bundle:
        """OSError where an address cannot be bound. Port 0 is the same free one for UDP and TCP of
        one address.
        """
        wanted = list(listen)
        for last in (n == TRIES - 1 for n in range(TRIES)):
            made, chosen = cls(), dict[str, int]()
            try:
                for name, (host, port) in wanted:
                    plain = name in ("UDP", "TCP")
                    at = (chosen.get(host, 0) if plain else 0) if port == 0 else port
                    carrier: Carrier
                    if name == "UDP":
                        carrier = await UdpTransport.open((host, at), receiver)
                    else:
                        carrier = await StreamTransport.open(
                            name, (host, at), receiver, tls, limits
                        )
                    made._carriers[name, ":" in host] = carrier
                    if plain:
                        chosen.setdefault(host, carrier.local[1])
                return made
            except OSError:
                await made.close()
                if last or not any(port == 0 for _, (_, port) in wanted):
                    raise
            except BaseException:
                await made.close()
                raise
        raise AssertionError

    @property
    def names(self) -> list[str]:
        """The transports we speak, in the order they were given."""
        return list(dict.fromkeys(name for name, _ in self._carriers))

    @property
    def family(self) -> int:
        """The address family that all carriers share; AF_UNSPEC where there are both."""
        sixes = {six for _, six in self._carriers}
        if len(sixes) > 1:
            return socket.AF_UNSPEC
        return socket.AF_INET6 if True in sixes else socket.AF_INET

    def address(self, name: str) -> Address | None:
        """Where we listen."""
        for six in (False, True):
            carrier = self._carriers.get((name, six))
            if carrier is not None:
                return carrier.local
        return None

    @property
    def counters(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for (name, _), carrier in self._carriers.items():
            total.update({f"{name.lower()}_{k}": v for k, v in carrier.counters.items()})
        return total

    def send(self, data: bytes, flow: Flow) -> None:
        carrier = self._carriers.get((flow.transport, ":" in flow.remote[0]))
        if carrier is not None:
            carrier.send(data, flow)

    def near(self, name: str, remote: Address) -> Address | None:
        """Our address as the remote one sees it; None where we do not speak that transport."""
        carrier = self._carriers.get((name, ":" in remote[0]))
        if carrier is None:
            return None
        host, port = carrier.local
        return (near_host(remote[0]) if host in WILDCARDS else host), port

    def is_open(self, flow: Flow) -> bool:
        carrier = self._carriers.get((flow.transport, ":" in flow.remote[0]))
        return not isinstance(carrier, StreamTransport) or carrier.has(flow)

    def alias(self, flow: Flow, address: Address) -> None:
        carrier = self._carriers.get((flow.transport, ":" in flow.remote[0]))
        if isinstance(carrier, StreamTransport):
            carrier.alias(flow, address)

    def flow(self, name: str, remote: Address, host: str) -> Flow | None:
        """The flow to there, connected when something is sent; None where we have no such way."""
        carrier = self._carriers.get((name, ":" in remote[0]))
        local = self.near(name, remote)
        if carrier is None or local is None:
            return None
        if isinstance(carrier, StreamTransport):
            carrier.name_of(remote, host)
        return Flow(name, local, remote)

    async def reach(self, name: str, remote: Address, host: str) -> Flow:
        """The flow to there, its connection made; OSError says why that cannot be. `host` is the
        name that a certificate has to show.
        """
        carrier = self._carriers.get((name, ":" in remote[0]))
        local = self.near(name, remote)
        if carrier is None or local is None:
            kind = "IPv6" if ":" in remote[0] else "IPv4"
            raise OSError(0, f"we have no {name} over {kind}")
        if isinstance(carrier, StreamTransport):
            return await carrier.reach(Flow(name, local, remote), host)
        return Flow(name, local, remote)

    async def close(self) -> None:
        await asyncio.gather(*(carrier.close() for carrier in self._carriers.values()))
        self._carriers.clear()
