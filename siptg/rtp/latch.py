"""Symmetric RTP: to whom we listen and where we send, when NATs hide both (RFC 4961). Pure.

Whoever is believed steers where her voice goes, so a stranger must never be: "RTP bleed" is just
this mistake. The source is learnt only in the window after an offer or answer named an address. In
it the named address is believed at once, another one after several packets in a row, and the named
one takes over again as long as the window is open; so long ours go to both, for two ends that are
led astray by a third one would else never hear one another. After that a source is left only for

- what a new offer or answer names;
- the same SSRC from elsewhere, once the old source has been silent: a NAT changed its mind. Nobody
  who did not see our packets knows the SSRC;
- any source whose packets prove by SRTP that they are our peer's, at once.
"""

from __future__ import annotations

import attrs

Address = tuple[str, int]

WINDOW = 10.0
"""Seconds from the naming of an address."""
IN_A_ROW = 4
"""Packets that a stranger in the window has to send, with sequence numbers in order."""
SILENT = 1.0
"""Seconds without a packet after which the same SSRC may come from elsewhere."""
NOWHERE = ("0.0.0.0", "::", "")


@attrs.define(eq=False)
class Latch:
    """Ask `believes` for each packet from a `source` that is not the present one."""

    source: Address | None = None
    """From where packets are taken."""
    target: Address | None = None
    """Where ours go."""
    also: Address | None = None
    """The named address, while somebody else has its place and it may still speak up."""
    moved: int = 0
    """How often it changed after the first time."""
    refused: int = 0
    """Packets of strangers."""
    _named: Address | None = None
    _until: float = float("-inf")
    _ssrc: int | None = None
    _heard: float = float("-inf")
    _stranger: Address | None = None
    _row: int = 0
    _next: int = 0

    def name(self, address: Address, now: float) -> None:
        """An offer or answer says where they are; a new address opens the window."""
        if address == self._named:
            return
        if address[0] in NOWHERE:
            # a hold, or a name that is being asked for: nothing goes there, and nothing is said
            # of where theirs comes from
            self._named, self.target, self.also = address, None, None
            return
        self._named, self._until, self.also = address, now + WINDOW, None
        self._stranger, self._row = None, 0
        self.source, self.target = None, address

    def heard(self, ssrc: int, now: float) -> None:
        """A packet of the present source was good. Not needed for each: once a beat will do."""
        self._ssrc, self._heard = ssrc, now
        if now >= self._until:
            self.also = None

    def believes(
        self, source: Address, ssrc: int, sequence: int, now: float, *, proven: bool = False
    ) -> bool:
        """Whether a packet is our peer's; then `source` and `target` are where it came from."""
        if source == self.source:
            self._heard = now
            return True
        if proven or (now < self._until and source == self._named):
            return self._take(source, ssrc, now)
        if self.source is None and self._until - WINDOW <= now < self._until:
            return self._row_of(source, ssrc, sequence, now)
        if ssrc == self._ssrc and now - self._heard > SILENT:
            return self._take(source, ssrc, now)
        if self.source is None and source == self._named:
            return self._take(source, ssrc, now)  # they only began to talk after the window
        self.refused += 1
        return False

    def _row_of(self, source: Address, ssrc: int, sequence: int, now: float) -> bool:
        if source != self._stranger or sequence != self._next:
            self._stranger, self._row = source, 0
        self._row += 1
        self._next = (sequence + 1) & 0xFFFF
        if self._row >= IN_A_ROW:
            self._take(source, ssrc, now)
            self.also = self._named
            return True
        self.refused += 1
        return False

    def _take(self, source: Address, ssrc: int, now: float) -> bool:
        if self.source is not None:
            self.moved += 1
        self.source, self.target, self.also = source, source, None
        self._ssrc, self._heard = ssrc, now
        return True
