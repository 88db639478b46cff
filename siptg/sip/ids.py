"""The one source of chance in signalling: tags, branches, Call-IDs, nonces, jitter."""

from __future__ import annotations

import random

MAGIC_COOKIE = "z9hG4bK"
"""Begins every branch made by RFC 3261 (§8.1.1.7)."""


class Ids:
    """Draws from the system's generator; with a `seed` the same values come again, for transcripts.

    A seeded one is for tests: whoever can guess a tag or a nonce can speak in our place.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._chance = random.SystemRandom() if seed is None else random.Random(seed)
        self._drawn, self._used = "", 0

    def _hex(self, size: int) -> str:
        """Drawn by the kilobyte: asking the system for each would cost as much as a message."""
        begun = self._used
        self._used = end = begun + size * 2
        if end > len(self._drawn):
            self._drawn = self._chance.randbytes(1024).hex()
            begun, self._used = 0, size * 2
        return self._drawn[begun : self._used]

    def tag(self) -> str:
        """At least 32 bits of chance (RFC 3261 §19.3)."""
        return self._hex(8)

    def branch(self) -> str:
        return MAGIC_COOKIE + self._hex(12)

    def call_id(self) -> str:
        return self._hex(16)

    def secret(self) -> bytes:
        """A key that never leaves the process."""
        return self._chance.randbytes(32)

    def cnonce(self) -> str:
        return self._hex(8)

    def random(self) -> float:
        """Evenly from 0 up to, but not including, 1."""
        return self._chance.random()
