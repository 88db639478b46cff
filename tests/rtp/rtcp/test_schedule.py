"""The RTCP timer: exact with fixed chance, within the RFC's ranges with a seeded one."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from siptg.rtp.rtcp.schedule import COMPENSATION, FIXED_MINIMUM, MOST_MEMBERS, Schedule


class Fixed:
    """Draws the same lot again and again."""

    def __init__(self, lot: float = 0.5) -> None:
        self.lot = lot

    def random(self) -> float:
        return self.lot

    def getrandbits(self, k: int, /) -> int:
        return 0


def schedule(lot: float = 0.5, rtcp_bandwidth: float | None = None) -> Schedule:
    return Schedule(Fixed(lot), 100.0, rtcp_bandwidth=rtcp_bandwidth)


def settled(lot: float = 0.5) -> Schedule:
    """After its first report, so that no minimum is halved any more."""
    timer = schedule(lot)
    timer.sent(100, 100.0, we_sent=True)
    return timer


@pytest.mark.rfc(3550, "6.3.1")
@pytest.mark.parametrize("lot", [0.0, 0.25, 0.5, 0.999])
def test_the_interval_is_five_seconds_times_half_to_one_and_a_half_over_e_less_1_5(
    lot: float,
) -> None:
    assert settled(lot).due - 100 == pytest.approx(5 * (0.5 + lot) / 1.21828, rel=1e-5)


@pytest.mark.rfc(3550, "6.2")
def test_the_first_report_comes_in_half_the_time() -> None:
    assert schedule().due - 100 == pytest.approx(2.5 / COMPENSATION)


@pytest.mark.rfc(3550, "6.2")
@pytest.mark.parametrize(
    ("bandwidth", "seconds"), [(360_000, 1.0), (80_000, 4.5), (64_000, 5.0), (8_000, 5.0)]
)
def test_a_reduced_minimum_is_360_over_the_kilobits(bandwidth: float, seconds: float) -> None:
    timer = Schedule(Fixed(), 0.0, bandwidth, reduced=True)
    timer.sent(100, 0.0, we_sent=True)
    assert timer.due == pytest.approx(seconds / COMPENSATION)


@pytest.mark.rfc(3550, "6.3.1")
def test_a_thin_line_stretches_the_interval_by_size_and_members() -> None:
    timer = schedule(rtcp_bandwidth=80.0)  # ten octets a second
    timer.average = 90.0
    timer.heard(7, 100.0, sends=True)
    # two of two send: both share the whole
    assert timer.interval(we_sent=True) == pytest.approx(90 * 2 / 10)
    # one of two: more than a quarter, still the whole
    assert timer.interval(we_sent=False) == pytest.approx(90 * 2 / 10)
    for ssrc in range(8, 12):
        timer.heard(ssrc, 100.0)
    # one of six sends: it has a quarter for itself, the five others the rest
    assert timer.interval(we_sent=False) == pytest.approx(90 * 5 / 7.5)
    timer.left(7, 100.0)
    assert timer.interval(we_sent=True) == pytest.approx(90 * 1 / 2.5)


@pytest.mark.rfc(3550, "6.3.3")
def test_the_average_size_follows_by_sixteenths_and_counts_udp_and_ip() -> None:
    timer = schedule()
    timer.average = 128.0
    timer.received(84)
    assert timer.average == pytest.approx(128 * 15 / 16 + (84 + 28) / 16)


@pytest.mark.rfc(3556, "2")
def test_no_bandwidth_is_no_rtcp() -> None:
    timer = schedule(rtcp_bandwidth=0.0)
    assert timer.due == math.inf
    timer.heard(7, 100.0)
    timer.left(7, 101.0)
    assert timer.due == math.inf


@pytest.mark.rfc(3550, "6.3.6")
def test_when_it_is_due_the_lot_is_drawn_again_and_may_name_a_later_time() -> None:
    timer, lots = settled(lot=0.0), Fixed()
    first = timer.due
    timer._chance = lots
    lots.lot = 0.75
    assert not timer.expired(first, we_sent=True)
    assert timer.due == pytest.approx(100 + 5 * 1.25 / COMPENSATION)
    lots.lot = 0.5
    assert timer.expired(timer.due, we_sent=True)


@pytest.mark.rfc(3550, "6.3.4")
def test_when_one_of_two_leaves_the_other_reports_in_half_the_time_that_was_left() -> None:
    timer = settled()
    timer.heard(7, 100.0)
    timer.sent(100, 100.0, we_sent=True)
    timer._chance = Fixed(0.0)
    timer.due = 104.0
    timer.left(8, 102.0)  # who was not here changes nothing
    assert timer.due == 104.0
    timer.left(7, 102.0)
    assert (timer.members, timer.due) == (1, 103.0)
    # the last report counts as half as old, too
    assert not timer.expired(103.0, we_sent=True)
    assert timer.due == pytest.approx(101 + 2.5 / COMPENSATION)


def test_who_comes_and_goes_all_the_time_does_not_keep_us_from_reporting() -> None:
    timer = settled()
    due = timer.due
    for n in range(1000):
        timer.heard(n, 101.0)
        timer.left(n, 101.0)
    assert timer.due == due
    assert timer.expired(due, we_sent=True)


@pytest.mark.rfc(3550, "6.3.5")
def test_who_is_silent_for_five_intervals_is_forgotten() -> None:
    timer = settled()
    timer.heard(7, 100.0, sends=True)
    timer.expired(100 + 5 * FIXED_MINIMUM, we_sent=True)
    assert timer.members == 2
    # a sender is one for two intervals only
    assert timer._senders == {}
    timer.expired(100 + 5 * FIXED_MINIMUM + 0.1, we_sent=True)
    assert timer.members == 1


def test_a_crowd_of_strangers_is_not_remembered_beyond_a_bound() -> None:
    timer = settled()
    for ssrc in range(10_000):
        timer.heard(ssrc, 100.0, sends=True)
    assert timer.members == 1 + MOST_MEMBERS
    assert timer.interval(we_sent=True) < 10.0


@pytest.mark.rfc(3550, "6.2")
@pytest.mark.rfc(3550, "6.3.6")
def test_over_a_thousand_reports_the_intervals_are_spread_as_the_rfc_means() -> None:
    timer = Schedule(random.Random(3), 0.0)
    timer.heard(7, 0.0, sends=True)
    times: list[float] = []
    while len(times) < 1000:
        now = timer.due
        timer.heard(7, now, sends=True)
        if timer.expired(now, we_sent=True):
            times.append(now)
            timer.sent(90, now, we_sent=True)
    assert 0.5 * 2.5 / COMPENSATION <= times[0] <= 1.5 * 2.5 / COMPENSATION
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert min(gaps) >= 0.5 * 5 / COMPENSATION
    assert max(gaps) <= 1.5 * 5 / COMPENSATION
    # what the compensation is for: the mean comes out at the interval that is meant
    assert sum(gaps) / len(gaps) == pytest.approx(5.0, rel=0.03)
    assert len({round(gap, 6) for gap in gaps}) > 990
