"""What the arrival times say of the network. In seconds, by hand."""

from __future__ import annotations

import random

import pytest

from siptg.rtp.playout.transit import BLOCKS, Transit


def feed(transit: Transit, transits: list[float], block: int = 32) -> None:
    for number, one in enumerate(transits, 1):
        transit.saw(one - transit.base)
        if not number % block:
            transit.learn(close=True)
    transit.learn(close=True)


def test_the_fastest_packet_is_the_base_and_an_even_network_needs_nothing() -> None:
    transit = Transit()
    transit.restart(-1234.5)
    feed(transit, [-1234.5] * 100)
    assert (transit.base, transit.needed) == (-1234.5, 0.0)


def test_uniform_jitter_needs_nearly_its_whole_width() -> None:
    chance, transit = random.Random(1), Transit()
    feed(transit, [5 + chance.uniform(0, 0.03) for _ in range(2000)])
    assert transit.base == pytest.approx(5, abs=0.001)
    assert 0.028 <= transit.needed <= 0.03


def test_one_late_packet_counts_at_the_beginning_and_not_among_many() -> None:
    young, old = Transit(), Transit()
    feed(young, [0.0] * 20 + [0.08])
    feed(old, [0.0] * 500 + [0.08] + [0.0] * 20)
    assert young.needed == pytest.approx(0.08)
    assert old.needed == 0.0


def test_what_is_late_is_needed_at_once_and_forgotten_after_some_time() -> None:
    transit = Transit()
    feed(transit, [0.0] * 512)
    for _ in range(5):
        transit.saw(0.05)
        transit.learn(close=False)
    assert transit.needed == pytest.approx(0.05)
    feed(transit, [0.0] * 32 * (BLOCKS // 2))
    assert transit.needed == pytest.approx(0.05)
    feed(transit, [0.0] * 32 * (BLOCKS // 2 + 1))
    assert transit.needed == 0.0


def test_a_burst_of_old_packets_at_the_start_is_no_lateness() -> None:
    transit = Transit()
    transit.restart(0.3)
    feed(transit, [0.3 - 0.02 * number for number in range(15)] + [0.0] * 50)
    assert transit.base == pytest.approx(0.0, abs=0.03) and transit.needed <= 0.03


def test_the_base_follows_a_slow_clock_there_within_its_memory() -> None:
    transit = Transit()
    feed(transit, [0.02 * number * 200e-6 for number in range(5000)])
    now = 0.02 * 5000 * 200e-6
    assert now - 0.0025 < transit.base < now
    assert transit.needed <= 0.0025


def test_a_new_start_believes_what_was_needed_until_it_knows_more() -> None:
    transit = Transit()
    feed(transit, [0.0, 0.04] * 200)
    transit.restart(77.0)
    transit.learn(close=True)
    assert transit.needed == pytest.approx(0.04)
    feed(transit, [77.0] * 64)
    assert transit.needed == pytest.approx(0.04)
    feed(transit, [77.0] * 32 * BLOCKS)
    assert (transit.base, transit.needed) == (77.0, 0.0)


def test_after_a_long_silence_the_next_packet_is_the_fastest_known() -> None:
    transit = Transit()
    feed(transit, [1.0] * 64)
    transit.forget()
    transit.forget()
    transit.saw(1.06 - transit.base)
    assert transit.base == pytest.approx(1.06)
