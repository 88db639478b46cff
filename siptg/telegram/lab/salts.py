"""Salts of an auth key: each good for a while (core.telegram.org/mtproto/service_messages)."""

from __future__ import annotations

import struct
from hashlib import sha256

import attrs

PERIOD = 3600.0
"""Seconds that a salt is the current one; for half as long afterwards it is still taken."""
MOST_FUTURE = 64


@attrs.frozen
class Salts:
    """Made of the key and the hour, so that nothing has to be remembered. Pure."""

    secret: bytes = attrs.field(repr=False)
    period: float = PERIOD

    def current(self, now: float) -> bytes:
        return self._at(int(now // self.period))

    def good(self, salt: bytes, now: float) -> bool:
        """The current one, or its predecessor not long ago."""
        turn = int(now // self.period)
        late = now - turn * self.period
        return salt == self._at(turn) or (late < self.period / 2 and salt == self._at(turn - 1))

    def future(self, now: float, count: int) -> list[tuple[int, int, int]]:
        """(since, until, salt) of the current one and those that follow."""
        turn = int(now // self.period)
        return [
            (
                int(n * self.period),
                int((n + 1.5) * self.period),
                struct.unpack("<q", self._at(n))[0],
            )
            for n in range(turn, turn + min(max(count, 1), MOST_FUTURE))
        ]

    def _at(self, turn: int) -> bytes:
        return sha256(self.secret + struct.pack("<q", turn)).digest()[:8]
