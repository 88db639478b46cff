"""A wire made of a heap: latency, loss as a list of booleans, duplicates, and one clock for
both ends.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import chain, count, repeat

import attrs

from siptg.sip.flow import Address, Flow
from siptg.sip.stack import Stack


@attrs.define(eq=False)
class Wire:
    """Carries datagrams between stacks and runs their timers, moment by moment."""

    latency: float = 0.05
    lost: Iterator[bool] = attrs.field(factory=lambda: repeat(False))
    doubled: bool = False
    now: float = 0.0
    stacks: dict[Address, Stack] = attrs.field(factory=dict)
    transcript: list[tuple[float, str]] = attrs.field(factory=list)
    """(when sent, first line), ` lost` behind those that never arrive."""
    _flying: list[tuple[float, int, Flow, bytes]] = attrs.field(factory=list)
    _serial: Iterator[int] = attrs.field(factory=count)

    def join(self, address: Address, stack: Stack) -> Stack:
        self.stacks[address] = stack
        return stack

    def flow(self, source: Address, target: Address) -> Flow:
        return Flow("UDP", source, target)

    def flush(self) -> None:
        """Take what the stacks want to send."""
        for stack in self.stacks.values():
            for flow, data in stack.outgoing():
                gone = next(self.lost)
                words = data.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
                name = words[1] if words[0] == "SIP/2.0" else words[0]
                self.transcript.append((round(self.now, 3), f"{name}{' lost' if gone else ''}"))
                if not gone:
                    for _ in range(2 if self.doubled else 1):
                        entry = (self.now + self.latency, next(self._serial), flow, data)
                        heapq.heappush(self._flying, entry)

    def run(self, until: float) -> None:
        self.flush()
        while (moment := self._next()) <= until:
            self.now = moment
            while self._flying and self._flying[0][0] <= moment:
                _, _, flow, data = heapq.heappop(self._flying)
                stack = self.stacks.get(flow.remote)
                if stack is not None:
                    stack.receive(data, Flow("UDP", flow.remote, flow.local), moment)
                self.flush()
            for stack in self.stacks.values():
                stack.tick(moment)
            self.flush()
        self.now = until

    def _next(self) -> float:
        deadlines = [d for s in self.stacks.values() if (d := s.deadline()) is not None]
        return min([*deadlines, *(entry[0] for entry in self._flying[:1])], default=float("inf"))


def losing(*pattern: bool) -> Iterator[bool]:
    """The first datagrams are lost as the pattern says; all later ones arrive."""
    return chain(pattern, repeat(False))


class PaperMedia:
    """Media made of paper: answers what it is offered, remembers what it was told."""

    def __init__(self, *, fits: bool = True) -> None:
        self.fits, self.told = fits, list[str]()

    def offer(self) -> bytes:
        self.told.append("offer")
        return b"v=0\r\no=offer\r\n"

    def answer(self, offer: bytes) -> bytes:
        if not self.fits or not offer:
            raise ValueError("nothing fits")
        self.told.append("answer")
        return b"v=0\r\no=answer\r\n"

    def accept(self, answer: bytes) -> None:
        if not self.fits or not answer:
            raise ValueError("nothing fits")
        self.told.append("accept")
