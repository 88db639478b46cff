"""The E-model: points that are known, and the way it leans."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.rtp.emodel import CODECS, UNKNOWN, delay_impairment, mos, rating

SHARES = st.floats(0.0, 1.0)
DELAYS = st.floats(0.0, 2.0)
CODEC = st.sampled_from(sorted(CODECS))


@pytest.mark.parametrize(
    ("r", "score"),
    # G.107 Annex B, table B.1: the lower limits of its categories, and the best
    [
        (93.2, 4.41),
        (90, 4.34),
        (80, 4.03),
        (70, 3.60),
        (60, 3.10),
        (50, 2.58),
        (0, 1.0),
        (100, 4.5),
    ],
)
def test_the_scale_of_annex_b(r: float, score: float) -> None:
    assert mos(r) == pytest.approx(score, abs=0.01)


def test_g711_without_delay_and_loss_is_93_2() -> None:
    assert rating(0.0) == pytest.approx(93.2)


def test_a_good_call_is_4_4() -> None:
    assert mos(rating(0.02)) == pytest.approx(4.4, abs=0.01)


@pytest.mark.parametrize(
    ("ms", "impairment"),
    # reckoned apart, term by term: talker echo, listener echo, absolute delay
    [(0, 0), (100, 1.964 + 0.728 - 0.149 + 0), (200, 3.24 + 1.0 + 3.3), (400, 5.81 + 1.08 + 24.06)],
)
def test_delay_costs_what_its_three_terms_cost(ms: float, impairment: float) -> None:
    assert delay_impairment(ms) == pytest.approx(impairment, abs=0.2)


@pytest.mark.parametrize(
    ("codec", "loss", "effective"),
    [
        ("pcmu", 0.01, 95 * 1 / (1 + 25.1)),
        ("pcma", 0.05, 95 * 5 / (5 + 25.1)),
        ("gsm", 0.0, 20.0),
        ("gsm", 0.02, 20 + 75 * 2 / (2 + 10)),
        ("g726-32", 0.0, 7.0),
        ("g722", 0.0, 0.0),
        ("opus", 0.0, 0.0),
        ("l16/16000", 0.0, 0.0),
        ("g729", 0.0, UNKNOWN[0]),
    ],
)
def test_loss_costs_as_the_codec_bears_it(codec: str, loss: float, effective: float) -> None:
    assert rating(0.0, loss, codec) == pytest.approx(93.2 - effective)


def test_losses_in_bursts_cost_more() -> None:
    assert rating(0.0, 0.02, "pcmu", 2.0) == pytest.approx(93.2 - 95 * 2 / (1 + 25.1))
    assert rating(0.0, 0.02, "pcmu", 0.5) == rating(0.0, 0.02, "pcmu")


@settings(deadline=None)
@given(DELAYS, DELAYS, SHARES, SHARES, CODEC, st.floats(1.0, 50.0))
def test_more_delay_or_more_loss_is_never_better(
    delay: float, more_delay: float, loss: float, more_loss: float, codec: str, ratio: float
) -> None:
    better = rating(delay, loss, codec, ratio)
    assert rating(max(delay, more_delay), loss, codec, ratio) <= better + 0.01
    assert rating(delay, max(loss, more_loss), codec, ratio) <= better + 1e-9


@settings(deadline=None)
@given(st.floats(-1000.0, 1000.0), st.floats(-1000.0, 1000.0))
def test_a_better_rating_is_never_a_worse_opinion(one: float, other: float) -> None:
    assert 1.0 <= mos(min(one, other)) <= mos(max(one, other)) + 1e-9 <= 4.51


def test_figures_beyond_all_bounds_are_taken_as_the_bound() -> None:
    assert rating(-1.0, -0.5) == rating(0.0)
    assert rating(0.0, 7.0) == rating(0.0, 1.0)
    assert mos(rating(3600.0, 1.0, "gsm", 100.0)) == 1.0
