"""Concealment by repetition, judged against the sound that was lost."""

from __future__ import annotations

import math

import numpy as np
import pytest

from siptg.rtp.audio import Samples
from siptg.rtp.playout.plc import Concealment
from tests.support import net

RATES = [8000, 16_000, 48_000]


def mended(sound: Samples, rate: int, begin: int, gap: int) -> Samples:
    """`sound` with `gap` frames lost from frame `begin` on."""
    size, plc = rate // 50, Concealment(rate)
    lost, back = begin * size, (begin + gap) * size
    plc.begin(sound[lost - 3 * size : lost])
    parts = [sound[:lost], *(plc.give(size) for _ in range(gap)), plc.end(sound[back:])]
    assert not plc.active
    return np.concatenate(parts)


def likeness_in_db(truth: Samples, made: Samples) -> float:
    wrong = truth.astype(np.float64) - made
    return 20 * math.log10(net.rms(truth) / (net.rms(wrong) + 1e-9))


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_goes_on_through_one_lost_frame(rate: int) -> None:
    sound = net.tone(rate, 0.4)
    out = mended(sound, rate, 8, 1)
    size = rate // 50
    assert len(out) == len(sound) and out.dtype == np.int16
    assert likeness_in_db(sound[8 * size : 9 * size], out[8 * size : 9 * size]) > 15
    assert net.steepest(out) <= 1.05 * net.steepest(sound)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("pitch", [90.0, 120.0, 220.0])
def test_lost_talk_is_nearer_to_the_truth_than_silence_and_as_loud(rate: int, pitch: float) -> None:
    sound, size = net.talk(rate, 8.0, pitch=pitch), rate // 50
    gains, early, levels = [], [], []
    for begin in range(5, 390, 3):
        truth = sound[begin * size : (begin + 1) * size]
        if net.rms(truth) > 300:
            out = mended(sound, rate, begin, 1)
            made = out[begin * size : (begin + 1) * size]
            gains.append(likeness_in_db(truth, made))
            early.append(likeness_in_db(truth[: size // 2], made[: size // 2]))
            levels.append(20 * np.log10(net.rms(made) / net.rms(truth)))
            assert net.steepest(out) <= 1.1 * net.steepest(sound)
    assert len(gains) > 60
    # silence would be 0; the pitch of this talk glides by up to 2 % in 10 ms
    assert np.mean(gains) > 1.5 and np.mean(early) > 4.5
    assert -2.5 < np.median(levels) < 0.5


@pytest.mark.parametrize("rate", RATES)
def test_a_long_gap_fades_within_60_ms_and_comes_back_smoothly(rate: int) -> None:
    sound, size = net.tone(rate, 0.6), rate // 50
    out = mended(sound, rate, 8, 10)
    levels = [net.rms(out[n * size : (n + 1) * size]) for n in range(7, 19)]
    assert levels[1] > 0.85 * levels[0]
    assert levels[1] > levels[2] > levels[3] > 0
    assert levels[4:10] == [0.0] * 6
    assert levels[11] > 0.85 * levels[0]
    assert net.steepest(out) <= 1.05 * net.steepest(sound)


def test_noise_goes_on_as_noise_without_a_hum() -> None:
    noise = np.random.default_rng(3).normal(0, 2000, 1600).astype(np.int16)
    out = mended(noise, 8000, 6, 1)[960:1120]
    assert 1200 < net.rms(out) < 2600
    spectrum = np.abs(np.fft.rfft(out * np.hanning(160)))
    assert spectrum.max() < 6 * np.median(spectrum)


def test_with_nothing_or_too_little_heard_there_is_silence() -> None:
    plc = Concealment(8000)
    assert not plc.active
    plc.begin(np.full(100, 9000, np.int16))
    assert plc.active and not plc.give(160).any()
    real = net.tone(8000, 0.02)
    assert len(plc.end(real)) == 160 and not plc.active
    assert plc.end(real) is real


def test_the_loudest_sound_does_not_wrap_around() -> None:
    square = np.where(np.arange(1600) // 20 % 2, 32767, -32768).astype(np.int16)
    out = mended(square, 8000, 6, 1)
    assert likeness_in_db(square[960:1040], out[960:1040]) > 10
