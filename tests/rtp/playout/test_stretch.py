"""Time-stretching judged by numbers: level, phase and steps at the joint."""

from __future__ import annotations

import numpy as np
import pytest

from siptg.rtp.audio import Samples
from siptg.rtp.playout.stretch import Stretcher
from tests.support import net

RATES = [8000, 16_000, 48_000]


def shortened(sound: Samples, rate: int, wish: int, fit: float | None) -> Samples | None:
    size = rate // 25
    part = Stretcher(rate).shorten(sound[size : 2 * size], size // 2, wish, fit)
    return None if part is None else np.concatenate((sound[:size], part, sound[2 * size :]))


def lengthened(sound: Samples, rate: int, wish: int, fit: float | None) -> Samples | None:
    size = rate // 25
    part = Stretcher(rate).lengthen(sound[:size], sound[size : 2 * size], wish, fit)
    return None if part is None else np.concatenate((sound[:size], part, sound[2 * size :]))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hz", [150.0, 440.0, 997.0, 1800.0])
def test_a_tone_is_shortened_and_lengthened_by_whole_periods(rate: int, hz: float) -> None:
    sound = net.tone(rate, 0.12, hz)
    for stretched in (
        shortened(sound, rate, rate // 50, 0.9),
        lengthened(sound, rate, rate // 50, 0.9),
    ):
        assert stretched is not None
        changed = abs(len(stretched) - len(sound))
        assert rate // 400 <= changed <= rate // 50
        assert net.beside_a_sine(stretched, rate, hz).max() < -34
        assert net.steepest(stretched) <= net.steepest(sound) * 1.03 + 2


@pytest.mark.parametrize("rate", RATES)
def test_a_pause_takes_the_very_length_that_is_wished(rate: int) -> None:
    quiet = np.random.default_rng(2).normal(0, 30, rate * 120 // 1000).astype(np.int16)
    for milliseconds in (0.5, 3, 11, 19):
        wish = int(rate * milliseconds / 1000)
        shorter, longer = shortened(quiet, rate, wish, None), lengthened(quiet, rate, wish, None)
        assert shorter is not None and len(quiet) - len(shorter) == wish
        assert longer is not None and len(longer) - len(quiet) == wish
        assert net.rms(shorter) == pytest.approx(30, rel=0.2)
        assert net.rms(longer) == pytest.approx(30, rel=0.2)


def test_a_wish_that_fits_the_sound_is_granted_and_another_is_not() -> None:
    sound = net.tone(8000, 0.12, 500.0)  # a period is 16 samples
    exact = shortened(sound, 8000, 48, None)
    assert exact is not None and len(sound) - len(exact) == 48
    assert shortened(sound, 8000, 56, None) is None
    assert lengthened(sound, 8000, 56, None) is None


def test_noise_is_left_alone_where_no_two_places_are_alike() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 960).astype(np.int16)
    assert shortened(noise, 8000, 40, 0.9) is None
    assert lengthened(noise, 8000, 40, 0.9) is None


def test_talk_is_stretched_with_steps_no_steeper_than_its_own() -> None:
    talk = net.talk(8000, 1.4)
    done = 0
    for begin in range(0, len(talk) - 960, 160):
        sound = talk[begin : begin + 960]
        for stretched in (shortened(sound, 8000, 160, 0.9), lengthened(sound, 8000, 160, 0.9)):
            if stretched is not None:
                done += 1
                assert net.steepest(stretched) <= 1.1 * net.steepest(talk)
                assert net.rms(stretched) == pytest.approx(net.rms(sound), rel=0.25, abs=50)
    assert done > 60


def test_what_must_be_kept_is_kept() -> None:
    quiet = np.zeros(200, np.int16)
    assert Stretcher(8000).shorten(quiet, 160, 60, None) is None
    left = Stretcher(8000).shorten(quiet, 160, 60, 0.0)
    assert left is not None and 160 <= len(left) < 200


def test_too_few_samples_are_left_as_they_are() -> None:
    stretcher, few = Stretcher(8000), net.tone(8000, 0.01)
    assert stretcher.shorten(few, 0, 20, 0.5) is None
    assert stretcher.lengthen(few[:10], few[:60], 20, 0.5) is None
