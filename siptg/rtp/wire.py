"""Media's sockets: read at once while a call is being set up, emptied by the beat once it stands.

A callback a packet costs more than the packet. So a wire that was given to a `Poller` is left alone
by the event loop: each beat asks the kernel once which wires have something, and reads those.
Packets bear the time at which the kernel got them (SO_TIMESTAMPNS), not that of the beat.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import struct
import sys
import time
from collections.abc import Callable

from siptg.readiness import Readiness

Address = tuple[str, int]
Receive = Callable[[bytes, Address, float], None]
"""Datagram, where it came from, when (monotonic seconds)."""

log = logging.getLogger(__name__)

LARGEST = 2048
"""Bytes of a datagram: what is longer is cut, and is no media."""
BURST = 16
"""Datagrams that one wire may bring a beat, DTLS and STUN included. More wait in the kernel's
buffer, which is what a flood fills, not our time."""
BUFFER = 256 << 10
_SO_TIMESTAMPNS = 35
_ANCILLARY = 64
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_STAMP = struct.Struct("qq")


def open_socket(address: Address) -> socket.socket:
    """Bound, not blocking, with kernel times where there are any. OSError where it cannot be."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        if sys.platform == "linux":
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            six = family == socket.AF_INET6
            level, option = (
                (socket.IPPROTO_IPV6, _IPV6_RECVERR) if six else (socket.IPPROTO_IP, _IP_RECVERR)
            )
            sock.setsockopt(level, option, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


class Wire:
    """One UDP socket. `send` never raises and never waits: what cannot leave is dropped and
    counted, as a network would.
    """

    __slots__ = (
        "_poller",
        "_reading",
        "_receive",
        "_recvmsg",
        "_sendto",
        "_socket",
        "address",
        "dropped",
        "unreachable",
    )

    def __init__(self, sock: socket.socket, receive: Receive) -> None:
        self.address: Address = sock.getsockname()[:2]
        self.dropped = 0
        """Datagrams that the system did not take."""
        self.unreachable = 0
        """ICMP errors: nobody listens there, or no way leads there."""
        self._socket, self._receive = sock, receive
        self._sendto, self._recvmsg = sock.sendto, sock.recvmsg
        self._poller: Poller | None = None
        self._reading: Readiness | None = None
        self.listen()

    def fileno(self) -> int:
        """−1 once it is closed."""
        return self._socket.fileno()

    @property
    def socket(self) -> socket.socket:
        return self._socket

    def listen(self) -> None:
        """Let the event loop read each datagram as it comes."""
        if self._socket.fileno() < 0 or self._reading is not None:
            return
        if self._poller is not None:
            self._poller.remove(self)
            self._poller = None
        self._reading = Readiness(self._socket, self._readable)

    def give_to(self, poller: Poller) -> None:
        """From now on the beat empties it."""
        if self._socket.fileno() < 0 or self._poller is poller:
            return
        self._ignore()
        self._poller = poller
        poller.add(self)

    def send(self, data: bytes, address: Address) -> None:
        try:
            self._sendto(data, address)
        except BlockingIOError:
            self.dropped += 1
        except OSError:
            # it may be about an earlier datagram: that one is counted, and this one tried again
            if self._take_errors():
                with contextlib.suppress(OSError):
                    self._sendto(data, address)
            else:
                self.dropped += 1

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._ignore()
            self._socket.close()

    def read(self, offset: float) -> None:
        """One datagram. `offset` leads from the kernel's clock to the monotonic one."""
        try:
            data, notes, _, source = self._recvmsg(LARGEST, _ANCILLARY)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._take_errors()
            return
        if notes:
            seconds, nanoseconds = _STAMP.unpack(notes[0][2])
            arrived = seconds + nanoseconds * 1e-9 + offset
        else:
            arrived = time.monotonic()
        if data:
            self._receive(data, source[:2] if len(source) > 2 else source, arrived)

    def _readable(self) -> None:
        self.read(time.monotonic() - time.time())

    def _ignore(self) -> None:
        if self._poller is not None:
            self._poller.remove(self)
            self._poller = None
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def _take_errors(self) -> bool:
        """Empty the queue of ICMP errors (ip(7)); False where there was none."""
        if sys.platform != "linux":
            return False
        found = False
        for _ in range(BURST):
            try:
                self._socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            found = True
            self.unreachable += 1
        return found


class Poller:
    """All wires that the beat empties; `wake` is called when there is one to be emptied."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self._wake = wake
        self._poll: select.epoll | select.poll = (
            select.epoll() if hasattr(select, "epoll") else select.poll()
        )
        self._wires: dict[int, Wire] = {}

    def __len__(self) -> int:
        return len(self._wires)

    def add(self, wire: Wire) -> None:
        self._wires[wire.fileno()] = wire
        self._poll.register(wire.fileno(), select.POLLIN)
        self._wake()

    def remove(self, wire: Wire) -> None:
        if self._wires.pop(wire.fileno(), None) is not None:
            self._poll.unregister(wire.fileno())

    def fetch(self) -> int:
        """Read what has come; how many times a wire was read."""
        if not self._wires:
            return 0
        wires, count = self._wires, 0
        offset = time.monotonic() - time.time()
        for _ in range(BURST):
            ready = self._poll.poll(0)
            if not ready:
                break
            for number, _event in ready:
                wire = wires.get(number)
                if wire is not None:  # else what another one brought has closed it
                    try:
                        wire.read(offset)
                    except Exception:  # one call's fault must not silence the others
                        log.exception("a datagram broke whoever took it")
            count += len(ready)
        return count

    def close(self) -> None:
        self._wires.clear()
        if hasattr(self._poll, "close"):
            self._poll.close()
