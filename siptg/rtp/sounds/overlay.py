"""A beep over speech: a sound for one ear, while what it hears goes on more softly."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.sounds.gain import rounded
from siptg.rtp.sounds.resample import Resampler

DUCKED = -12.0
"""dB by which speech is softer under a beep: still understood."""


class Overlay:
    """`over(frame)` is what the ear gets of `frame` while a sound is played to it, else `frame`.

    Speech is ducked where the sound is heard, not in its pauses: a second-call beep that comes
    every four seconds leaves what lies between alone. It goes down and comes back within 20 ms.
    """

    __slots__ = ("_duck", "_now", "_resampler", "_sound")

    def __init__(self) -> None:
        self._sound: Iterator[Frame] | None = None
        self._duck = self._now = 1.0
        self._resampler: Resampler | None = None

    def play(self, sound: Iterator[Frame], duck: float = DUCKED) -> None:
        """In place of what was being played. A sound at another rate is resampled."""
        self._sound, self._duck, self._resampler = sound, 10 ** (duck / 20), None

    def stop(self) -> None:
        self._sound = None

    @property
    def playing(self) -> bool:
        """False once the sound is over: then `over` need not be called."""
        return self._sound is not None or self._now != 1.0

    def over(self, frame: Frame) -> Frame:
        """One frame of what the ear hears; `frame` itself where nothing is to be changed."""
        beep = None
        if self._sound is not None:
            beep = next(self._sound, None)
            if beep is None:
                self._sound = None
            elif not beep.any():
                beep = None
        goal = 1.0 if beep is None else self._duck
        if beep is None and self._now == goal:
            return frame
        if self._now == goal:
            soft = frame * np.float32(goal)
        else:
            down = _ramp(len(frame)) * np.float32(goal - self._now)
            soft = frame * (down + np.float32(self._now))
            self._now = goal
        if beep is not None:
            if len(beep) != len(frame):
                beep = self._fitted(beep, len(frame))
            soft += beep
        return rounded(soft)

    def _fitted(self, beep: Frame, size: int) -> Samples:
        """The sound was made before the call changed its rate."""
        resampler = self._resampler
        if resampler is None or (resampler.source, resampler.rate) != (len(beep) * 50, size * 50):
            resampler = self._resampler = Resampler(len(beep) * 50, size * 50)
        return resampler(beep)


@lru_cache(maxsize=8)
def _ramp(size: int) -> NDArray[np.float32]:
    return np.linspace(0, 1, size, dtype=np.float32)
