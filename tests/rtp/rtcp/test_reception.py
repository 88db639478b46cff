"""What is known of one source: order, loss and jitter, by lists of what came and what did not."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.rtp.rtcp.packets import ReportBlock
from siptg.rtp.rtcp.reception import MOST_BEHIND, Reception

RATE, TICKS = 8000, 160


def beginning(sequence: int = 1, timestamp: int = 0, arrived: float = 0.0) -> Reception:
    """With its first packet received."""
    source = Reception(0xABC, RATE, sequence, timestamp, arrived)
    source.receive(sequence, timestamp, arrived)
    return source


def come(source: Reception, *numbers: int) -> Reception:
    """Packets of 20 ms that come when they should."""
    for number in numbers:
        source.receive(number & 0xFFFF, number * TICKS & 0xFFFFFFFF, number * 0.02)
    return source


def through(arrives: list[bool], first: int = 0) -> Reception:
    """Packets of a network that loses by a list; the first always comes."""
    source = beginning(first & 0xFFFF, first * TICKS & 0xFFFFFFFF, first * 0.02)
    return come(source, *(n for n, came in enumerate(arrives, first) if came and n > first))


def runs_of_false(arrives: list[bool]) -> int:
    return sum(not now and before for before, now in itertools.pairwise(arrives))


LOSSES = st.lists(st.booleans(), max_size=300).map(lambda middle: [True, *middle, True])


@pytest.mark.rfc(3550, "A.3")
@settings(deadline=None)
@given(LOSSES, st.integers(0, 0xFFFF))
def test_what_is_lost_is_what_did_not_come(arrives: list[bool], first: int) -> None:
    source = through(arrives, first)
    assert source.expected == len(arrives)
    assert source.lost == arrives.count(False)
    assert source.runs == runs_of_false(arrives)
    assert (source.duplicates, source.reordered, source.strays) == (0, 0, 0)


@pytest.mark.rfc(3550, "A.1")
def test_sequence_numbers_go_round_several_times_with_losses_at_the_seam() -> None:
    arrives = [n % 65536 not in (0, 65535, 7) for n in range(1, 5 * 65536 + 5)]
    source = through(arrives, first=1)
    assert source.expected == len(arrives)
    assert source.lost == arrives.count(False) == 5 * 3
    block = source.report()
    assert (block.highest, block.lost, source.restarts) == (5 * 65536 + 4, source.lost, 0)


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=200), st.integers(0, 0xFFFF))
def test_whatever_order_they_come_in_what_came_is_not_lost(order: list[int], first: int) -> None:
    """Doubles, late ones and early ones: each distinct number is there or is missing."""
    source = beginning(first)
    for number in order:
        source.receive((first + number) & 0xFFFF, 0, 0.0)
    there = {0, *order}
    missing = [n not in there for n in range(max(there) + 1)]
    assert source.expected == max(there) + 1
    assert source.lost == sum(missing)
    assert source.runs == runs_of_false([not gone for gone in missing])
    assert source.duplicates == len(order) + 1 - len(there)
    assert source.report().lost == source.expected - len(order) - 1  # as §A.3 counts


def test_late_ones_fill_their_holes_and_doubles_are_told_apart() -> None:
    source = come(beginning(), 2, 6)
    assert (source.lost, source.runs) == (3, 1)
    come(source, 4)
    assert (source.lost, source.runs, source.reordered) == (2, 2, 1)
    come(source, 3, 5, 5, 6)
    assert (source.lost, source.runs, source.reordered, source.duplicates) == (0, 0, 3, 2)


def test_one_from_before_the_first_is_late_and_not_expected() -> None:
    source = come(beginning(10), 11, 9)
    assert (source.expected, source.lost, source.reordered) == (2, 0, 1)
    assert source.report().lost == -1


@pytest.mark.rfc(3550, "A.3")
def test_the_fraction_lost_is_that_of_the_interval_alone() -> None:
    source = through([True] * 6 + [False] * 2 + [True] * 2)
    assert source.report() == ReportBlock(0xABC, 51, 2, 9, 0)  # 2 of 10: 51 of 256
    come(source, *range(10, 20))
    assert source.report().fraction_lost == 0
    come(source, 21, 23, 25, 27)
    block = source.report()
    assert (block.fraction_lost, block.lost) == (128, 6)  # 4 of 8
    come(source, 26, 26, 26, 28)
    block = source.report()
    assert (block.fraction_lost, block.lost) == (0, 3)  # doubles make up for losses there
    assert source.lost == 5


def test_the_numbers_of_a_block_are_kept_within_their_bits() -> None:
    source = beginning(0)
    for n in range(1, 3000):  # a hostile source that skips as far as it may
        source.receive(n * 2999 & 0xFFFF, 0, 0.0)
    block = source.report(0xFFFFFFFF, delay=1e9)
    assert block.lost == 0x7FFFFF < source.lost
    assert block.delay == 0xFFFFFFFF
    assert len(bytes(block)) == 24
    assert source.report(1, delay=-1.0).delay == 0


def test_news_is_what_came_since_the_last_report() -> None:
    source = beginning()
    assert source.is_news()
    source.report()
    assert not source.is_news()
    assert come(source, 2).is_news()


# jitter


@pytest.mark.rfc(3550, "A.8")
def test_jitter_is_as_reckoned_by_hand() -> None:
    source = beginning()
    # transits 0, +40, +24, -8 ticks: differences 40, 16, 32
    source.receive(2, 160, (160 + 40) / RATE)
    assert source.jitter == pytest.approx(40 / 16)
    source.receive(3, 320, (320 + 24) / RATE)
    assert source.jitter == pytest.approx(2.5 + (16 - 2.5) / 16)
    source.receive(4, 480, (480 - 8) / RATE)
    assert source.jitter == pytest.approx(3.34375 + (32 - 3.34375) / 16)
    assert source.report().jitter == 5
    assert source.jitter_seconds == pytest.approx(5.134765625 / RATE)


@pytest.mark.rfc(3550, "6.4.1")
def test_jitter_of_a_network_that_delays_every_other_packet_by_10_ms_is_10_ms() -> None:
    source = beginning()
    for n in range(2, 400):
        source.receive(n, n * TICKS, n * 0.02 + (n % 2) * 0.01)
    assert source.jitter_seconds == pytest.approx(0.01, rel=1e-3)


def test_jitter_of_evenly_spread_delays_is_a_third_of_the_spread() -> None:
    chance, source, seen = random.Random(1), beginning(), []
    for n in range(2, 20_000):
        source.receive(n, n * TICKS, n * 0.02 + chance.random() * 0.03)
        seen.append(source.jitter_seconds)
    assert sum(seen) / len(seen) == pytest.approx(0.01, rel=0.05)


def test_an_even_network_has_no_jitter_whatever_the_losses_and_the_clock() -> None:
    before_the_seam = 2**32 // TICKS - 5
    assert through([True, False, True, True, False, False, True] * 3, before_the_seam).jitter < 1
    assert come(beginning(1, 160, 0.02), 2, 4, 3, 5).jitter < 20  # the one out of order counts once


def test_jitter_is_measured_across_the_seam_of_the_timestamps_both_ways() -> None:
    source = beginning(1, 2**32 - 160)
    source.receive(2, 0, (160 + 40) / RATE)
    assert source.jitter == pytest.approx(40 / 16)
    source.receive(3, 2**32 - 160, (160 + 40) / RATE)  # out of order: 160 early
    assert source.jitter == pytest.approx(2.5 + (160 - 2.5) / 16)


def test_the_packets_of_a_key_are_no_jitter() -> None:
    source = come(beginning(1, 160, 0.02), 2, 3)
    for n in range(4, 20):  # RFC 4733: all bear the time of the key's start
        source.receive(n, 4 * TICKS, n * 0.02)
    come(source, 20, 21)
    assert source.jitter == pytest.approx(0.0, abs=1e-6)


def test_a_jump_of_the_timestamps_is_no_jitter() -> None:
    source = come(beginning(1, 160, 0.02), 2)
    source.receive(3, 1_000_000_000, 0.06)
    source.receive(4, 1_000_000_160, 0.08)
    assert source.jitter == pytest.approx(0.0, abs=1e-6)


def test_another_clock_tells_the_same_jitter_in_its_own_ticks() -> None:
    source = beginning()
    source.receive(2, 160, 0.04)
    before = source.jitter_seconds
    source.tune(48_000)
    assert source.jitter_seconds == pytest.approx(before)
    assert source.report().jitter == 60


# a new beginning


@pytest.mark.rfc(3550, "A.1")
def test_a_new_beginning_needs_two_in_a_row_and_loses_nothing_of_the_count() -> None:
    source = come(beginning(), 2, 4)
    assert source.report().lost == 1
    come(source, 30_000)
    assert (source.restarts, source.strays, source.expected) == (0, 1, 4)
    come(source, 30_001)
    assert (source.restarts, source.strays) == (1, 0)
    come(source, 30_002, 30_004)
    assert (source.expected, source.lost, source.runs) == (4 + 5, 2, 2)
    # what we report begins afresh, as theirs does
    block = source.report()
    assert (block.highest, block.lost, block.fraction_lost) == (30_004, 1, 51)


def test_a_lone_stray_changes_nothing() -> None:
    source = come(beginning(1, 160, 0.02), 2)
    source.receive(30_000, 99, 0.05)
    come(source, 3, 4)
    assert (source.expected, source.lost, source.strays) == (4, 0, 1)
    assert source.jitter == pytest.approx(0.0, abs=1e-6)


def test_strays_that_do_not_follow_each_other_never_add_up() -> None:
    source = beginning()
    come(source, 20_000, 2, 20_001, 30_000, 30_002, 3)
    assert (source.expected, source.restarts, source.strays) == (3, 0, 4)


def test_a_hole_further_back_than_a_network_reorders_is_not_remembered() -> None:
    source = come(beginning(), 2, 4, *range(5, 5 + MOST_BEHIND))
    come(source, 3)
    assert (source.lost, source.strays) == (1, 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)), max_size=300))
def test_random_packets_leave_a_bounded_memory_and_figures_that_can_be_told(
    packets: list[tuple[int, int]],
) -> None:
    source = beginning()
    for at, (sequence, timestamp) in enumerate(packets):
        source.receive(sequence, timestamp, at * 0.02)
        assert len(source._missing) <= MOST_BEHIND
    assert 0 <= source.lost <= source.expected
    assert 0 <= source.jitter < 2 * RATE
    assert len(bytes(source.report())) == 24


def test_a_source_is_proven_by_two_in_a_row() -> None:
    source = beginning()
    assert not source.valid
    assert come(source, 2).valid
