"""One digit out of several ways: each press is passed on once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.digits.ways import Digits, Way, way

ORDER = ("rfc4733", "info", "inband")


@pytest.mark.parametrize(
    ("preferences", "events", "info", "taken"),
    [
        (ORDER, True, True, Way.RFC4733),
        (ORDER, False, True, Way.INFO),
        (ORDER, False, False, Way.INBAND),
        (("info", "rfc4733"), True, True, Way.INFO),
        (("info", "rfc4733"), True, False, Way.RFC4733),
        (("inband", "rfc4733"), True, True, Way.INBAND),
        (("rfc4733", "info"), False, False, None),
        ((), True, True, None),
    ],
)
def test_a_key_goes_by_the_first_way_preferred_that_the_other_end_takes(
    preferences: tuple[str, ...], events: bool, info: bool, taken: Way | None
) -> None:
    assert way(preferences, events, info) == taken


def test_a_way_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="pigeon"):
        way(("pigeon",), True, True)


@pytest.mark.parametrize("by", Way)
def test_presses_by_one_way_are_all_passed_on(by: Way) -> None:
    digits = Digits()
    assert "".join(digits.heard(by, key, n / 10) for n, key in enumerate("11223311")) == "11223311"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Way.RFC4733, Way.INFO),
        (Way.INFO, Way.RFC4733),
        (Way.RFC4733, Way.INBAND),
        (Way.INFO, Way.INBAND),
        (Way.INBAND, Way.RFC4733),
        (Way.INBAND, Way.INFO),
    ],
)
@pytest.mark.parametrize("late", [0.0, 0.06, 0.5, 1.9])
def test_a_press_that_comes_by_two_ways_is_passed_on_once(
    first: Way, second: Way, late: float
) -> None:
    digits = Digits()
    assert digits.heard(first, "5", 10.0) == "5"
    assert digits.heard(second, "5", 10.0 + late) == ""
    assert digits.doubles + digits.unheeded == 1


def test_equal_keys_by_two_ways_that_lag_are_counted_and_not_merged() -> None:
    digits = Digits()
    told = [(0.0, Way.RFC4733), (0.3, Way.RFC4733), (1.2, Way.INFO), (1.5, Way.INFO)]
    told += [(1.6, Way.RFC4733), (2.7, Way.INFO)]
    assert "".join(digits.heard(by, "1", now) for now, by in told) == "111"


def test_what_one_way_lost_comes_by_the_other() -> None:
    digits = Digits()
    assert digits.heard(Way.RFC4733, "1", 0.0) == "1"
    assert digits.heard(Way.INFO, "1", 0.1) == ""
    assert digits.heard(Way.INFO, "2", 0.4) == "2"
    assert digits.heard(Way.RFC4733, "3", 0.6) == "3"
    assert digits.heard(Way.INFO, "3", 0.7) == ""


def test_the_same_key_much_later_by_another_way_is_another_press() -> None:
    digits = Digits()
    assert digits.heard(Way.RFC4733, "1", 0.0) == "1"
    assert digits.heard(Way.INFO, "1", 2.5) == "1"


def test_several_keys_at_once_are_judged_one_by_one() -> None:
    digits = Digits()
    assert digits.heard(Way.INFO, "2", 0.0) == "2"
    assert digits.heard(Way.RFC4733, "1223", 0.1) == "123"
    assert digits.heard(Way.RFC4733, "", 0.2) == ""


@pytest.mark.parametrize("by", [Way.RFC4733, Way.INFO])
def test_tones_of_an_end_that_sends_events_are_not_listened_to_until_it_is_another_one(
    by: Way,
) -> None:
    digits = Digits()
    assert digits.heard(Way.INBAND, "1", 0.0) == "1"
    assert digits.heard(by, "2", 5.0) == "2"
    assert digits.heard(Way.INBAND, "3", 600.0) == ""
    assert digits.unheeded == 1
    digits.forget()
    assert digits.heard(Way.INBAND, "3", 601.0) == "3"


def test_no_more_is_let_through_than_a_fast_dialler_presses() -> None:
    digits = Digits()
    assert sum(len(digits.heard(Way.RFC4733, "5", n / 1000)) for n in range(10_000)) < 200
    assert digits.flooded > 9800
    assert digits.heard(Way.RFC4733, "6", 20.0) == "6"
    assert len(digits._recent) <= 64


def test_forty_milliseconds_on_and_forty_off_for_a_minute_are_let_through() -> None:
    digits = Digits()
    assert all(digits.heard(Way.RFC4733, "5", n * 0.08) for n in range(750))


@given(
    st.lists(
        st.tuples(st.sampled_from("12"), st.floats(0.05, 1), st.booleans(), st.floats(0, 0.8)),
        max_size=20,
    )
)
def test_two_ways_of_which_one_tells_all_pass_exactly_what_was_pressed(
    presses: list[tuple[str, float, bool, float]],
) -> None:
    """Events tell each press; INFO tells some, later, in turn."""
    told, now, info = list[tuple[float, Way, str]](), 0.0, 0.0
    for key, gap, doubled, lag in presses:
        now += gap
        told.append((now, Way.RFC4733, key))
        if doubled:
            info = max(info, now + lag)
            told.append((info, Way.INFO, key))
    digits = Digits()
    told.sort(key=lambda row: row[0])
    passed = "".join(digits.heard(by, key, when) for when, by, key in told)
    assert sorted(passed) == sorted(key for key, *_ in presses)
