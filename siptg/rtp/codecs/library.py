"""C libraries that an installation may have or lack."""

from __future__ import annotations

import ctypes
import ctypes.util
import sys


def load(name: str, *versions: int) -> ctypes.CDLL | None:
    """The library in the first of its versions that is there; None where none is."""
    names: list[str | None] = [f"lib{name}.so.{version}" for version in versions]
    if sys.platform != "linux":  # there a search finds no other names, and starts a compiler for it
        names = [ctypes.util.find_library(name)]
    for found in filter(None, names):
        try:
            return ctypes.CDLL(found)
        except OSError:
            continue  # not here in this version
    return None
