"""What the other side tells of the stream we send (RFC 3550 §6.4.1)."""

from __future__ import annotations

import attrs

from siptg.rtp.rtcp.packets import ReportBlock


@attrs.define(eq=False)
class Far:
    """Sums up the report blocks that are about us."""

    block: ReportBlock | None = None
    """Their latest."""
    at: float = 0.0
    """When it came."""
    round_trip: float | None = None
    """Seconds (§6.4.1); None before they answered a sender report of ours."""
    expected: int = 0
    """Packets that they should have got so far, over all SSRCs we had."""
    lost: int = 0
    reports: int = 0

    def told(self, block: ReportBlock, now: float, sent: int) -> None:
        """`sent` packets went out under the SSRC that it tells of. One out of order is passed over.

        Only differences are summed: their figures begin afresh when they restart, and when we take
        another SSRC.
        """
        before = self.block
        more, lost = sent, block.lost
        if before is not None and before.ssrc == block.ssrc:
            # by 16 bits: some do not tell of the wraps above
            more = (block.highest - before.highest) & 0xFFFF
            if more > 0x7FFF:
                return
            lost -= before.lost
        if not -more <= lost <= more or (lost < 0 < block.fraction_lost):
            lost = more * block.fraction_lost // 256
        self.block, self.at, self.reports = block, now, self.reports + 1
        self.expected += more
        self.lost += lost
