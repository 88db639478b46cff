"""The way of a stream's packets: sockets, keys, and whose packets are believed."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import random
import socket
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime

from siptg.rtp.clock import MediaClock
from siptg.rtp.keys.certificate import Certificate
from siptg.rtp.keys.shield import Shield
from siptg.rtp.latch import NOWHERE, Latch
from siptg.rtp.offer import Agreed
from siptg.rtp.session import RtpSession
from siptg.rtp.stats import StreamStats
from siptg.rtp.wire import Address, Wire, open_socket

log = logging.getLogger(__name__)

MOST_TRIES = 50
"""Pairs of ports that are tried where the kernel chooses."""
MOST_EARLY = 8
"""Datagrams of a handshake that are kept until signalling says with whom it is."""
_NAME = struct.Struct(">H4xI").unpack_from
"""Sequence number and SSRC, from the third byte on."""


@functools.cache
def certificate() -> Certificate:
    """Of the process: its fingerprint is in every offer of DTLS."""
    return Certificate.make(datetime.now(UTC))


class MediaPath:
    """Opens what comes for `session`, seals what it sends.

    Sockets are read by the event loop until there are keys and an agreement, then by the beat of
    `clock`, where there is one.
    """

    def __init__(
        self, rtp: socket.socket, rtcp: socket.socket | None, clock: MediaClock | None
    ) -> None:
        self.session: RtpSession
        """Set before the first packet can come."""
        self.on_failure: Callable[[str], None] | None = None
        """There will be no keys: the reason, for people."""
        self.latch, self.shield = Latch(), Shield(certificate, self._send_dtls)
        self._wire = Wire(rtp, self._receive)
        self._rtcp_wire = Wire(rtcp, self._receive_rtcp) if rtcp is not None else None
        self._clock = clock
        self._agreed: Agreed | None = None
        self._remote: Address | None = None
        """As they said it, be it a name."""
        self._dtls_from: Address | None = None
        self._early: list[tuple[bytes, Address]] = []
        self._failed = False
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None

    @property
    def address(self) -> Address:
        return self._wire.address

    @property
    def closed(self) -> bool:
        return self._wire.fileno() < 0

    def agree(self, agreed: Agreed, now: float) -> None:
        """Offer and answer came to that."""
        if self.closed:
            return
        self._agreed = agreed
        if agreed.rtcp_mux and self._rtcp_wire is not None:
            self._rtcp_wire.close()
            self._rtcp_wire = None
        self._name(agreed.remote, now)
        self.shield.agree(agreed.security, now)
        early, self._early = self._early, []
        for data, source in early:
            self._other(data, source, now)
        self._watch_handshake()

    def chores(self, now: float) -> None:
        """Beside the beat, a few times a second."""
        latch, current = self.latch, self.session.reports.sources.current
        if latch.source is not None and current is not None:
            latch.heard(current.ssrc, current.heard)
        deadline = self.shield.deadline()
        if deadline is not None and now >= deadline:
            self.shield.tick(now)

    def count(self, stats: StreamStats) -> None:
        """Write into it what is known now."""
        wire = self._wire
        stats.elsewhere, stats.refused = self.latch.refused, self.shield.refused
        stats.unreachable, stats.dropped = wire.unreachable, wire.dropped

    def close(self) -> None:
        for waiting in (self._timer, self._asking):
            if waiting is not None:
                waiting.cancel()
        self.shield.close()
        self._wire.close()
        if self._rtcp_wire is not None:
            self._rtcp_wire.close()

    # what we send

    def send(self, data: bytes) -> None:
        latch, shield = self.latch, self.shield
        target = latch.target
        if target is None:
            return
        sealed = data if shield.plain else shield.seal(data)
        if sealed is not None:
            self._wire.send(sealed, target)
            if latch.also is not None:
                self._wire.send(sealed, latch.also)

    def send_rtcp(self, data: bytes) -> None:
        agreed, target = self._agreed, self.latch.target
        if agreed is None or target is None:
            return
        sealed = self.shield.seal_rtcp(data)
        if sealed is None:
            return
        if agreed.rtcp_mux or self._rtcp_wire is None:
            self._wire.send(sealed, target)
        else:
            self._rtcp_wire.send(sealed, (target[0], agreed.remote_rtcp[1]))

    def _send_dtls(self, data: bytes) -> None:
        target = self._dtls_from or self.latch.target
        if target is not None:
            self._wire.send(data, target)

    # what comes

    def _receive(self, data: bytes, source: Address, arrived: float) -> None:
        if len(data) < 12 or data[0] < 128:
            self._other(data, source, arrived)
        elif 191 < data[1] < 224:
            self._receive_rtcp(data, source, arrived)
        elif self._agreed is None:
            return
        elif source != self.latch.source:
            self._stranger(data, source, arrived)
        else:
            shield = self.shield
            opened = data if shield.plain else shield.open(data)
            if opened is not None:
                self.session.receive(opened, arrived)

    def _stranger(self, data: bytes, source: Address, arrived: float) -> None:
        """From elsewhere than we listen to: perhaps it is they, seen through a NAT."""
        opened = self.shield.open(data)
        if opened is None:
            return
        if not self.session.knows(opened):
            self.session.stats.garbage += 1
            return
        sequence, ssrc = _NAME(opened, 2)
        proven = not self.shield.plain
        if self.latch.believes(source, ssrc, sequence, arrived, proven=proven):
            self.session.receive(opened, arrived)

    def _other(self, data: bytes, source: Address, arrived: float) -> None:
        """DTLS, which proves itself; anything else has no business here (RFC 7983 §7), but for a
        report that is shorter than any RTP.
        """
        dtls = bool(data) and 19 < data[0] < 64
        if len(data) > 7 and data[0] > 127 and 191 < data[1] < 224:
            self._receive_rtcp(data, source, arrived)
        elif dtls and self._agreed is None:
            # who answered may begin at once, and overtake the answer (RFC 5763 §5)
            if len(self._early) < MOST_EARLY:
                self._early.append((data, source))
        elif dtls and not self.shield.plain:
            if not self.shield.ready and not self._shakes_hands(source):
                self.latch.refused += 1
                return
            self.shield.receive_dtls(data, arrived)
            self._watch_handshake()
        else:
            self.session.stats.garbage += 1

    def _shakes_hands(self, source: Address) -> bool:
        """Whether a handshake goes on with that one. Until there are keys an alert of anybody would
        end it; so whoever was named is heard alone once it spoke, and to whom we spoke first is
        where we sent it, but for a NAT's other port.
        """
        target = self.latch.target
        if target not in (None, source) and (
            self._dtls_from == target or (self.shield.active and source[0] != target[0])
        ):
            return False
        self._dtls_from = source
        return True

    def _receive_rtcp(self, data: bytes, source: Address, arrived: float) -> None:
        known = self.latch.source or self.latch.target
        if self._agreed is None:
            return  # from whom it is nobody can say yet
        if known is None or (source[0] != known[0] and self.shield.plain):
            self.latch.refused += 1
            return
        opened = self.shield.open_rtcp(data)
        if opened is not None:
            self.session.receive_rtcp(opened, arrived)

    # how it is set up

    def _name(self, remote: Address, now: float) -> None:
        """Where they are. A name is asked for beside: DNS must not stop the beat."""
        if remote == self._remote:
            return  # what is known of it stands
        self._remote, self._dtls_from = remote, None
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        host, port = remote
        if host.endswith(".invalid"):  # nobody's, and for nobody to ask about (RFC 2606 §2)
            remote = "", port
        elif host not in NOWHERE and not _is_number(host):
            self._asking = asyncio.get_running_loop().create_task(self._ask(remote))
            remote = "", port
        self.latch.name(remote, now)

    async def _ask(self, remote: Address) -> None:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        try:
            found = await loop.getaddrinfo(*remote, family=family, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:  # the second: it is no name at all
            log.info("! no address of %s: %s", remote[0], error)
            self._remote = None
            return
        self.latch.name((str(found[0][4][0]), remote[1]), time.monotonic())

    def _watch_handshake(self) -> None:
        """Until there are keys the loop reads and keeps time: beats of delay would add up."""
        shield = self.shield
        if bool(shield.failed) != self._failed:
            self._failed = bool(shield.failed)
            if self._failed and self.on_failure is not None:
                self.on_failure(shield.failed)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wires = [wire for wire in (self._wire, self._rtcp_wire) if wire is not None]
        if shield.ready:
            if self._clock is not None:
                for wire in wires:
                    wire.give_to(self._clock.poller)
            return
        self._wire.listen()
        deadline = shield.deadline()
        if deadline is not None:
            wait = max(0.0, deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._shield_tick)

    def _shield_tick(self) -> None:
        self.shield.tick(time.monotonic())
        self._watch_handshake()


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def open_pair(host: str, ports: range | None) -> tuple[socket.socket, socket.socket]:
    """Sockets on an even port and the one above it (RFC 3550 §11), of `ports` or of the kernel's
    choice. OSError where there are none.
    """
    candidates = [0] * MOST_TRIES
    if ports is not None:
        candidates = [port for port in ports if port % 2 == 0 and port + 1 in ports]
        random.shuffle(candidates)
    error = OSError("no two ports in a row to try")
    for port in candidates:
        try:
            rtp = open_socket((host, port))
        except OSError as refused:
            error = refused
            continue
        number = rtp.getsockname()[1]
        if number % 2 == 0:
            try:
                return rtp, open_socket((host, number + 1))
            except OSError as refused:
                error = refused
        rtp.close()
    raise error
