"""What the other end has said of its path: doubles are dropped, amounts are bounded. Pure."""

from __future__ import annotations

import attrs

from siptg.telegram.signalling.negotiation import Candidates, Malformed, News, Setup

MOST_CANDIDATES = 128
"""Of one gathering."""
MOST_GATHERINGS = 256
"""Of one call: each is an ICE restart."""


@attrs.define(eq=False)
class Remote:
    """`setup` and `candidates` give the news of a message, which may be none."""

    ufrag: str = ""
    """Of the gathering they are at; empty before the first."""
    _gatherings: int = 0
    _lines: set[str] = attrs.field(factory=set)

    def setup(self, setup: Setup) -> tuple[News, ...]:
        """The same credentials again are no news; other ones are an ICE restart."""
        if setup.ufrag == self.ufrag:
            return ()
        if self._gatherings >= MOST_GATHERINGS:
            return (Malformed("too many ICE restarts"),)
        if self.ufrag:  # candidates that came before the first credentials belong to them
            self._lines.clear()
        self.ufrag = setup.ufrag
        self._gatherings += 1
        return (setup,)

    def candidates(self, lines: tuple[str, ...]) -> tuple[News, ...]:
        fresh: list[str] = []
        for line in lines:
            if line not in self._lines:
                if len(self._lines) >= MOST_CANDIDATES:
                    found: tuple[News, ...] = (Candidates(tuple(fresh)),) if fresh else ()
                    return (*found, Malformed("too many candidates"))
                self._lines.add(line)
                fresh.append(line)
        return (Candidates(tuple(fresh)),) if fresh else ()


@attrs.define(eq=False)
class Offers:
    """Offers of ours on their way: an answer does not say which it is to, and only the one to the
    last counts. One that never comes costs an attempt more.
    """

    _under_way: int = 0
    _passed_over: bool = False
    """An answer was taken for one to an older offer."""

    def made(self) -> None:
        if self._passed_over:  # no further one came: it was the one to the last offer
            self.dropped()
        self._under_way += 1

    def dropped(self) -> None:
        self._under_way, self._passed_over = 0, False

    def answered(self) -> bool:
        """Whether an answer that has come counts."""
        if not self._under_way:
            return False
        self._under_way -= 1
        self._passed_over = self._under_way > 0
        return not self._passed_over
