"""What a receiver knows of one SSRC: order, loss, jitter (RFC 3550 §6.4.1, §A.1, §A.3, §A.8)."""

from __future__ import annotations

import attrs

from siptg.rtp.rtcp.packets import ReportBlock

MOST_SKIPPED = 3000
"""A sequence number further ahead is a new beginning, not a loss (§A.1 MAX_DROPOUT)."""
MOST_BEHIND = 100
"""One further behind as well (§A.1 MAX_MISORDER)."""
ABSURD = 2.0
"""Seconds between two transits that no network makes: a timestamp that jumped, not jitter."""


@attrs.define(eq=False)
class Reception:
    """One source. `receive` is called for every packet and does no more than it must.

    A source is counted from its first packet: probation (§A.1) would cost sound, and who it is that
    speaks is decided in `sources.py`. The first packet's numbers come with construction, and it is
    then received like any other.
    """

    ssrc: int
    clock_rate: int
    """Of the codec we hear."""
    _highest: int = attrs.field(alias="sequence")
    """Sequence number with its wraps."""
    _timestamp: int
    heard: float = attrs.field(alias="arrived")
    """When the last packet came."""
    duplicates: int = attrs.field(default=0, init=False)
    reordered: int = attrs.field(default=0, init=False)
    strays: int = attrs.field(default=0, init=False)
    """Packets whose number was from elsewhere, and that the next one did not confirm."""
    restarts: int = attrs.field(default=0, init=False)
    jitter: float = attrs.field(default=0.0, init=False)
    """Ticks of the clock (§A.8). Unlike there, a packet with the timestamp of the one before is not
    measured (the packets of one key, RFC 4733 §2.5.1.3), nor is a jump of more than two seconds.
    """
    _arrived: float = attrs.field(init=False)
    """When the packet came that `_timestamp` is of."""
    _base: int = attrs.field(init=False)
    _holes: int = attrs.field(default=0, init=False)
    """Numbers that have not come, of those between the first and the highest."""
    _runs: int = attrs.field(default=0, init=False)
    """Holes side by side are one run."""
    _surplus: int = attrs.field(default=0, init=False)
    """Packets that came twice, or from before the first one."""
    _missing: set[int] = attrs.field(factory=set, init=False)
    """The holes that may still be filled: no more than `MOST_BEHIND`."""
    _suspect: tuple[int, int] = attrs.field(default=(-1, -1), init=False)
    """The number that would confirm a new beginning, as long as the highest stays as it is."""
    _past: tuple[int, int, int] = attrs.field(default=(0, 0, 0), init=False)
    """Expected, lost and runs before the last restart."""
    _told: tuple[int, int] = attrs.field(default=(0, 0), init=False)
    """Expected and lost as of the last report."""

    def __attrs_post_init__(self) -> None:
        self._base, self._arrived = self._highest, self.heard
        self._highest -= 1

    def receive(self, sequence: int, timestamp: int, arrived: float) -> None:
        """A packet came. `arrived` in seconds, of a clock that only goes on."""
        self.heard = arrived
        if (sequence - self._highest) & 0xFFFF == 1:
            self._highest += 1
        elif not self._out_of_order(sequence, timestamp, arrived):
            return
        if timestamp != self._timestamp:
            rate = self.clock_rate
            off = (arrived - self._arrived) * rate - (timestamp - self._timestamp)
            if off < 0.0:
                off = -off
            if off > ABSURD * rate:
                off = abs(off - 0x100000000)  # the timestamp went round, or jumped
                if off > ABSURD * rate:
                    off = self.jitter
            self.jitter += (off - self.jitter) * 0.0625
            self._timestamp = timestamp
            self._arrived = arrived

    def tune(self, clock_rate: int) -> None:
        """The codec changed, and the RTP clock with it."""
        self.jitter *= clock_rate / self.clock_rate
        self.clock_rate = clock_rate

    def _out_of_order(self, sequence: int, timestamp: int, arrived: float) -> bool:
        """Not the next one; False where its time has nothing to do with the one before."""
        step = (sequence - self._highest) & 0xFFFF
        if 0 < step < MOST_SKIPPED:
            self._skip(step)
        elif step == 0 or step > 0x10000 - MOST_BEHIND:
            self._fill(self._highest - (-step & 0xFFFF))
        elif (sequence, self._highest) == self._suspect:
            self._restart()
            self._base, self._highest = sequence - 1, sequence
            self._timestamp, self._arrived = timestamp, arrived
            return False
        else:
            self.strays += 1
            self._suspect = (sequence + 1) & 0xFFFF, self._highest
            return False
        return True

    def _skip(self, step: int) -> None:
        first, self._highest = self._highest + 1, self._highest + step
        self._holes += step - 1
        self._runs += 1
        oldest = self._highest - MOST_BEHIND
        self._missing = {number for number in self._missing if number >= oldest}
        self._missing.update(range(max(first, oldest), self._highest))

    def _fill(self, number: int) -> None:
        """One from behind: it was missing, or it comes twice."""
        missing = self._missing
        if number in missing:
            missing.remove(number)
            self.reordered += 1
            self._holes -= 1
            # a run that it was the whole of is gone, one that it stood within is now two
            self._runs += (number - 1 in missing) + (number + 1 in missing) - 1
            return
        self._surplus += 1
        if number < self._base:
            self.reordered += 1
        else:
            self.duplicates += 1

    def _restart(self) -> None:
        """Two in a row from elsewhere: they began afresh under the same SSRC (§A.1).

        Unlike there the first of the two is counted as well, since it was heard, and they must
        follow each other with nothing in order between.
        """
        self._past = (self.expected, self.lost, self.runs)
        self.restarts += 1
        self.strays -= 1
        self._holes = self._runs = self._surplus = 0
        self._missing.clear()
        self._told = (0, 0)

    # what is derived, when it is asked for

    @property
    def expected(self) -> int:
        """Packets of which we know that they were sent."""
        return self._past[0] + self._highest - self._base + 1

    @property
    def lost(self) -> int:
        """Those of them that have not come, whatever came twice."""
        return self._past[1] + self._holes

    @property
    def runs(self) -> int:
        """Losses in a row count as one (for BurstR, ITU-T G.107 §7.5)."""
        return self._past[2] + self._runs

    @property
    def valid(self) -> bool:
        """It has shown two packets in a row (§A.1); noise on the port does not."""
        return self._highest > self._base

    @property
    def jitter_seconds(self) -> float:
        return self.jitter / self.clock_rate

    def is_news(self) -> bool:
        """Has anything come since the last report?"""
        return self._highest - self._base + 1 != self._told[0]

    def report(self, last_sr: int = 0, delay: float = 0.0) -> ReportBlock:
        """A report block, and the interval of the next one begins (§6.4.1, §A.3)."""
        expected = self._highest - self._base + 1
        # as §A.3 has it, doubles make up for losses
        lost = self._holes - self._surplus
        told_expected, told_lost = self._told
        self._told = expected, lost
        fraction = 0
        if expected > told_expected and lost > told_lost:
            fraction = min(255, (lost - told_lost) * 256 // (expected - told_expected))
        return ReportBlock(
            self.ssrc,
            fraction,
            max(-0x800000, min(0x7FFFFF, lost)),
            self._highest & 0xFFFFFFFF,
            min(0xFFFFFFFF, int(self.jitter)),
            last_sr,
            min(0xFFFFFFFF, max(0, round(delay * 65536))),
        )
