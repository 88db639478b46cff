"""Signalling between two ends, for tests: wires that lose, double, delay and reorder."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
import random
from collections.abc import Callable

import attrs

from siptg.telegram.signalling.channel import Framing
from siptg.telegram.signalling.cipher import SignallingCipher

KEY = b"".join(hashlib.sha512(bytes([n])).digest() for n in range(4))
OTHER_KEY = KEY[::-1]
QUICK = 0.05
"""Seconds that a packet takes where nothing is said of it."""
Fate = tuple[float, ...]
"""What becomes of a packet: the delay of each copy that comes; empty, it is lost."""


def cipher(*, caller: bool, key: bytes = KEY) -> SignallingCipher:
    return SignallingCipher(key, caller=caller)


@attrs.define(eq=False)
class PaperWire:
    """Two framings (caller, callee) and a clock by hand."""

    ends: tuple[Framing, Framing]
    fate: Callable[[int, bytes], Fate]
    """(from which end, packet) → what becomes of it."""
    now: float = 0.0
    delivered: tuple[list[bytes], list[bytes]] = attrs.field(factory=lambda: ([], []))
    """To the caller, to the callee."""
    sent: list[tuple[float, int]] = attrs.field(factory=list)
    """When, from which end."""
    _under_way: list[tuple[float, int, int, bytes]] = attrs.field(factory=list)
    _serial: itertools.count[int] = attrs.field(factory=itertools.count)

    def post(self, end: int, text: bytes) -> None:
        self.ends[end].post(text, self.now)
        self._collect()

    def run(self, until: float) -> None:
        """All that happens until then; afterwards it is that late."""
        while True:
            times = [t for end in self.ends if (t := end.deadline()) is not None]
            if self._under_way:
                times.append(self._under_way[0][0])
            if not times or min(times) > until:
                break
            self.now = max(self.now, min(times))
            while self._under_way and self._under_way[0][0] <= self.now:
                _, _, to, packet = heapq.heappop(self._under_way)
                self.delivered[to].extend(self.ends[to].receive(packet, self.now))
            for end in self.ends:
                deadline = end.deadline()
                if deadline is not None and deadline <= self.now:
                    end.tick(self.now)
            self._collect()
        self.now = until

    def _collect(self) -> None:
        for n, end in enumerate(self.ends):
            for packet in end.outgoing():
                self.sent.append((self.now, n))
                for delay in self.fate(n, packet):
                    item = self.now + delay, next(self._serial), 1 - n, packet
                    heapq.heappush(self._under_way, item)


@attrs.define(eq=False)
class LossyLink:
    """Passes packets on by the loop's clock, as a bad day would; seeded, and a copy is never
    quicker than nothing.
    """

    seed: int = 1
    lost: float = 0.0
    doubled: float = 0.0
    latest: float = 0.0
    """Seconds, at most, that each packet is late: what is sent later may come earlier."""
    held: float = 0.0
    """For that long from the first packet on, what is sent comes only afterwards."""
    torn: tuple[float, float] = (0.0, 0.0)
    """From, to, in seconds after the first packet: what is sent then is lost."""
    passed: int = 0
    dropped: int = 0
    _chance: random.Random = attrs.field(init=False)
    _began: float | None = None

    def __attrs_post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def carry(self, packet: bytes, to: Callable[[bytes], object]) -> None:
        loop, chance = asyncio.get_running_loop(), self._chance
        if self._began is None:
            self._began = loop.time()
        age = loop.time() - self._began
        if self.torn[0] <= age < self.torn[1] or chance.random() < self.lost:
            self.dropped += 1
            return
        self.passed += 1
        for _ in range(1 + (chance.random() < self.doubled)):
            wait = max(0.0, self.held - age) + chance.random() * self.latest
            loop.call_later(wait, to, packet)
