"""What audio is inside siptg: mono 16-bit PCM in 20 ms frames, at the rate its port says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from siptg.rtp.packet import RtpPacket

Samples = NDArray[np.int16]
"""Mono samples of any length."""

Frame = Samples
"""One 20 ms frame: `rate // 50` samples."""

FRAME_SECONDS = 0.02


def silence(rate: int) -> Frame:
    """20 ms of nothing."""
    return np.zeros(rate // 50, np.int16)


class AudioPort(Protocol):
    """One party's mouth and ear. The bridge calls both once each 20 ms, in that order."""

    @property
    def rate(self) -> int:
        """Samples a second: 8000, 16000 or 48000."""
        ...

    def read(self) -> Frame:
        """The next 20 ms this party said; concealment or silence where nothing came in time."""
        ...

    def write(self, frame: Frame) -> None:
        """The next 20 ms this party shall hear."""
        ...


@runtime_checkable
class Tunable(Protocol):
    """A port whose codec speaks several rates (Opus): it follows the port it is joined with."""

    def tune(self, rate: int) -> None:
        """Read and write at `rate` from now on; ValueError where the codec cannot."""
        ...


@runtime_checkable
class Carrier(Protocol):
    """A port whose packets another one of the same format can take as they are, undecoded.

    Frames and packets are one timeline: at each beat the bridge uses either.
    """

    @property
    def payload_format(self) -> str | None:
        """What its packets hold, as `opus`; None while they cannot be taken or given."""
        ...

    @property
    def between_packets(self) -> bool:
        """All that was read ended with the end of a packet: the beat to turn to packets."""
        ...

    def pull(self) -> Sequence[RtpPacket]:
        """The packets of this beat."""
        ...

    def carry(self, packets: Sequence[RtpPacket]) -> None:
        """What the other one pulled in this beat."""
        ...

    def overhear(self, packets: Sequence[RtpPacket]) -> Frame:
        """20 ms of what was pulled, some time later, for who listens while packets are carried.
        Call it at each beat, with all of them.
        """
        ...

    def past(self) -> Frame | None:
        """The 20 ms before those that `read` gives next."""
        ...

    def prime(self, past: Frame) -> None:
        """What was carried last, so that frames can follow without a click."""
        ...


def join_rates(a: AudioPort, b: AudioPort) -> int:
    """Bring two ports to one rate: the higher is tuned down where it can be, for that costs less,
    else
    the lower up. ValueError where neither can.
    """
    if a.rate == b.rate:
        return a.rate
    high, low = (a, b) if a.rate > b.rate else (b, a)
    for port, rate in ((high, low.rate), (low, high.rate)):
        if isinstance(port, Tunable):
            try:
                port.tune(rate)
            except ValueError:
                continue  # its codec has one rate
            return rate
    raise ValueError(f"cannot join audio at {a.rate} and {b.rate} samples a second")
