"""Who is heard on one RTP session of two: one SSRC at a time (RFC 3550 §8.2, §A.1).

The first source is believed at once, and so is a new one after silence or a BYE. Where the old one
talked just now, a new one shows two packets in a row first, and one that was replaced before three,
with no word of the current one between: two senders on one address must not make us change to and
fro, and a change costs 20 ms.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from siptg.rtp.rtcp.reception import Reception
from siptg.rtp.rtcp.sender import Chance, Sender

QUIET = 0.1
"""Seconds without a packet after which another source needs no proof."""
CONFLICT_LASTS = 50.0
"""Seconds, ten report intervals: our SSRC from there again within is a loop (§8.2)."""
PROOF, PROOF_OF_FORMER = 2, 3
"""Packets in a row (§A.1 MIN_SEQUENTIAL)."""


@attrs.define(eq=False)
class Sources:
    """`receive` says whether a packet is of the source that is heard; the other ones go nowhere."""

    sender: Sender
    clock_rate: int
    """Of the codec we hear."""
    _chance: Chance
    current: Reception | None = attrs.field(default=None, init=False)
    changes: int = attrs.field(default=0, init=False)
    """Sources that took the place of another."""
    strays: int = attrs.field(default=0, init=False)
    """Packets of sources that were not believed."""
    collisions: int = attrs.field(default=0, init=False)
    """Times that we changed our SSRC because another had it too."""
    loops: int = attrs.field(default=0, init=False)
    """Packets with our own SSRC that did not make us change it."""
    past: tuple[int, int, int, int, int] = attrs.field(default=(0, 0, 0, 0, 0), init=False)
    """Of former sources: expected, lost, runs, duplicates, reordered."""
    _ssrc: int = attrs.field(default=-1, init=False)
    _receive: Callable[[int, int, float], None] = attrs.field(init=False)
    """The current one's, once there is one: a look-up less a packet."""
    _former: int = attrs.field(default=-1, init=False)
    _candidate: tuple[int, int, float] = attrs.field(default=(-1, -1, 0.0), init=False)
    """An SSRC that asks to be heard, its next sequence number, and when it spoke."""
    _shown: int = attrs.field(default=0, init=False)
    """Its packets in a row."""
    _parted: bool = attrs.field(default=False, init=False)
    """The current source has said BYE."""
    _conflict_at: float | None = attrs.field(default=None, init=False)

    def receive(self, ssrc: int, sequence: int, timestamp: int, arrived: float) -> bool:
        """True: play it. For every packet of this call's payload types, keys included."""
        if ssrc != self._ssrc and not self._admit(ssrc, sequence, timestamp, arrived):
            return False
        self._receive(sequence, timestamp, arrived)
        return True

    def tune(self, clock_rate: int) -> None:
        """The codec we hear has changed."""
        self.clock_rate = clock_rate
        if self.current is not None:
            self.current.tune(clock_rate)

    def left(self, ssrc: int) -> None:
        """It said BYE."""
        if ssrc == self._ssrc:
            self._parted = True

    def conflict(self, now: float) -> None:
        """Our SSRC came from the network: change it once, and bear it where it is a loop.

        Unlike §8.2 a loop is heard: it is the echo test that somebody dialled.
        """
        before, self._conflict_at = self._conflict_at, now
        if before is not None and now - before < CONFLICT_LASTS:
            self.loops += 1
            return
        self.collisions += 1
        self.sender.renew(self._chance, taken=self._ssrc)

    def totals(self) -> tuple[int, int, int, int, int]:
        """Of the whole session: expected, lost, runs of losses, duplicates, reordered."""
        now = self.current
        if now is None:
            return self.past
        mine = (now.expected, now.lost, now.runs, now.duplicates, now.reordered)
        expected, lost, runs, duplicates, reordered = map(sum, zip(self.past, mine, strict=True))
        return expected, lost, runs, duplicates, reordered

    def _admit(self, ssrc: int, sequence: int, timestamp: int, arrived: float) -> bool:
        """Another SSRC than the current one's: is it the one to hear now?"""
        if ssrc == self.sender.ssrc:
            self.conflict(arrived)
        current = self.current
        if current is not None:
            if (
                arrived - current.heard < QUIET
                and not self._parted
                and not self._proves(ssrc, sequence, arrived, current.heard)
            ):
                self.strays += 1
                return False
            self.past = self.totals()
            self.changes += 1
            self._former = current.ssrc
        self._ssrc, self._parted, self._shown = ssrc, False, 0
        self.current = Reception(ssrc, self.clock_rate, sequence, timestamp, arrived)
        self._receive = self.current.receive
        return True

    def _proves(self, ssrc: int, sequence: int, arrived: float, heard: float) -> bool:
        """Has it shown packets enough since the current source was `heard`?"""
        candidate, expected, spoke = self._candidate
        in_a_row = (ssrc, sequence) == (candidate, expected) and spoke >= heard
        self._shown = self._shown + 1 if in_a_row else 1
        self._candidate = ssrc, (sequence + 1) & 0xFFFF, arrived
        return self._shown >= (PROOF_OF_FORMER if ssrc == self._former else PROOF)
