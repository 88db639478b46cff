"""The garbage collector, tuned for a process that must not pause."""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 20_000, 20, 100
"""Nearly all that a call leaves is freed by its last reference. What cycles there are can wait: a
full collection stops the beat of all calls, and by default comes after 70,000 new objects.
"""


def calm() -> None:
    """Once all is loaded: what is there now is not looked at any more, the rest seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
