"""SIP over UDP: one socket, all peers (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
from collections import Counter, deque

from siptg.readiness import Readiness
from siptg.sip.flow import Address, Flow
from siptg.sip.transport.near import WILDCARDS, near_host
from siptg.sip.transport.receiver import Receiver

BUFFER = 4 << 20
"""Asked of the kernel: a burst of calls must not be lost before we read it."""
BURST = 64
"""Datagrams read before other work has its turn."""
LARGEST = 65_536
MOST_UNSENT = 1024
"""Datagrams kept where the system's buffer is full; more are dropped, as a network would."""
IP_RECVERR, IPV6_RECVERR = 11, 25
"""Linux only: ICMP errors are queued with the address that they are about (ip(7))."""


class UdpTransport:
    """Reads whole bursts itself: a callback a datagram would cost more than the datagram."""

    name = "UDP"

    def __init__(self, sock: socket.socket, receiver: Receiver) -> None:
        self.local: Address = sock.getsockname()[:2]
        self.counters: Counter[str] = Counter()
        self._socket, self._receiver = sock, receiver
        self._loop = asyncio.get_running_loop()
        self._flows: dict[tuple[str, int], Flow] = {}
        self._unsent: deque[tuple[bytes, Address]] = deque()
        self._reading = Readiness(sock, self._readable)
        self._writing: Readiness | None = None

    @classmethod
    async def open(cls, local: Address, receiver: Receiver) -> UdpTransport:
        """OSError where the address cannot be bound."""
        host, port = local
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            family, _, _, _, address = found[0]
            sock = socket.socket(family, socket.SOCK_DGRAM)
            try:
                sock.setblocking(False)
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
                if sys.platform == "linux":
                    if family == socket.AF_INET6:
                        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
                    else:
                        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
                sock.bind(address)
            except OSError:
                sock.close()
                raise
        except OSError as error:
            raise OSError(
                error.errno, f"SIP cannot listen on {host}:{port}: {error.strerror}"
            ) from None
        return cls(sock, receiver)

    def send(self, data: bytes, flow: Flow) -> None:
        """Never raises; what the network refuses is told as `broken`."""
        if self._unsent:
            self._keep(data, flow.remote)
            return
        try:
            self._socket.sendto(data, flow.remote)
        except BlockingIOError:
            self._keep(data, flow.remote)
        except OSError as error:
            self._complain(error, data, flow)

    async def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._reading.close()
            self._stop_writing()
            self._socket.close()

    def _readable(self) -> None:
        receive, flows, read = self._receiver.received, self._flows, self._socket.recvfrom
        for _ in range(BURST):
            try:
                data, remote = read(LARGEST)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                if not self._read_errors():
                    break
                continue
            flow = flows.get(remote)
            if flow is None:
                if len(flows) > 4096:
                    flows.clear()
                local = self.local
                if local[0] in WILDCARDS:
                    local = near_host(remote[0]), local[1]
                flow = flows[remote] = Flow("UDP", local, (remote[0], remote[1]))
            receive(data, flow)
            if self._socket.fileno() < 0:
                return  # closed by what it did
        self._receiver.flush()

    def _read_errors(self) -> bool:
        """Take ICMP errors off their queue; False where there is none (§18.4)."""
        if sys.platform != "linux":
            return False
        try:
            _, notes, _, remote = self._socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return False
        self.counters["icmp"] += 1
        number = next((struct.unpack("=I", data[:4])[0] for _, _, data in notes if data[4:]), 0)
        if remote:
            flow = Flow("UDP", self.local, (remote[0], remote[1]))
            self._receiver.broken(flow, os.strerror(number))
        return True

    def _complain(self, error: OSError, data: bytes, flow: Flow) -> None:
        """An error at once is about an earlier datagram where ICMP has said so: that one is told,
        and this one goes out; else it is about this one.
        """
        if self._read_errors():
            while self._read_errors():
                pass
            try:
                self._socket.sendto(data, flow.remote)
                return
            except OSError as again:
                error = again
        self.counters["send_error"] += 1
        self._loop.call_soon(self._receiver.broken, flow, error.strerror or str(error))

    def _keep(self, data: bytes, remote: Address) -> None:
        if len(self._unsent) >= MOST_UNSENT:
            self.counters["send_dropped"] += 1
            return
        if not self._unsent:
            self._writing = Readiness(self._socket, self._writable, to_write=True)
        self._unsent.append((data, remote))

    def _writable(self) -> None:
        while self._unsent:
            data, remote = self._unsent[0]
            try:
                self._socket.sendto(data, remote)
            except BlockingIOError:
                return
            except OSError as error:
                self._complain(error, data, Flow("UDP", self.local, remote))
            self._unsent.popleft()
        self._stop_writing()

    def _stop_writing(self) -> None:
        if self._writing is not None:
            self._writing.close()
            self._writing = None
