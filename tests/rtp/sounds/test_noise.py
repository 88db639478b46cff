"""Comfort noise: its payload, its level and colour, and how loud a background is."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.audio import Samples
from siptg.rtp.sounds.noise import MOST_COEFFICIENTS, ComfortNoise, Noise, NoiseLevel


def dbov(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(samples.astype(float) ** 2) / 32_768**2))


def heard(noise: ComfortNoise, frames: int = 100) -> Samples:
    return np.concatenate([noise.read() for _ in range(frames)])


def band(samples: Samples, rate: int, low: float, high: float) -> float:
    """Power between two frequencies, in dB."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float))) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / rate)
    return float(10 * np.log10(spectrum[(hz >= low) & (hz < high)].mean() + 1e-9))


@pytest.mark.rfc(3389, "3.1")
def test_the_level_is_decibels_below_overload_in_seven_bits() -> None:
    assert Noise.parse(b"\x3c") == Noise(60)
    assert Noise.parse(b"\xbc") == Noise(60)  # the top bit is unused
    assert bytes(Noise(60)) == b"\x3c" and bytes(Noise(300)) == b"\x7f"
    with pytest.raises(ValueError, match="a level at least"):
        Noise.parse(b"")


@pytest.mark.rfc(3389, "3.2")
def test_reflection_coefficients_are_quantised_around_127() -> None:
    noise = Noise.parse(bytes([40, 127, 0, 254, 128]))
    assert noise.reflection == pytest.approx((0, -0.99994, 0.99994, 0.00787), abs=1e-5)
    assert bytes(noise) == bytes([40, 127, 0, 254, 128])
    assert Noise.parse(bytes([40, 255])).reflection == (0.0,)  # reserved
    assert len(Noise.parse(bytes(200)).reflection) == MOST_COEFFICIENTS


@given(st.binary(min_size=1, max_size=20))
def test_any_payload_is_noise_that_neither_fails_nor_grows_loud(payload: bytes) -> None:
    noise = ComfortNoise(8000, random.Random(1).random, Noise.parse(payload))
    samples = heard(noise, 20)
    assert samples.dtype == np.int16 and len(samples) == 3200
    assert (
        np.abs(samples.astype(int)).max() == 0 or dbov(samples) < max(-(payload[0] & 127), -90) + 4
    )


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@pytest.mark.parametrize("level", [30, 50, 65])
def test_noise_is_as_loud_as_its_payload_says_at_any_rate(rate: int, level: int) -> None:
    noise = ComfortNoise(rate, random.Random(2).random, Noise(level))
    assert dbov(heard(noise)) == pytest.approx(-level, abs=0.7)


def test_noise_has_the_colour_of_its_coefficients_and_ends_where_its_clock_does() -> None:
    dull = ComfortNoise(16_000, random.Random(3).random, Noise(40, (-0.9,)))
    white = ComfortNoise(16_000, random.Random(3).random, Noise(40))
    for noise, slope in ((dull, 20), (white, 0)):
        samples = heard(noise)
        low, high = band(samples, 16_000, 100, 400), band(samples, 16_000, 3000, 3900)
        assert low - high == pytest.approx(slope, abs=6) and low - high > slope - 3
        # a clock of 8000 says nothing of what is above 4 kHz
        assert band(samples, 16_000, 4300, 8000) < high - 20


def test_a_new_level_is_glided_to_and_silence_is_reached() -> None:
    noise = ComfortNoise(8000, random.Random(4).random, Noise(40))
    heard(noise, 10)
    noise.set(Noise(60))
    levels = [dbov(noise.read()) for _ in range(20)]
    assert all(-62.5 < after < before + 1.5 for before, after in itertools.pairwise(levels))
    assert levels[0] > -45 and levels[-1] == pytest.approx(-60, abs=1.5)
    noise.set(Noise(127))
    heard(noise, 50)
    assert not heard(noise, 10).any()


def test_noise_does_not_repeat_itself_and_the_same_chance_gives_the_same() -> None:
    one, again = (ComfortNoise(8000, random.Random(5).random, Noise(30)) for _ in range(2))
    samples = heard(one, 100)
    assert np.array_equal(samples, heard(again, 100))
    x = samples.astype(float)
    power = float(np.dot(x, x))
    for lag in (160, 2000, 4000, 8000):  # a frame, a table, more
        assert abs(float(np.dot(x[lag:], x[:-lag]))) < 0.15 * power


def test_noise_goes_on_at_another_rate() -> None:
    noise = ComfortNoise(8000, random.Random(6).random, Noise(40, (-0.5,)))
    heard(noise, 5)
    noise.tune(48_000)
    assert len(noise.read()) == 960 and dbov(heard(noise)) == pytest.approx(-40, abs=0.7)


def test_the_background_is_found_under_speech() -> None:
    lots = np.random.default_rng(7)
    found = NoiseLevel()
    assert found.level == 127
    for n in range(500):  # words of 300 ms, pauses of 200 ms
        loud = 4000 if n % 25 < 15 else 0
        at = (np.arange(160) + n * 160) / 8000
        voice = loud * np.sin(2 * np.pi * 200 * at)
        found.feed((voice + lots.normal(0, 33, 160)).astype(np.int16))
    assert found.level == pytest.approx(60, abs=2)  # 33 of 32,768
    for _ in range(160):
        found.feed(lots.normal(0, 330, 160).astype(np.int16))
    assert found.level == pytest.approx(40, abs=2) and found.noise == Noise(found.level)
    for _ in range(160):
        found.feed(np.zeros(160, np.int16))
    assert found.level == 127
