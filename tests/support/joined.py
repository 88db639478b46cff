"""Two far ends, a bridge and two networks in simulated time; and how switches sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from siptg.app.bridge import Bridge, Ear
from siptg.rtp.audio import Frame, Samples
from siptg.rtp.codecs import Codec
from siptg.rtp.packet import RtpPacket
from siptg.rtp.session import RtpSession
from siptg.rtp.sounds.tones import tone
from tests.support.network import EVENT, Network, Way, agree
from tests.support.outgoing import Said
from tests.support.sines import FULL_SCALE


@attrs.define(eq=False)
class SessionPort:
    """A session as a leg's audio."""

    network: Network
    session: RtpSession
    codec: Codec
    carries: bool = True

    @property
    def rate(self) -> int:
        return self.session.rate

    @property
    def payload_format(self) -> str | None:
        return self.codec.key if self.carries else None

    def tune(self, rate: int) -> None:
        if rate not in self.codec.rates:
            raise ValueError(f"{self.codec.name} does not speak at {rate}")
        self.session.tune(rate)
        self.session.outbound.speak(
            self.codec, self.codec.payload_type, rate, event_type=EVENT, fmtp=""
        )

    def read(self) -> Frame:
        return self.session.read(self.network.now)

    def write(self, frame: Frame) -> None:
        self.session.write(frame, self.network.now)

    def pull(self) -> Sequence[RtpPacket]:
        return self.session.pull(self.network.now)

    def carry(self, packets: Sequence[RtpPacket]) -> None:
        self.session.carry(packets, self.network.now)

    def overhear(self, packets: Sequence[RtpPacket]) -> Frame:
        return self.session.overhear(packets, self.network.now)

    @property
    def between_packets(self) -> bool:
        return self.session.between_packets

    def past(self) -> Frame | None:
        return self.session.past()

    def prime(self, past: Frame) -> None:
        self.session.outbound.prime(past)


@attrs.define(eq=False)
class PortLeg:
    """As much of a leg as a bridge's beat needs."""

    id: str
    audio: Any


@attrs.define(eq=False)
class Joined:
    """`here` (her sound is what is looked at) ═ `a`, bridge, `b` ═ `there`."""

    codec: Codec
    rate: int
    ptime: int = 20
    other: Codec | None = None
    """Of the far side, where it is another one."""
    to_bridge: Way = attrs.field(factory=Way)
    to_there: Way = attrs.field(factory=Way)
    network: Network = attrs.field(factory=Network)
    beats: int = 0
    heard: list[Frame] = attrs.field(factory=list)
    """What the session there gave, beat by beat."""
    here: RtpSession = attrs.field(init=False)
    there: RtpSession = attrs.field(init=False)
    a: SessionPort = attrs.field(init=False)
    b: SessionPort = attrs.field(init=False)
    bridge: Bridge = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        other, rate = self.other or self.codec, self.rate
        self.here, a = self.network.ends(self.to_bridge, seed=1)
        b, self.there = self.network.ends(self.to_there, seed=21)
        agree(self.here, a, self.codec, rate, ptime=self.ptime)
        agree(b, self.there, other, rate if rate in other.rates else other.rates[0])
        self.a = SessionPort(self.network, a, self.codec)
        self.b = SessionPort(self.network, b, other)
        legs = (cast(Any, PortLeg("a", self.a)), cast(Any, PortLeg("b", self.b)))
        self.bridge = Bridge(*legs)

    def talk(self, frames: Iterable[Frame], answer: Iterable[Frame] = ()) -> None:
        """One frame a beat from here, and from there as long as there are any."""
        said = iter(answer)
        for frame in frames:
            now = self.network.beat()
            self.here.write(frame, now)
            back = next(said, None)
            if back is not None:
                self.there.write(back, now)
            self.here.read(now)
            self.bridge.tick()
            self.heard.append(self.there.read(now))
            self.beats += 1

    @property
    def sent(self) -> Said:
        """From here."""
        return Said(self.to_bridge.packets)

    @property
    def passed(self) -> Said:
        """What left the bridge for there."""
        return Said(self.to_there.packets)

    def decoded(self) -> Samples:
        """All that left the bridge for there, by one decoder."""
        codec = self.other or self.codec
        decode = codec.decoder(self.there.rate).decode
        return np.concatenate([decode(one.payload) for one in self.passed])


class Hears:
    """An ear that keeps what both said."""

    def __init__(self) -> None:
        self.frames: list[tuple[Frame, Frame]] = []

    def __call__(self, left: Frame, right: Frame) -> None:
        self.frames.append((left.copy(), right.copy()))

    def side(self, number: int) -> Samples:
        return np.concatenate([pair[number] for pair in self.frames])


def listen(bridge: Bridge) -> tuple[Hears, Callable[[], None]]:
    """An ear that is added, and how to take it off again."""
    ear = Hears()
    added: Ear = ear
    bridge.ears.append(added)
    return ear, lambda: bridge.ears.remove(added)


Floats = NDArray[np.float64]


@attrs.frozen
class Windows:
    """A sound in pieces of 20 ms, each 5 ms behind the last, against the sine that fits it."""

    at: Floats
    """Seconds at which each begins."""
    rest: Floats
    """dB of what is no sine, against the sine."""
    level: Floats
    """dBFS of the sine."""
    turn: Floats
    """Its phase against one that goes on for ever, in radians."""

    def between(self, begin: float, end: float) -> Windows:
        inside = (self.at >= begin) & (self.at + 0.02 <= end)
        return Windows(*(one[inside] for one in (self.at, self.rest, self.level, self.turn)))


def windows(sound: Samples, rate: int, hz: float) -> Windows:
    size = rate // 50
    turns = 2 * np.pi * hz / rate * np.arange(size)
    waves = np.stack((np.cos(turns), np.sin(turns)), axis=1)
    starts = np.arange(0, len(sound) - size + 1, size // 4)
    parts = sound.astype(np.float64)[starts[:, None] + np.arange(size)]
    shares = parts @ np.linalg.pinv(waves).T
    sines = shares @ waves.T
    rest = np.sqrt(np.mean((parts - sines) ** 2, axis=1))
    size_of = np.hypot(shares[:, 0], shares[:, 1])
    turned = (shares[:, 0] - 1j * shares[:, 1]) * np.exp(-2j * np.pi * hz * starts / rate)
    return Windows(
        starts / rate,
        20 * np.log10((rest + 1e-9) / (size_of / np.sqrt(2) + 1e-9)),
        20 * np.log10(size_of / FULL_SCALE + 1e-9),
        np.angle(turned),
    )


def hum(rate: int, hz: float = 440.0) -> Iterable[Frame]:
    return tone([hz], rate, -20.0)
