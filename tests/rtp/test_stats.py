"""How good a call is, in both directions, live and at the end."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from siptg.rtp.emodel import mos, rating
from siptg.rtp.stats import FAR_BUFFER, Quality, StreamStats, heard, told


def stats(**given: Any) -> StreamStats:
    """A minute of PCMU in a calm network, changed as told."""
    calm = StreamStats(
        packets_sent=3000,
        bytes_sent=516_000,
        packets_received=3000,
        bytes_received=516_000,
        expected=3000,
        buffered=0.02,
        jitter=0.001,
        round_trip=0.02,
        far_expected=2900,
        far_jitter=0.002,
    )
    return attrs.evolve(calm, **given)


def test_a_calm_call_is_good_both_ways() -> None:
    for quality in (heard(stats(), "pcmu"), told(stats(), "pcmu")):
        assert (quality.packets, quality.bytes, quality.lost, quality.loss) == (3000, 516_000, 0, 0)
        assert quality.round_trip_ms == 20
        assert quality.mos == pytest.approx(4.39, abs=0.03)
        assert quality.word == "good"


def test_delay_is_half_the_round_trip_the_buffer_and_a_packet() -> None:
    assert heard(stats(), "pcmu").delay_ms == pytest.approx(10 + 20 + 20)
    assert heard(stats(), "pcmu", packet=0.06).delay_ms == pytest.approx(10 + 20 + 60)
    assert told(stats(), "pcmu").delay_ms == pytest.approx(10 + 1000 * FAR_BUFFER + 20)
    assert told(stats(far_jitter=0.05), "pcmu").delay_ms == pytest.approx(10 + 100 + 20)


def test_what_comes_late_is_lost_to_the_ear() -> None:
    quality = heard(stats(lost=30, late=30, runs=30), "pcmu")
    assert (quality.lost, quality.late, quality.loss) == (30, 30, 0.02)
    assert quality.mos == pytest.approx(mos(rating(0.05, 0.02)))


def test_losses_in_bursts_are_heard_more() -> None:
    single = heard(stats(lost=90, runs=90), "pcmu").mos
    bursts = heard(stats(lost=90, runs=30), "pcmu").mos
    assert single is not None and bursts is not None
    assert bursts < single - 0.02
    assert bursts == pytest.approx(mos(rating(0.05, 0.03, "pcmu", 3 * 0.97)))


@pytest.mark.parametrize(
    ("lost", "codec", "word"),
    [(0, "pcmu", "good"), (150, "pcmu", "fair"), (600, "pcmu", "poor"), (0, "gsm", "fair")],
)
def test_a_word_says_it(lost: int, codec: str, word: str) -> None:
    assert heard(stats(lost=lost, runs=lost), codec).word == word
    assert told(stats(far_lost=lost), codec).word == word


def test_where_nothing_came_nothing_is_said() -> None:
    for quality in (heard(StreamStats(), "opus"), told(StreamStats(), "opus")):
        assert (quality.mos, quality.word, quality.round_trip_ms) == (None, "unknown", None)


def test_the_trouble_of_the_last_seconds_is_not_hidden_by_a_good_hour() -> None:
    before = stats(packets_received=180_000, expected=180_000, lost=10, runs=10)
    after = attrs.evolve(before, expected=180_500, packets_received=180_450, lost=60, runs=60)
    assert heard(after, "pcmu").word == "good"
    live = heard(after, "pcmu", since=before)
    assert (live.packets, live.lost, live.loss, live.word) == (450, 50, 0.1, "poor")
    far = attrs.evolve(before, far_expected=before.far_expected + 250, far_lost=50)
    assert told(far, "pcmu", since=before).loss == 0.2
    assert told(before, "pcmu", since=before).mos is None  # no report came in between


def test_what_a_liar_reports_stays_within_bounds() -> None:
    for lost in (-(10**6), 10**6):
        quality = told(stats(far_lost=lost, far_jitter=1e5), "pcmu")
        assert 0 <= quality.loss <= 1
        assert quality.mos is not None
        assert 1 <= quality.mos <= 4.5


def test_a_quality_is_a_value() -> None:
    assert heard(stats(), "pcmu") == heard(stats(), "pcmu")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        quality: Quality = heard(stats(), "pcmu")
        quality.mos = 5.0  # type: ignore[misc]
