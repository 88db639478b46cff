"""Whose packets are believed: the window, the row, NATs that change their mind, RTP bleed."""

from __future__ import annotations

import pytest

from siptg.rtp.latch import IN_A_ROW, SILENT, WINDOW, Latch

NAMED, NAT, THIEF = ("192.0.2.1", 4000), ("198.51.100.7", 61_000), ("203.0.113.9", 9)


def named(now: float = 0.0) -> Latch:
    latch = Latch()
    latch.name(NAMED, now)
    return latch


def talk(latch: Latch, source: tuple[str, int], count: int, *, ssrc: int, now: float) -> list[bool]:
    """So many packets, 20 ms apart."""
    return [latch.believes(source, ssrc, n, now + n * 0.02) for n in range(count)]


def test_packets_go_where_signalling_says_until_somebody_is_heard() -> None:
    latch = named()
    assert (latch.target, latch.source) == (NAMED, None)


def test_the_named_address_is_believed_at_its_first_packet() -> None:
    latch = named()
    assert talk(latch, NAMED, 1, ssrc=1, now=0.1) == [True]
    assert latch.source == latch.target == NAMED


@pytest.mark.rfc(4961, "4")
def test_behind_a_nat_a_row_of_packets_shows_where_they_really_are() -> None:
    latch = named()
    assert talk(latch, NAT, IN_A_ROW + 1, ssrc=1, now=0.1) == [False] * (IN_A_ROW - 1) + [True] * 2
    assert latch.target == NAT


def test_scattered_packets_make_no_row() -> None:
    latch = named()
    for n in range(50):
        assert not latch.believes(THIEF, 1, n * 3, n * 0.02)
        assert not latch.believes(NAT, 2, n * 3, n * 0.02)
    assert latch.target == NAMED and latch.refused == 100


def test_in_the_window_the_named_one_takes_over_from_a_stranger() -> None:
    latch = named()
    talk(latch, THIEF, IN_A_ROW, ssrc=7, now=0.0)
    assert latch.target == THIEF
    assert latch.believes(NAMED, 1, 0, 1.0)
    assert latch.target == NAMED
    assert not any(talk(latch, THIEF, 20, ssrc=7, now=1.1)), "it has had its chance"


def test_while_a_stranger_has_its_place_the_named_one_hears_us_too() -> None:
    """Else two ends that a third one talked to first would never hear one another."""
    latch = named()
    talk(latch, THIEF, IN_A_ROW, ssrc=7, now=0.0)
    assert (latch.target, latch.also) == (THIEF, NAMED)
    latch.heard(7, WINDOW - 0.1)
    assert latch.also == NAMED
    latch.heard(7, WINDOW + 0.1)
    assert latch.also is None  # nobody speaks up: it is a NAT
    latch = named()
    talk(latch, THIEF, IN_A_ROW, ssrc=7, now=0.0)
    assert latch.believes(NAMED, 1, 0, 1.0)
    assert (latch.target, latch.also) == (NAMED, None)


def test_what_came_before_an_address_was_named_makes_no_row() -> None:
    """It lay in the socket while the call was set up."""
    latch = named(5.0)
    assert not any(talk(latch, THIEF, 30, ssrc=7, now=4.0))
    assert latch.target == NAMED and latch.refused == 30
    assert latch.believes(NAMED, 1, 0, 4.9)  # of the named one it is welcome


def test_a_hold_by_an_address_of_zeros_lets_nobody_else_in() -> None:
    latch = named()
    talk(latch, NAMED, 5, ssrc=1, now=0.0)
    latch.name(("0.0.0.0", 4000), 1.0)
    assert latch.target is None and latch.source == NAMED
    assert not any(talk(latch, THIEF, 30, ssrc=7, now=1.1))
    latch.name(NAMED, 5.0)
    assert latch.target == NAMED and latch.believes(NAMED, 1, 5, 5.1)


def test_after_the_window_no_stranger_is_learnt_any_more() -> None:
    latch = named()
    assert not any(talk(latch, THIEF, 100, ssrc=7, now=WINDOW + 1))
    assert latch.believes(NAMED, 1, 0, WINDOW + 5), "they only begin to talk now"


def test_a_thief_who_sprays_packets_into_a_call_gets_and_says_nothing() -> None:
    latch = named()
    talk(latch, NAMED, 10, ssrc=1, now=0.0)
    for second in range(60):
        now = 0.2 + second
        latch.heard(1, now)  # they go on talking
        assert not any(talk(latch, THIEF, 50, ssrc=7, now=now))
    assert latch.target == NAMED and latch.moved == 0


def test_a_thief_who_waits_for_silence_does_not_know_the_ssrc() -> None:
    latch = named()
    talk(latch, NAMED, 10, ssrc=1, now=0.0)
    assert not any(talk(latch, THIEF, 50, ssrc=7, now=30.0))
    assert latch.target == NAMED


def test_a_nat_that_changes_its_mind_is_followed_once_the_old_way_is_silent() -> None:
    latch = named()
    talk(latch, NAT, 10, ssrc=1, now=0.0)
    moved = NAT[0], 61_001
    assert not latch.believes(moved, 1, 10, 0.2 + SILENT / 2)
    assert latch.believes(moved, 1, 11, 0.3 + SILENT)
    assert (latch.target, latch.moved) == (moved, 1)


def test_who_proves_by_srtp_who_they_are_is_followed_at_once() -> None:
    latch = named()
    talk(latch, NAMED, 10, ssrc=1, now=0.0)
    assert latch.believes(NAT, 1, 11, 20.0, proven=True)
    assert latch.target == NAT


def test_a_new_address_in_signalling_opens_the_window_again() -> None:
    latch = named()
    talk(latch, NAMED, 10, ssrc=1, now=0.0)
    latch.name(("192.0.2.2", 5000), 60.0)
    assert latch.source is None and latch.target == ("192.0.2.2", 5000)
    assert talk(latch, NAT, IN_A_ROW, ssrc=2, now=60.1)[-1]


def test_the_same_address_again_changes_nothing() -> None:
    latch = named()
    talk(latch, NAT, IN_A_ROW, ssrc=1, now=0.0)
    latch.name(NAMED, 5.0)
    assert latch.source == NAT


def test_an_old_hold_by_a_zero_address_sends_nothing_anywhere() -> None:
    latch = named()
    latch.name(("0.0.0.0", 4000), 1.0)
    assert latch.target is None
