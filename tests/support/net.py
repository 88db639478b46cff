"""A network of numbers and the sounds that cross it: delay, jitter, loss, doubles, drift, bunches.

No clocks and no sockets: what was sent becomes a list of arrivals, and `heard` plays it by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from siptg.rtp.audio import Samples
from siptg.rtp.codecs.codec import Codec, Encoder
from siptg.rtp.packet import RtpPacket
from siptg.rtp.playout.playout import Playout

Arrival = tuple[float, RtpPacket]
AnyCodec = Codec
FRAME = 0.02


def tone(rate: int, seconds: float, hz: float = 440.0, level: float = 8000.0) -> Samples:
    at = np.arange(round(rate * seconds)) / rate
    return np.rint(level * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def talk(rate: int, seconds: float, level: float = 6000.0, pitch: float = 110.0) -> Samples:
    """Speech-like by formula: harmonics under moving formants, a gliding pitch, syllables, pauses.

    1.6 s of talk with four syllables a second, then 0.4 s of pause, and so on.
    """
    at = np.arange(round(rate * seconds)) / rate
    f0 = pitch * (1 + 0.2 * np.sin(2 * np.pi * 0.7 * at) + 0.08 * np.sin(2 * np.pi * 2.3 * at))
    phase = 2 * np.pi * np.cumsum(f0) / rate
    formants = (
        (550 + 200 * np.sin(2 * np.pi * 1.1 * at), 90.0, 1.0),
        (1500 + 500 * np.sin(2 * np.pi * 0.9 * at + 1), 130.0, 0.5),
        (2600 + 200 * np.sin(2 * np.pi * 0.6 * at + 2), 200.0, 0.25),
    )
    wave = np.zeros(len(at))
    for number in range(1, int(3400 / pitch / 1.3)):
        hz = number * f0
        gain = sum(
            (
                weight * width**2 / ((hz - middle) ** 2 + width**2)
                for middle, width, weight in formants
            ),
            np.zeros(len(at)),
        )
        wave += gain * np.sin(number * phase + number * number * 0.3)
    syllable = np.clip(1.3 * np.sin(np.pi * 4 * at) ** 2, 0.0, 1.0)
    wave *= syllable * ((at % 2.0) < 1.6)
    peak = np.abs(wave).max() or 1.0
    return np.rint(wave * level / peak).astype(np.int16)


def packets(
    sound: Samples, encoder: Encoder, rate: int, clock_rate: int, ms: int = 20, ssrc: int = 1
) -> list[RtpPacket]:
    """The sound in packets of `ms`, from number 65,500 on, so that numbers wrap."""
    size, ticks = rate * ms // 1000, clock_rate * ms // 1000
    out = []
    for number in range(len(sound) // size):
        payload = encoder.encode(sound[number * size : (number + 1) * size])
        stamp = (0xFFFF0000 + number * ticks) & 0xFFFFFFFF
        out.append(RtpPacket(0, (65_500 + number) & 0xFFFF, stamp, ssrc, payload))
    return out


def arrivals(
    sent: Sequence[RtpPacket],
    clock_rate: int,
    *,
    delay: float = 0.05,
    late: Callable[[int], float] = lambda number: 0.0,
    lost: Sequence[bool] = (),
    double: Sequence[bool] = (),
    ppm: float = 0.0,
    bunch: float = 0.0,
    length: float = FRAME,
) -> list[Arrival]:
    """When each packet comes. `late` is its jitter; `lost` and `double` go round; by `bunch`
    seconds packets are kept and come together; the sender's clock runs slow by `ppm`.
    """
    out: list[Arrival] = []
    for number, packet in enumerate(sent):
        if lost and lost[number % len(lost)]:
            continue
        ticks = (packet.timestamp - sent[0].timestamp) & 0xFFFFFFFF
        # a packet leaves when its sound is whole
        at = (ticks / clock_rate + length) * (1 + ppm * 1e-6)
        if bunch:
            at = math.ceil(at / bunch - 1e-9) * bunch
        at += delay + late(number)
        out.append((at, packet))
        if double and double[number % len(double)]:
            out.append((at + 0.003, packet))
    # to the microsecond: what comes at once comes in the order it was sent
    return sorted(out, key=lambda one: round(one[0], 6))


def heard(
    playout: Playout,
    coming: Iterable[Arrival],
    seconds: float,
    *,
    phase: float = 0.007,
    each: Callable[[int, Playout], None] = lambda beat, playout: None,
) -> Samples:
    """What comes out of a playout that is read each 20 ms, `phase` after the whole ones."""
    waiting = iter(coming)
    following = next(waiting, None)
    frames = []
    for beat in range(round(seconds / FRAME)):
        now = beat * FRAME + phase
        while following is not None and following[0] <= now:
            playout.push(following[1], following[0])
            following = next(waiting, None)
        frame = playout.read(now)
        assert len(frame) == playout.rate // 50 and frame.dtype == np.int16
        frames.append(frame)
        each(beat, playout)
    return np.concatenate(frames)


def rms(sound: NDArray[np.generic]) -> float:
    wave = sound.astype(np.float64)
    return float(np.sqrt(np.mean(wave * wave))) if len(wave) else 0.0


def beside_a_sine(
    sound: Samples, rate: int, hz: float, window: float = 0.02
) -> NDArray[np.float64]:
    """In dB, window by window (half overlapping): what is left when the best-fitting sine of `hz`
    is taken away, against that sine.
    """
    size = int(rate * window)
    at = 2 * np.pi * hz * np.arange(size) / rate
    waves = np.stack((np.sin(at), np.cos(at)), axis=1)
    fit = np.linalg.pinv(waves)
    starts = np.arange(0, len(sound) - size + 1, size // 2)
    parts = sound.astype(np.float64)[starts[:, None] + np.arange(size)]
    sines = parts @ fit.T @ waves.T
    left = np.sqrt(np.mean((parts - sines) ** 2, axis=1))
    whole = np.sqrt(np.mean(sines**2, axis=1))
    result: NDArray[np.float64] = 20 * np.log10((left + 1e-9) / (whole + 1e-9))
    return result


def steepest(sound: Samples) -> int:
    """The greatest step from one sample to the next."""
    return int(np.abs(np.diff(sound.astype(np.int32))).max())
