"""What carries the messages of one call between two engines, whatever happens to packets."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from siptg.telegram.signalling.gate import Gate

log = logging.getLogger(__name__)

SCTP_PORTS = b"\x13\x88\x13\x88"
"""5000 to 5000: how SCTP packets begin. Those of the other framings begin with random bytes."""

Emit = Callable[[bytes], None]
"""Takes a packet for phone.sendSignalingData; it does not wait."""
Deliver = Callable[[bytes], None]
"""Takes a message of the other end, whole, once, decrypted."""


class Channel(Protocol):
    """Made by `Version.open`. Nothing of it raises, whatever comes in."""

    @property
    def counters(self) -> Counter[str]:
        """`undecryptable` counts packets that nobody with the key has made."""
        ...

    def post(self, text: bytes) -> None:
        """Send a message; it is repeated as the framing demands."""
        ...

    def receive(self, packet: bytes) -> None:
        """What phone.sendSignalingData of the other end carried."""
        ...

    def close(self) -> None:
        """Nothing is sent or delivered afterwards."""
        ...


class Framing(Protocol):
    """A framing without clock or socket: after each call send `outgoing()`, wake at `deadline()`
    for `tick`.
    """

    @property
    def counters(self) -> Counter[str]: ...
    def post(self, text: bytes, now: float) -> None: ...
    def receive(self, packet: bytes, now: float) -> list[bytes]: ...
    def tick(self, now: float) -> None: ...
    def outgoing(self) -> list[bytes]: ...
    def deadline(self) -> float | None: ...


class TimedChannel:
    """A framing with one timer of the loop. Packets that come faster than those of any call are
    counted as `flooded` and dropped.
    """

    def __init__(self, framing: Framing, emit: Emit, deliver: Deliver) -> None:
        self._framing, self._emit, self._deliver = framing, emit, deliver
        self._gate = Gate()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def counters(self) -> Counter[str]:
        return self._framing.counters

    def post(self, text: bytes) -> None:
        if not self._closed:
            self._framing.post(text, self._loop.time())
            self._flush()

    def receive(self, packet: bytes) -> None:
        now = self._loop.time()
        if self._closed:
            return
        if not self._gate.lets(now):
            self.counters["flooded"] += 1
            return
        unread = self.counters["undecryptable"]
        for text in self._framing.receive(packet, now):
            self._deliver(text)
        if self.counters["undecryptable"] > unread and packet.startswith(SCTP_PORTS):
            self.counters["other_framing"] += 1
            if self.counters["other_framing"] == 1:
                log.warning(
                    "! the other end's signalling is SCTP, that of versions 11 and later;"
                    " the version agreed on has another framing"
                )
        self._flush()

    def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._framing.tick(self._loop.time())
        self._flush()

    def _flush(self) -> None:
        if self._closed:  # what was delivered may have closed us
            return
        for packet in self._framing.outgoing():
            self._emit(packet)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._framing.deadline()
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._tick)
