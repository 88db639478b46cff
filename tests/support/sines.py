"""Sounds to measure a codec with, and what is left of them afterwards."""

from __future__ import annotations

import attrs
import numpy as np

from siptg.rtp.audio import Samples

FULL_SCALE = 32_768.0


def sine(hz: float, rate: int, seconds: float = 1.0, dbfs: float = -20.0) -> Samples:
    turns = 2 * np.pi * hz / rate * np.arange(int(rate * seconds))
    wave = FULL_SCALE * 10.0 ** (dbfs / 20) * np.sin(turns)
    return np.asarray(np.round(wave)).astype(np.int16)


def vowel(rate: int, seconds: float = 1.0, pitch: float = 140.0) -> Samples:
    """A voice that glides and swells: what was lost of it can be told from what was guessed."""
    at = np.arange(int(rate * seconds)) / rate
    phase = 2 * np.pi * (pitch * at + 6 * np.sin(2 * np.pi * 1.7 * at))
    tones = sum(np.sin(n * phase + n * n) / n for n in range(1, 20))
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * at)
    noise = np.random.default_rng(1).normal(0, 60, len(at))
    return np.asarray(tones * swell * 4000 + noise).astype(np.int16)


@attrs.frozen
class Heard:
    """One frequency in a sound, and all that is not it."""

    level: float
    """dBFS."""
    snr: float
    """dB."""
    rest: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    """What remains when the sine is taken away."""


def heard(samples: Samples, hz: float, rate: int) -> Heard:
    """By the sine that fits best, whatever its phase."""
    turns = 2 * np.pi * hz / rate * np.arange(len(samples))
    parts = np.stack([np.sin(turns), np.cos(turns), np.ones(len(samples))], axis=1)
    shares, *_ = np.linalg.lstsq(parts, samples.astype(np.float64), rcond=None)
    rest = samples - parts @ shares
    size = float(np.hypot(shares[0], shares[1]))
    noise = float(np.mean(rest**2)) + 1e-9
    return Heard(
        20 * float(np.log10(size / FULL_SCALE + 1e-9)),
        10 * float(np.log10(size**2 / 2 / noise + 1e-9)),
        rest,
    )


def likeness(a: Samples, b: Samples) -> float:
    """1: the same sound, 0: nothing in common."""
    return float(np.corrcoef(a.astype(np.float64), b.astype(np.float64))[0, 1])
