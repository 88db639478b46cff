"""Other rates: what passes, what must not, and that nothing is heard between blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.sounds.goertzel import level
from siptg.rtp.sounds.resample import RATES, Adapted, Resampler

PAIRS = [pair for pair in itertools.permutations(RATES, 2) if max(pair) % min(pair) == 0] + [
    (24_000, 16_000),
    (32_000, 48_000),
]


def sine(hz: float, rate: int, seconds: float = 0.5, since: float = 0.0) -> Samples:
    """At −12 dBFS."""
    at = np.arange(round(rate * seconds)) / rate + since
    wave: Samples = np.rint(8231 * np.sin(2 * np.pi * hz * at)).astype(np.int16)
    return wave


def through(samples: Samples, source: int, rate: int, milliseconds: int = 20) -> Samples:
    resampler, size = Resampler(source, rate), source * milliseconds // 1000
    blocks = [samples[at : at + size] for at in range(0, len(samples), size)]
    return np.concatenate([resampler(block) for block in blocks])


@pytest.mark.parametrize(("source", "rate"), PAIRS)
def test_speech_passes_unchanged_up_to_3400_hz_of_the_lower_rates_4000(
    source: int, rate: int
) -> None:
    scale = min(source, rate) / 8000
    for hz in (50, 300, 1000, 2500, 3400):
        heard = through(sine(hz * scale, source), source, rate)[rate // 10 :]
        assert level(heard, hz * scale, rate) == pytest.approx(-12, abs=0.25)


@pytest.mark.parametrize(("source", "rate"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_what_the_lower_rate_cannot_hold_does_not_come_back_as_an_alias(
    source: int, rate: int
) -> None:
    for hz in (0.51 * rate, 0.55 * rate, 0.7 * rate, 0.499 * source):
        heard = through(sine(hz, source), source, rate)[rate // 10 :].astype(float)
        assert np.sqrt(np.mean(heard**2)) < 8231 / 2**0.5 * 10 ** (-50 / 20)


@pytest.mark.parametrize(("source", "rate"), [pair for pair in PAIRS if pair[0] < pair[1]])
def test_no_images_appear_above_what_there_was(source: int, rate: int) -> None:
    heard = through(sine(0.4 * source, source), source, rate)[rate // 10 :]
    for image in (0.6 * source, 1.4 * source):
        if image < rate / 2:
            assert level(heard, image, rate) < -12 - 50


@given(st.lists(st.sampled_from([10, 20, 30, 40, 60]), min_size=1, max_size=12))
def test_how_it_is_cut_into_blocks_is_not_heard(lengths: list[int]) -> None:
    said = sine(1234, 8000, sum(lengths) / 1000)
    resampler, at, heard = Resampler(8000, 16_000), 0, []
    for length in lengths:
        heard.append(resampler(said[at : at + 8 * length]))
        at += 8 * length
    whole = through(said, 8000, 16_000, milliseconds=10)
    assert np.abs(np.concatenate(heard).astype(int) - whole).max() <= 1


def test_full_scale_saturates_and_does_not_wrap_round() -> None:
    square = np.where(sine(500, 8000) >= 0, 32_767, -32_768).astype(np.int16)
    heard = through(square, 8000, 48_000)[4800:].astype(int)
    assert np.abs(np.diff(heard)).max() < 25_000  # a wrap is a jump of 65,536
    assert heard.max() == 32_767 and heard.min() == -32_768


def test_lengths_and_rates_that_fit_nowhere_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one of 8000, 12000, .* expected, not 44100"):
        Resampler(44_100, 8000)
    with pytest.raises(ValueError, match="a multiple of 20 samples expected, not 161"):
        Resampler(8000, 16_000)(np.zeros(161, np.int16))


class Port:
    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.heard: list[Frame] = []
        self._said = itertools.count()

    def read(self) -> Frame:
        return sine(1000, self.rate, 0.02, since=next(self._said) / 50)

    def write(self, frame: Frame) -> None:
        assert len(frame) * 50 == self.rate
        self.heard.append(frame)


def test_a_port_is_adapted_both_ways_and_follows_when_its_codec_changes() -> None:
    port = Port(8000)
    adapted = Adapted(port, 16_000)
    for rate in (8000, 48_000):
        port.rate, port.heard = rate, []
        said = np.concatenate([adapted.read() for _ in range(20)])
        for at in range(0, 6400, 320):
            adapted.write(sine(700, 16_000)[at : at + 320])
        assert adapted.rate == 16_000 and len(said) == 6400
        assert level(said[1600:], 1000, 16_000) == pytest.approx(-12, abs=0.25)
        heard = np.concatenate(port.heard)[rate // 10 :]
        assert level(heard, 700, rate) == pytest.approx(-12, abs=0.25)
