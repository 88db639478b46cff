"""SIP over connections: TCP, TLS and WebSocket, those we make and those made to us (RFC 3261
§18, RFC 5923).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter, OrderedDict
from collections.abc import Callable

import attrs

from siptg.sip.flow import Address, Flow
from siptg.sip.transport.codec import Codec, PlainCodec
from siptg.sip.transport.connection import Connection
from siptg.sip.transport.receiver import Receiver
from siptg.sip.transport.tls import TlsSettings
from siptg.sip.transport.websocket import WebSocketCodec


@attrs.frozen
class StreamLimits:
    """What connections may cost us. Seconds, bytes, numbers."""

    connections: int = 10_000
    per_source: int = 200
    first_message: float = 20.0
    """Until a connection made to us has brought its first message."""
    message: float = 20.0
    """From the first byte of a message to its last."""
    idle: float = 600.0
    """Without anything, of a connection made to us."""
    unread: int = 1 << 20
    """Bytes that they have not read."""
    waiting: int = 200
    """Messages that wait for a connection to be made."""
    connect: float = 8.0
    ping: float = 30.0
    """Between keep-alives of ours on connections of ours (RFC 5626 §3.5.1); 0 for none."""
    pong: float = 10.0
    """For their answer, of those who have ever answered one: many do not know them."""


MOST_NAMES = 4096


class StreamTransport:
    """One listener and all its connections; `name` is TCP, TLS, WS or WSS."""

    def __init__(
        self,
        name: str,
        receiver: Receiver,
        tls: TlsSettings | None = None,
        limits: StreamLimits | None = None,
    ) -> None:
        self.name, self.receiver, self.limits = name, receiver, limits or StreamLimits()
        self.local: Address = ("", 0)
        self.counters: Counter[str] = Counter()
        self._names: OrderedDict[Address, str] = OrderedDict()
        """Host names behind addresses: what a certificate has to show, and SNI asks for."""
        self._tls = tls or TlsSettings()
        self._listener: asyncio.Server | None = None
        self._secure = name in ("TLS", "WSS")
        self._by_remote: dict[Address, Connection] = {}
        self._all: set[Connection] = set()
        self._sources: Counter[str] = Counter()
        self._making: dict[Address, tuple[asyncio.Task[str], list[bytes]]] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._closing = False

    @classmethod
    async def open(
        cls,
        name: str,
        local: Address,
        receiver: Receiver,
        tls: TlsSettings | None = None,
        limits: StreamLimits | None = None,
    ) -> StreamTransport:
        """OSError where the address cannot be bound; ssl.SSLError for a bad certificate."""
        made = cls(name, receiver, tls, limits)
        await made._listen(local)
        return made

    async def _listen(self, local: Address) -> None:
        context = self._tls.server_context() if self._secure else None
        self.local = local
        loop = asyncio.get_running_loop()
        if not self._secure or context is not None:
            try:
                server = await loop.create_server(
                    lambda: Connection(self, self._codec(None), ours=False),
                    local[0],
                    local[1],
                    ssl=context,
                    ssl_handshake_timeout=self.limits.first_message if context else None,
                    backlog=512,
                )
            except OSError as error:
                raise OSError(
                    error.errno,
                    f"SIP cannot listen on {local[0]}:{local[1]} ({self.name}): {error.strerror}",
                ) from None
            self._listener = server
            self.local = server.sockets[0].getsockname()[:2]
        self._sweep()

    def _codec(self, server: str | None) -> Codec:
        return WebSocketCodec(server) if self.name in ("WS", "WSS") else PlainCodec()

    @staticmethod
    def now() -> float:
        return time.monotonic()

    # the agent's side

    def send(self, data: bytes, flow: Flow) -> None:
        """Over the connection to that address; one is made where there is none."""
        connection = self._by_remote.get(flow.remote)
        if connection is not None:
            connection.send(data)
            return
        if self._closing:
            return
        making = self._make(flow)
        if making is None:
            asyncio.get_running_loop().call_soon(self.receiver.broken, flow, "too many connections")
        elif len(making[1]) < self.limits.waiting:
            making[1].append(data)
        else:
            self.counters["waiting_dropped"] += 1

    async def reach(self, flow: Flow, host: str) -> Flow:
        """The flow to there once its connection stands; OSError says why it does not."""
        self.name_of(flow.remote, host)
        connection = self._by_remote.get(flow.remote)
        if connection is None:
            making = self._make(flow)
            if making is None:
                raise OSError(0, "too many connections")
            why = await asyncio.shield(making[0])
            connection = self._by_remote.get(flow.remote)
            if connection is None:
                raise OSError(0, why or "the connection was closed")
        return connection.flow

    def name_of(self, remote: Address, host: str) -> None:
        """Remember which name a certificate from there has to show."""
        self._names[remote] = host
        if len(self._names) > MOST_NAMES:
            self._names.popitem(last=False)

    def local_of(self, host: str, port: int) -> Address:
        """Where peers find us again: our listener, or the connection itself where there is none."""
        return (host, port) if self._listener is None else (host, self.local[1])

    def _make(self, flow: Flow) -> tuple[asyncio.Task[str], list[bytes]] | None:
        """The connection that is being made to there; None where there are too many."""
        making = self._making.get(flow.remote)
        if making is None:
            if len(self._making) + len(self._all) >= self.limits.connections:
                self.counters["too_many"] += 1
                return None
            task = asyncio.create_task(self._connect(flow), name=f"connect {self.name}")
            making = self._making[flow.remote] = task, []
        return making

    def alias(self, flow: Flow, address: Address) -> None:
        """Requests to that address may use this connection, too (RFC 5923 §4)."""
        connection = self._by_remote.get(flow.remote)
        if connection is not None and address not in self._by_remote:
            self._by_remote[address] = connection

    def has(self, flow: Flow) -> bool:
        """A connection to there is open."""
        return flow.remote in self._by_remote

    async def close(self) -> None:
        self._closing = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._listener is not None:
            self._listener.close()
        tasks = [task for task, _ in self._making.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._all):
            connection.close()
        for _ in range(20):  # a TLS peer that says nothing is not waited for
            if not self._all:
                break
            await asyncio.sleep(0.01)
        for connection in list(self._all):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)

    # its connections' side

    def admit(self, connection: Connection) -> bool:
        """Keep a new connection; False where there are too many."""
        source = connection.flow.remote[0]
        full = len(self._all) >= self.limits.connections
        if self._closing or full or self._sources[source] >= self.limits.per_source:
            self.counters["too_many"] += 1
            if connection.transport is not None:
                connection.transport.abort()
            return False
        self._all.add(connection)
        self._sources[source] += 1
        self._by_remote[connection.flow.remote] = connection
        return True

    def drop(self, connection: Connection, count: str, why: str) -> None:
        """Close it for a reason that is counted."""
        self.counters[count] += 1
        self._forget(connection)
        connection.close()
        self.receiver.broken(connection.flow, why)

    def lost(self, connection: Connection, why: str) -> None:
        if connection in self._all:
            self._forget(connection)
            if not self._closing:
                self.receiver.broken(connection.flow, why)

    def _forget(self, connection: Connection) -> None:
        if connection in self._all:
            self._all.discard(connection)
            source = connection.flow.remote[0]
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]
            for address in [a for a, c in self._by_remote.items() if c is connection]:
                del self._by_remote[address]

    async def _connect(self, flow: Flow) -> str:
        """Why there is no connection; empty where there is."""
        host, port = flow.remote
        name = self._names.get(flow.remote, host)
        why = ""
        try:
            context: ssl.SSLContext | None = None
            if self._secure:
                context = self._tls.client_context()
            made: Callable[[], Connection] = lambda: Connection(  # noqa: E731
                self, self._codec(name), ours=True
            )
            async with asyncio.timeout(self.limits.connect):
                _, connection = await asyncio.get_running_loop().create_connection(
                    made, host, port, ssl=context, server_hostname=name if context else None
                )
        except TimeoutError:
            why = f"no connection within {self.limits.connect:g} s"
        except ssl.SSLCertVerificationError as error:
            why = f"the certificate of {name} is not accepted: {error.verify_message}"
        except (OSError, ssl.SSLError) as error:
            why = error.strerror or str(error)
        _, waiting = self._making.pop(flow.remote)
        if why:
            self.counters["not_connected"] += 1
            if waiting:
                self.receiver.broken(flow, why)
            return why
        for data in waiting:
            connection.send(data)
        return ""

    def _sweep(self) -> None:
        """Once a second: who is too slow, too quiet, or does not answer."""
        now, limits = self.now(), self.limits
        for connection in list(self._all):
            if not connection.ours and not connection.messages:
                if now - connection.begun > limits.first_message:
                    self.drop(connection, "half_open", "no message came")
            elif connection.codec.busy and now - connection.begun > limits.message:
                self.drop(connection, "slow", "a message was not completed in time")
            elif not connection.ours and now - connection.last > limits.idle:
                self.drop(connection, "idle", "nothing came for too long")
            elif connection.pinged is not None:
                if now - connection.pinged > limits.pong:
                    self.drop(connection, "no_pong", "no answer to a keep-alive")
            elif connection.ours and limits.ping and now - connection.last > limits.ping:
                connection.ping(now)
        self._sweeper = asyncio.get_running_loop().call_later(
            min(1.0, limits.first_message / 2, limits.message / 2), self._sweep
        )
