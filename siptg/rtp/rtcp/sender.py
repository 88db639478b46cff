"""What RTCP must know of the stream we send: its SSRC, counts and clock (RFC 3550 §6.4.1)."""

from __future__ import annotations

from typing import Protocol

import attrs


class Chance(Protocol):
    """`random.Random`, or what a test puts in its place."""

    def random(self) -> float: ...

    def getrandbits(self, k: int, /) -> int: ...


@attrs.define(eq=False)
class Sender:
    """Ours. Call `sent` for each packet; read `ssrc` for each, it changes after a collision."""

    clock_rate: int
    """Of the codec we send; set it when the codec changes."""
    ssrc: int
    packets: int = attrs.field(default=0, init=False)
    """Under this SSRC, as are the octets."""
    octets: int = attrs.field(default=0, init=False)
    past: tuple[int, int] = attrs.field(default=(0, 0), init=False)
    """Packets and octets under those that we had before."""
    retired: int | None = attrs.field(default=None, init=False)
    """An SSRC of ours that is still to be bidden farewell."""
    _timestamp: int = attrs.field(default=-1, init=False)
    _at: float = attrs.field(default=0.0, init=False)

    def sent(self, timestamp: int, octets: int, now: float) -> None:
        """A packet with so much payload left."""
        self.packets += 1
        self.octets += octets
        if timestamp != self._timestamp:  # the packets of one key all bear the time of its start
            self._timestamp = timestamp
            self._at = now

    def timestamp(self, now: float) -> int:
        """The RTP clock at a moment; 0 before the first packet."""
        if self._timestamp < 0:
            return 0
        return (self._timestamp + round((now - self._at) * self.clock_rate)) & 0xFFFFFFFF

    def renew(self, chance: Chance, taken: int | None = None) -> None:
        """Somebody else has our SSRC: take another one than his, and count afresh (§8.2)."""
        self.retired = self.ssrc
        while self.ssrc in (self.retired, taken):
            self.ssrc = chance.getrandbits(32)
        self.past = self.past[0] + self.packets, self.past[1] + self.octets
        self.packets = self.octets = 0
