"""Speech-like and music-like sound by formula, for what must not take it for something else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Chance = np.random.Generator

RATE = 8000
STEP = 40
"""Samples for which a formant stands still: 5 ms."""


def minutes(count: float, seed: int) -> Iterator[NDArray[np.int16]]:
    """Pieces of some seconds: talk half of the time, the rest songs, music, and odd sounds."""
    chance = np.random.default_rng(seed)
    kinds: list[Callable[[Chance], Floats]] = [
        *[talk] * 10,
        *[song] * 3,
        *[organ] * 2,
        *[strings] * 2,
        stacks,
        sweeps,
        signals,
    ]
    made, at = 0, 0
    while made < count * 60 * RATE:
        piece = kinds[at % len(kinds)](chance)
        loud = 10 ** (chance.uniform(-32, -12) / 20) * 32_768
        piece *= loud / max(math.sqrt(float(np.mean(piece * piece))), 1e-9)
        yield np.clip(piece, -32_768, 32_767).astype(np.int16)
        made, at = made + len(piece), at + 1


def voiced(pitch: Floats, gain: Callable[[Floats, Floats], Floats], chance: Chance) -> Floats:
    """Harmonics of a moving pitch; `gain(hz, share of the time)` says how loud each is."""
    phase = np.cumsum(pitch) * (2 * math.pi / RATE)
    count = max(1, int(3800 / pitch.max()))
    out = np.zeros(len(pitch))
    grid = np.arange(0, len(pitch), STEP)
    when = grid / len(pitch)
    at = np.arange(len(pitch))
    for k, start in zip(range(1, count + 1), chance.uniform(0, 2 * math.pi, count), strict=True):
        loud = np.interp(at, grid, gain(k * pitch[grid], when))
        out += loud * np.sin(k * phase + start)
    return out


def formants(begin: Floats, end: Floats, tilt: float) -> Callable[[Floats, Floats], Floats]:
    """A mouth that moves from one vowel to another; `tilt` in dB an octave above 200 Hz."""
    width = np.array([70.0, 100.0, 160.0])

    def gain(hz: Floats, when: Floats) -> Floats:
        centre = begin[:, None] + (end - begin)[:, None] * when
        peaks = 1 / np.sqrt(1 + ((hz - centre) / width[:, None]) ** 2)
        slope = (np.maximum(hz, 200) / 200) ** (tilt / 6)
        made: Floats = (peaks * np.array([[1.0], [0.8], [0.6]])).sum(axis=0) * slope
        return made

    return gain


def overtones(note: float, power: float) -> Callable[[Floats, Floats], Floats]:
    return lambda hz, when: np.asarray((hz / note) ** -power)


def vowel(chance: Chance) -> Floats:
    return np.array(
        [chance.uniform(270, 850), chance.uniform(850, 2300), chance.uniform(2300, 3200)]
    )


def swell(samples: int, milliseconds: float = 15) -> Floats:
    edge = max(1, min(int(milliseconds * RATE / 1000), samples // 2))
    ramp = np.sin(np.linspace(0, math.pi / 2, edge)) ** 2
    out = np.ones(samples)
    out[:edge], out[-edge:] = ramp, ramp[::-1]
    return out


def talk(chance: Chance) -> Floats:
    """Syllables, with hisses and stops between them, of one speaker a piece."""
    base = chance.uniform(85, 330)
    parts, mouth = [], vowel(chance)
    for _ in range(24):
        samples = int(chance.uniform(0.07, 0.35) * RATE)
        bend = np.linspace(chance.uniform(0.85, 1.25), chance.uniform(0.8, 1.1), samples)
        shake = np.cumsum(chance.normal(0, 0.0004, samples))
        pitch = base * bend * (1 + shake - shake.mean())
        target = vowel(chance)
        sound = voiced(pitch, formants(mouth, target, chance.uniform(-9, -3)), chance)
        sound += chance.normal(0, 0.02, samples)
        parts.append(sound * swell(samples) * chance.uniform(0.3, 1))
        hiss = np.diff(chance.normal(0, chance.uniform(0.02, 0.3), int(chance.uniform(1, 900)) + 1))
        parts += [hiss * swell(len(hiss)), np.zeros(int(chance.uniform(0, 900)))]
        mouth = target
    return np.concatenate(parts)


def song(chance: Chance) -> Floats:
    """Long vowels with vibrato, from a bass to a whistle."""
    parts = []
    for _ in range(8):
        samples = int(chance.uniform(0.3, 0.9) * RATE)
        t = np.arange(samples) / RATE
        hz = 110 * 2 ** (chance.integers(0, 44) / 12)
        pitch = hz * (1 + chance.uniform(0, 0.02) * np.sin(2 * math.pi * 5.5 * t))
        sound = voiced(pitch, formants(vowel(chance), vowel(chance), -4), chance)
        parts.append(sound * swell(samples, 40))
    return np.concatenate(parts)


def organ(chance: Chance) -> Floats:
    """Chords of three and four notes, each with its overtones."""
    parts = []
    for _ in range(8):
        samples = int(chance.uniform(0.2, 0.8) * RATE)
        root = chance.integers(0, 36)
        power = chance.uniform(0.7, 1.6)
        sound = np.zeros(samples)
        for step in chance.permutation([0, 3, 4, 7, 10, 12, 16])[: chance.integers(2, 5)]:
            pitch = np.full(samples, 110 * 2 ** ((root + step) / 12))
            sound += voiced(pitch, overtones(pitch[0], power), chance)
        parts.append(sound * swell(samples, 10))
    return np.concatenate(parts)


def strings(chance: Chance) -> Floats:
    """Plucked: a burst of noise that goes round, its highs fading first (Karplus and Strong)."""
    out = np.zeros(5 * RATE)
    for start in range(0, 4 * RATE, RATE // 5):
        period = int(RATE / (110 * 2 ** (chance.integers(0, 30) / 12)))
        turn = chance.uniform(-1, 1, period)
        turns = []
        for _ in range(RATE // period):
            turns.append(turn)
            turn = 0.498 * (turn + np.roll(turn, 1))
        sound = np.concatenate(turns)
        out[start : start + len(sound)] += sound
    return out


def stacks(chance: Chance) -> Floats:
    """Harmonics of one note that fall on a row and a column of the keypad at once."""
    notes = [
        (low / k + high / m) / 2
        for low in (697, 770, 852, 941)
        for high in (1209, 1336, 1477, 1633)
        for k in range(1, 8)
        for m in range(k + 1, 16)
        if abs(low / k * m / high - 1) < 0.02
    ]
    parts = []
    for note in chance.choice(notes, 16):
        samples = int(chance.uniform(0.15, 0.5) * RATE)
        drift = np.linspace(1, 1 + chance.uniform(-0.01, 0.01), samples)
        power = chance.uniform(0, 1)
        pitch = note * drift
        sound = voiced(pitch, overtones(note, power), chance)
        parts.append(sound * swell(samples))
    return np.concatenate(parts)


def sweeps(chance: Chance) -> Floats:
    """Whistles that glide across the band: alone at leisure, two at a time so fast that they do not
    stay with a key for as long as a key lasts.
    """
    parts = []
    for count in (1, 2) * 8:
        samples = int(chance.uniform(0.3, 0.8) / count**2 * RATE)
        t = np.arange(samples) / RATE
        sound = np.zeros(samples)
        for _ in range(count):
            begin, end = chance.uniform(300, 800), chance.uniform(1700, 3400)
            if chance.integers(2):
                begin, end = end, begin
            hz = begin * (end / begin) ** (t / t[-1])
            sound += np.sin(2 * math.pi * np.cumsum(hz) / RATE)
        parts.append(sound * swell(samples))
    return np.concatenate(parts)


def signals(chance: Chance) -> Floats:
    """What else a telephone line sounds like: progress tones, fax, modems, noise, clicks."""
    t = np.arange(RATE // 2) / RATE
    tones = [(425,), (350, 440), (440, 480), (480, 620), (1100,), (2100,), (950,), (1400,), (1800,)]
    parts = [sum(np.sin(2 * math.pi * hz * t) for hz in tone) / len(tone) for tone in tones]
    for mark, space in ((1200, 2200), (980, 1180), (1650, 1850)):
        bits = np.repeat(chance.integers(0, 2, len(t) // 25 + 1), 25)[: len(t)]
        parts.append(np.sin(2 * math.pi * np.cumsum(np.where(bits, mark, space)) / RATE))
    parts.append(chance.normal(0, 0.3, len(t)))
    parts.append(np.where(chance.uniform(0, 1, len(t)) < 0.002, 3.0, 0.0))
    return np.concatenate([np.asarray(part, np.float64) for part in parts])
