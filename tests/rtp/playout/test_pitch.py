"""The search for a sound's repetition."""

from __future__ import annotations

import numpy as np
import pytest

from siptg.rtp.playout.pitch import best, likeness
from tests.support import net


@pytest.mark.parametrize("rate", [8000, 12_000, 16_000, 48_000])
@pytest.mark.parametrize("hz", [80.0, 125.0, 200.0, 310.0])
def test_a_period_or_a_multiple_is_found_at_every_rate(rate: int, hz: float) -> None:
    wave = net.tone(rate, 0.06, hz).astype(np.float64)
    start, window = rate // 50, rate // 100
    found, alike = best(wave, start, window, start + rate // 400, start + rate * 3 // 200, rate)
    periods = (found - start) * hz / rate
    assert periods == pytest.approx(round(periods), abs=0.6 * hz / rate) and alike > 0.99


def test_likeness_knows_no_level_and_silence_is_like_nothing() -> None:
    wave = net.tone(8000, 0.1, 400.0).astype(np.float64)
    wave[400:] /= 10
    assert likeness(wave, 0, 80, 400, 400)[0] == pytest.approx(1.0, abs=0.001)
    assert likeness(np.zeros(400), 0, 80, 100, 120).tolist() == [0.0] * 21


def test_noise_is_like_nothing() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 4000)
    assert best(noise, 0, 160, 20, 120, 8000)[1] < 0.4
