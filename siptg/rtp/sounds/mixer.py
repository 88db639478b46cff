"""A conference: each party hears all the others, and not itself (mix-minus).

All that was said is added up once, in wide numbers; from that each party's own part is taken away,
and only then the result is brought back to 16 bits. So a beat costs one addition and one
subtraction a party, and loud voices together saturate instead of wrapping round.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from siptg.rtp.audio import Frame, silence
from siptg.rtp.sounds.gain import MIDDLE, amplified, factor, saturated
from siptg.rtp.sounds.overlay import DUCKED, Overlay
from siptg.rtp.sounds.resample import RATES, Resampler

Sum = NDArray[np.intp]
"""32 bits would do; these are the numbers that numpy looks things up by."""


class Mixer:
    """`port()` for each party; a bridge then joins the party's audio with its port.

    Nobody has to drive it: the first port that is read in a beat closes the round, of what was
    written since the last one. That costs one beat of delay, whatever the order of the bridges. Who
    writes all ports before reading any calls `turn()` in between, and there is none.
    """

    def __init__(self, rate: int) -> None:
        """At the rate at which most parties speak; the others are resampled."""
        if rate not in RATES:
            raise ValueError(f"one of {', '.join(map(str, RATES))} expected, not {rate}")
        self.rate = rate
        self.round = 0
        self._ports: dict[MixerPort, None] = {}
        self._sum: Sum = np.full(rate // 50, MIDDLE, np.intp)
        self._own: Sum = np.zeros(rate // 50, np.intp)
        self._all: Frame | None = None

    def __len__(self) -> int:
        """Parties."""
        return len(self._ports)

    def port(self, *, rate: int | None = None, gain: float = 0.0) -> MixerPort:
        """A place for one party more; `gain` in dB of what it says."""
        port = MixerPort(self, rate or self.rate, gain)
        self._ports[port] = None
        return port

    def turn(self) -> None:
        """Close the round: what was written is what is read from now on."""
        self.round += 1
        total, self._all = self._sum, None
        total.fill(MIDDLE)
        for port in self._ports:
            said = port.said = port.saying
            port.saying = None
            if said is not None:
                total += said

    @property
    def all(self) -> Frame:
        """What all say together, for who only listens: a recorder, a party that is silent."""
        if self._all is None:
            self._all = saturated(self._sum)
            self._all.setflags(write=False)  # everybody who is silent gets this one
        return self._all

    def without(self, said: Frame) -> Frame:
        """What all but one say."""
        return saturated(np.subtract(self._sum, said, out=self._own))

    def leave(self, port: MixerPort) -> None:
        self._ports.pop(port, None)


class MixerPort:
    """A party's place in a conference, as an `AudioPort`: what is written it says, what is read it
    hears. Reading has no end: a port whose mixer is gone, or that is closed, is silent.
    """

    __slots__ = (
        "_down", "_factor", "_heard", "_mixer", "_overlay", "_rate", "_up", "said", "saying",
    )  # fmt: skip

    def __init__(self, mixer: Mixer, rate: int, gain: float) -> None:
        self._mixer: Mixer | None = mixer
        self._heard = mixer.round - 1  # who comes in the middle of a beat does not close its round
        self.saying: Frame | None = None
        """Since the last round; None where nothing came."""
        self.said: Frame | None = None
        """In the round that is being heard."""
        self._up: Resampler | None = None
        self._down: Resampler | None = None
        self._overlay = Overlay()
        self._rate = mixer.rate
        self.tune(rate)
        self.gain = gain

    @property
    def rate(self) -> int:
        return self._rate

    def tune(self, rate: int) -> None:
        """Speak and hear at `rate`; ValueError where it is none of ours."""
        if rate == self._rate or self._mixer is None:
            return
        inside = self._mixer.rate
        self._up = Resampler(rate, inside) if rate != inside else None
        self._down = Resampler(inside, rate) if rate != inside else None
        self._rate = rate

    @property
    def gain(self) -> float:
        """dB of what this party says, for the others."""
        return 20 * math.log10(self._factor)

    @gain.setter
    def gain(self, gain: float) -> None:
        self._factor = factor(gain)

    def write(self, frame: Frame) -> None:
        if len(frame) * 50 != self._rate:
            return  # of another rate: one party's mistake must not silence the others
        if self._up is not None:
            frame = self._up(frame)
        if self._factor != 1.0:
            frame = amplified(frame, self._factor)
        self.saying = frame

    def read(self) -> Frame:
        mixer = self._mixer
        if mixer is None:
            return silence(self._rate)
        if self._heard == mixer.round:  # this one has heard the round: on to the next
            mixer.turn()
        self._heard = mixer.round
        said = self.said
        frame = mixer.all if said is None else mixer.without(said)
        if self._down is not None:
            frame = self._down(frame)
        return self._overlay.over(frame) if self._overlay.playing else frame

    def play(self, sound: Iterator[Frame], duck: float = DUCKED) -> None:
        """A sound to this party alone, over what it hears, which is `duck` dB softer meanwhile."""
        self._overlay.play(sound, duck)

    def hush(self) -> None:
        """End what is played to it."""
        self._overlay.stop()

    @property
    def playing(self) -> bool:
        return self._overlay.playing

    def close(self) -> None:
        """The party is gone; the others go on."""
        if self._mixer is not None:
            self._mixer.leave(self)
            self._mixer = self.said = self.saying = None
