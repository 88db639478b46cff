"""Keys as tone pairs in the audio, made as Q.23 has them and heard within Q.24's limits. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

from siptg.rtp.audio import Frame
from siptg.rtp.digits.keypad import FLASH, Key, Keypad
from siptg.rtp.digits.tonepair import (
    GRID,
    HIGH,
    LOW,
    Floats,
    Pair,
    amplitude,
    find,
    goes_on,
    tables,
    trace,
)

LOW_DBM0, HIGH_DBM0 = -9.0, -7.0
"""What a telephone sends; the high tone is louder, for lines take more from it."""
FRAME_MS, EDGE_MS = 20, 2
"""A tone swells and fades, so that it does not click."""
SHORTEST_MS = 30
"""40 ms are a key, 23 are none (Q.24)."""
GAP_MS = 30
"""A packet that was lost does not part a key in two, a pause of 40 ms does."""


@attrs.define(eq=False)
class ToneSender(Keypad):
    """Keys to press, as frames that take the place of what would be said."""

    rate: int = 8000
    low_dbm0: float = attrs.field(default=LOW_DBM0, kw_only=True)
    high_dbm0: float = attrs.field(default=HIGH_DBM0, kw_only=True)
    _at: int = attrs.field(init=False, default=0)
    """Milliseconds since the first key's begin."""

    def next(self) -> Frame | None:
        """The next 20 ms, silence in the pause between keys; None where no key is to be sent."""
        if not self._queue:
            return None
        first, at, rate = self._queue[0], self._at, self.rate
        length = self._length(first)
        self._at = until = at + FRAME_MS
        row, column = divmod(GRID.index(first.symbol), 4)
        t = np.arange(rate // 50) / rate + at / 1000
        wave = amplitude(self.low_dbm0) * np.sin(2 * math.pi * LOW[row] * t)
        wave += amplitude(self.high_dbm0) * np.sin(2 * math.pi * HIGH[column] * t)
        # it swells within its time and fades behind it: from half to half that is the time
        left = np.minimum(t * 1000, length + EDGE_MS - t * 1000)
        wave *= np.sin(np.clip(left / EDGE_MS, 0, 1) * (math.pi / 2)) ** 2
        self._sounded = min(until, length)
        if until >= length + max(self.pause, EDGE_MS):
            self._at = 0
            self._done()
        return np.clip(wave, -32_768, 32_767).astype(np.int16)

    @staticmethod
    def _symbol(key: str) -> str:
        if key == FLASH:
            raise ValueError("the hook's flash has no tone")
        return Keypad._symbol(key)


class ToneReceiver:
    """Hears keys in the audio, one 20 ms frame at a time.

    40 ms of tone hold at least one whole frame. Where the two tones make up a frame, they are
    carried on into the frames beside it for as long as they fit; 30 ms of them are a key.
    """

    def __init__(self, rate: int = 8000) -> None:
        self.held: str | None = None
        """The key that sounds."""
        self.tone = False
        """The latest frame has tones of a key in it: who passes the key on by other means passes
        silence on in place of that frame.
        """
        self._ended: list[Key] = []
        self._tune(rate)

    def _tune(self, rate: int) -> None:
        self._tables = tables(rate)
        self._size, self._least = self._tables.size, self._tables.least
        self._heard: Floats = np.zeros(24 * self._size, np.float32)
        self._at = 2 * self._size
        self._pair: Pair | None = None
        """Of the key that is held; else of the frame before, if that was too short for a key."""
        self._lasted = self._lacks = self._gap = 0.0
        """Of the held key, in milliseconds: to the end of the last frame in which it sounds, what
        that frame has less, and the frames behind that without it.
        """

    def ended(self) -> Sequence[Key]:
        """The keys that fell silent since this was last asked, in turn."""
        if not self._ended:
            return ()
        ended, self._ended = self._ended, []
        return ended

    def receive(self, frame: Frame) -> str | None:
        """The key that is recognised with this frame, 30 to 60 ms behind its begin."""
        size = self._size
        if len(frame) != size:  # the call has another rate now
            self._end()
            self._tune(len(frame) * 50)
            size = self._size
        at, heard = self._at, self._heard
        if at == len(heard):
            heard[: 2 * size] = heard[-2 * size :]
            at = 2 * size
        self._at = at + size
        x = heard[at : at + size]
        x[:] = frame
        energy = float(x.dot(x))
        self.tone = False
        loud = energy >= self._least
        if not loud and self._pair is None:
            return None
        if self.held is not None and loud and self._sounds(x, energy):
            return None
        found = find(heard[at - 2 * size : at + size], energy, self._tables) if loud else None
        if self.held is not None:
            if found is None and not self._gap:
                self._gap = FRAME_MS
                return None
            self._end()
        return self._judge(found, x)

    def _sounds(self, x: Floats, energy: float) -> bool:
        """The held key does, and it is the same pressing of it."""
        pair = self._pair
        part = trace(pair, x, energy, self._tables) if pair else 0.0
        if not part:
            return False
        lacks = FRAME_MS * (1 - part)
        if self._gap and self._lacks + self._gap + lacks >= GAP_MS:
            return False
        self._lasted += self._gap + FRAME_MS
        self._lacks, self._gap = lacks, 0.0
        self.tone = True
        return True

    def _judge(self, found: Pair | None, x: Floats) -> str | None:
        """Is it long enough for a key, this frame's pair or the end of the one before?"""
        pair, lacks = found, 0
        if pair is not None:
            samples = pair.samples
        elif self._pair is not None:
            pair = self._pair
            more = goes_on(pair, x, self._tables)
            samples, lacks = pair.samples + more, self._size - more
        else:
            return None
        per_ms = self._size / FRAME_MS
        self.tone = lacks < self._size
        if samples < SHORTEST_MS * per_ms:
            self._pair = found
            return None
        self._pair, self.held = pair, GRID[pair.key]
        self._lasted, self._lacks, self._gap = (samples + lacks) / per_ms, lacks / per_ms, 0.0
        return self.held

    def _end(self) -> None:
        if self.held is not None:
            if len(self._ended) < 64:
                self._ended.append(Key(self.held, round(self._lasted - self._lacks)))
            self.held = self._pair = None
