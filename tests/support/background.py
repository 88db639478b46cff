"""Background work without its thread: a test says when it is done."""

from __future__ import annotations

from siptg.rtp.background import Background


class ByHand(Background):
    """`look()` is one look at the jobs; `asleep` is how it stands when nobody looks."""

    def __init__(self) -> None:
        super().__init__("by hand")
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1

    def _start(self) -> None:
        return
