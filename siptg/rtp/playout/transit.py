"""How much later than the fastest of them packets come: what a play-out delay has to cover."""

from __future__ import annotations

from collections import deque
from heapq import nlargest

import attrs

BLOCKS = 16
"""Of those blocks that `learn` closes: with one each 0.64 s the memory is ten seconds."""
KEPT = 4
"""Of each block the latest packets: one event cannot fill the whole picture."""
RARE, SOME = 0.005, 0.1
"""These parts of all packets may be later than `needed`, and than `usual`."""
UNREACHED = 1.0
"""Seconds."""
MOST_SEEN = 128
"""Packets of one block that are looked at."""


@attrs.define(eq=False)
class Transit:
    """The network's delay as far as it can be known here: against its own minimum.

    A packet's transit is its arrival minus its timestamp. Both clocks are unknown, so only the
    difference to the fastest packet of late says anything; a drift of the clocks moves the minimum.
    """

    base: float = 0.0
    """Transit of the fastest packet in memory, in seconds."""
    needed: float = 0.0
    """All but a rare packet come within this many seconds of the fastest."""
    usual: float = 0.0
    """Nine of ten do; never more than `needed`."""
    late: deque[float] = attrs.field(factory=lambda: deque(maxlen=MOST_SEEN), init=False)
    """By how much each packet of the open block was later than the fastest known then."""
    fell: bool = attrs.field(default=False, init=False)
    """There was a faster packet than ever in the open block."""
    _blocks: deque[tuple[float, int, list[float]]] = attrs.field(
        factory=lambda: deque(maxlen=BLOCKS), init=False
    )
    _trusted: float = attrs.field(default=0.0, init=False)
    """What was needed before a new start; believed until there is a memory again."""

    def restart(self, transit: float) -> None:
        """The timeline begins anew: another source, or the same after a jump of its clock."""
        self.base, self.fell, self._trusted = transit, False, self.needed
        self._blocks.clear()
        self.late.clear()

    def forget(self) -> None:
        """Nothing came for so long that the clocks may have drifted apart: the next packet is the
        fastest known, for the base is put where none can reach it.
        """
        if self._blocks:
            self.restart(self.base + UNREACHED)

    def saw(self, behind: float) -> None:
        """A packet came so much later than the fastest; negative where it is the fastest now."""
        if behind < 0.0:
            self.base += behind
            self.fell = True
            behind = 0.0
        self.late.append(behind)

    def learn(self, *, close: bool) -> None:
        """Take the open block into account, and begin another if `close`."""
        late, blocks = self.late, self._blocks
        if not late:
            return
        low = self.base if self.fell else self.base + min(late)
        block = (low, len(late), nlargest(KEPT, late))
        if close:
            blocks.append(block)
            late.clear()
            self.fell = False
            self.base = min([b[0] for b in blocks])
            seen = list(blocks)
        else:
            seen = [*blocks, block]
        count = sum([b[1] for b in seen])
        latest = sorted([one for b in seen for one in b[2]], reverse=True)
        self.needed = latest[int(RARE * count)]
        self.usual = latest[min(int(SOME * count), len(latest) - 1)]
        if len(blocks) < BLOCKS // 2:
            self.needed = max(self.needed, self._trusted)
