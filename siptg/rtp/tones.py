"""Sounds as frames: tones, call progress tones of countries, WAV files."""

from __future__ import annotations

import itertools
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from siptg.rtp.audio import Frame, Samples, silence

Sound = Iterator[Frame]
"""20 ms frames at one rate; endless ones are for whoever stops them."""

PEAK = 10_000
"""About −10 dBFS: loud enough to hear, far from clipping when mixed."""

Cadence = tuple[tuple[float, ...], tuple[tuple[float, float], ...]]
"""Frequencies together, and (seconds on, seconds off) in turn."""

_EUROPE: dict[str, Cadence] = {
    "ringback": ((425.0,), ((1.0, 4.0),)),
    "busy": ((425.0,), ((0.48, 0.48),)),
    "congestion": ((425.0,), ((0.24, 0.24),)),
}
COUNTRIES: dict[str, dict[str, Cadence]] = {
    "de": _EUROPE,
    "at": {**_EUROPE, "ringback": ((420.0,), ((1.0, 5.0),)), "busy": ((420.0,), ((0.4, 0.4),))},
    "ch": {**_EUROPE, "busy": ((425.0,), ((0.5, 0.5),)), "congestion": ((425.0,), ((0.2, 0.2),))},
    "es": {**_EUROPE, "ringback": ((425.0,), ((1.5, 3.0),)), "busy": ((425.0,), ((0.2, 0.2),))},
    "fr": {
        "ringback": ((440.0,), ((1.5, 3.5),)),
        "busy": ((440.0,), ((0.5, 0.5),)),
        "congestion": ((440.0,), ((0.25, 0.25),)),
    },
    "gb": {
        "ringback": ((400.0, 450.0), ((0.4, 0.2), (0.4, 2.0))),
        "busy": ((400.0,), ((0.375, 0.375),)),
        "congestion": ((400.0,), ((0.4, 0.35), (0.225, 0.525))),
    },
    "it": {**_EUROPE, "busy": ((425.0,), ((0.5, 0.5),)), "congestion": ((425.0,), ((0.2, 0.2),))},
    "jp": {
        "ringback": ((384.0, 416.0), ((1.0, 2.0),)),
        "busy": ((400.0,), ((0.5, 0.5),)),
        "congestion": ((400.0,), ((0.5, 0.5),)),
    },
    "nl": {**_EUROPE, "busy": ((425.0,), ((0.5, 0.5),)), "congestion": ((425.0,), ((0.25, 0.25),))},
    "pl": {**_EUROPE, "busy": ((425.0,), ((0.5, 0.5),)), "congestion": ((425.0,), ((0.5, 0.5),))},
    "ru": {**_EUROPE, "ringback": ((425.0,), ((0.8, 3.2),)), "busy": ((425.0,), ((0.4, 0.4),))},
    "ua": {**_EUROPE, "busy": ((425.0,), ((0.3, 0.3),))},
    "us": {
        "ringback": ((440.0, 480.0), ((2.0, 4.0),)),
        "busy": ((480.0, 620.0), ((0.5, 0.5),)),
        "congestion": ((480.0, 620.0), ((0.25, 0.25),)),
    },
}
"""After ITU-T E.180's survey; a country that is not listed sounds like `de`."""


def sound(what: str, rate: int) -> Sound:
    """`tone:440`, `tone:440/2000` (ms), `silence:500`, `ringback:de`, `busy:us`, `congestion:gb`,
    or the path of a WAV file. ValueError says what is wrong.
    """
    kind, _, rest = what.partition(":")
    if kind == "tone":
        hz, slash, length = rest.partition("/")
        frames = tone([_number(hz, 1, rate / 2)], rate)
        return _cut(frames, length) if slash else frames
    if kind == "silence":
        return _cut(itertools.repeat(silence(rate)), rest)
    if kind in _EUROPE:
        frequencies, cadence = COUNTRIES.get(rest.lower(), _EUROPE)[kind]
        return _cadenced(frequencies, cadence, rate)
    return _file(Path(what), rate)


def tone(frequencies: list[float], rate: int) -> Sound:
    """Sines together, for ever, without a click between frames."""
    size, share = rate // 50, PEAK / len(frequencies)
    for n in itertools.count():
        # the phase is counted modulo a second, so that it stays exact for hours
        at = (
            (np.arange(size) + n * size) % rate
            if all(f.is_integer() for f in frequencies)
            else (np.arange(size) + n * size)
        )
        waves = sum(np.sin(2 * np.pi * f * at / rate) for f in frequencies)
        yield (np.asarray(waves) * share).astype(np.int16)


def _cadenced(
    frequencies: tuple[float, ...], cadence: tuple[tuple[float, float], ...], rate: int
) -> Sound:
    while True:
        for on, off in cadence:
            yield from itertools.islice(tone(list(frequencies), rate), round(on * 50))
            yield from itertools.repeat(silence(rate), round(off * 50))


def _cut(frames: Sound, milliseconds: str) -> Sound:
    return itertools.islice(frames, round(_number(milliseconds, 0, 86_400_000) / 20))


def _number(text: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise ValueError(f"a number from {least:g} to {most:g} expected, not {text!r}")
    return number


def _file(path: Path, rate: int) -> Sound:
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, own = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (OSError, wave.Error, EOFError) as error:
        raise ValueError(f"{path} cannot be played: {error}") from None
    if width != 2:
        raise ValueError(f"{path}: 16-bit samples expected, not {8 * width}-bit ones")
    samples = np.frombuffer(data, "<i2").reshape(-1, channels).mean(axis=1)
    return _frames(_resampled(samples, own, rate), rate)


def _resampled(
    samples: np.ndarray[tuple[int, ...], np.dtype[np.float64]], own: int, rate: int
) -> Samples:
    """By straight lines between samples: enough for announcements at telephone quality."""
    if own != rate and len(samples):
        at = np.arange(int(len(samples) * rate / own)) * own / rate
        samples = np.interp(at, np.arange(len(samples)), samples)
    return samples.astype(np.int16)


def _frames(samples: Samples, rate: int) -> Sound:
    size = rate // 50
    for at in range(0, len(samples), size):
        frame = samples[at : at + size]
        yield frame if len(frame) == size else np.pad(frame, (0, size - len(frame)))
