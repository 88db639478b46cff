"""How much encoders may spend: lowered before the beat is late, raised again when it is calm."""

from __future__ import annotations

import attrs

STEPS = (0, 2, 5, 8)
"""Complexities of Opus, of 10. Above 5 speech hardly gains; below 2 it begins to lose."""
HIGH, LOW = 0.85, 0.45
"""Share of the beat that is spent, above which a step down is taken, and below which a step up."""
SMOOTH = 0.02
"""Weight of one turn in the average: half a second or so counts."""
DOWN_AFTER, UP_AFTER = 50, 2000
"""Turns between steps: a quarter of a second down, ten seconds up."""


@attrs.define(eq=False)
class Effort:
    """`spent` once a turn; read `complexity` when encoding."""

    highest: int = 5
    complexity: int = attrs.field(init=False)
    load: float = 0.0
    """Share of the time that the beat takes, smoothed."""
    lowered: int = 0
    """How often a step down was needed."""
    _since: int = 0

    def __attrs_post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Judge afresh, from the highest: what was before says nothing about what comes."""
        self.complexity, self.load, self._since = self.highest, 0.0, 0

    def spent(self, share: float) -> None:
        """That share of a turn was used up by its work."""
        self.load += (share - self.load) * SMOOTH
        self._since += 1
        if self.load > HIGH and self._since >= DOWN_AFTER:
            lower = [step for step in STEPS if step < self.complexity]
            if lower:
                self.complexity = lower[-1]
                self.lowered += 1
                self._since = 0
        elif self.load < LOW and self._since >= UP_AFTER and self.complexity < self.highest:
            higher = [step for step in STEPS if step > self.complexity]
            self.complexity = min(higher[0] if higher else self.highest, self.highest)
            self._since = 0
