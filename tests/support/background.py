"""Background work without its thread: a test says when it is done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from siptg.rtp.sounds.background import Background


class ByHand(Background):
    """`look()` is one look at the jobs; `asleep` is how it stands when nobody looks."""

    def __init__(self) -> None:
        super().__init__("by hand")
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1

    def _start(self) -> None:
        return


def open_files() -> set[Path]:
    """Of this process."""
    own = Path("/proc/self/fd")
    if not own.is_dir():
        pytest.skip("no /proc to look into")
    found = set()
    for fd in os.listdir(own):
        try:
            found.add(own.joinpath(fd).readlink())
        except OSError:
            continue  # that one was the listing itself
    return found
