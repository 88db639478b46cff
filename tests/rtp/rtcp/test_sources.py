"""Who is heard: the first source, the one that follows, and somebody with our own SSRC."""

from __future__ import annotations

import random

import pytest

from siptg.rtp.rtcp.sender import Sender
from siptg.rtp.rtcp.sources import CONFLICT_LASTS, QUIET, Sources

OURS, A, B, C = 1, 0xA, 0xB, 0xC


def sources(ours: int = OURS) -> Sources:
    return Sources(Sender(8000, ours), 8000, random.Random(1))


def hear(session: Sources, talk: str, start: float = 0.0) -> str:
    """Of packets 10 ms apart, a letter each, those that are played. A space: none comes."""
    numbers = {"A": 0, "B": 0x8000, "C": 100}
    heard = ""
    for n, letter in enumerate(talk):
        at = start + n * 0.01
        if letter != " ":
            numbers[letter] += 1
            played = session.receive(int(letter, 16), numbers[letter], n * 80, at)
            heard += letter if played else "-"
    return heard


def test_the_first_packet_is_played_at_once() -> None:
    session = sources()
    assert hear(session, "A") == "A"
    assert session.current is not None
    assert (session.current.ssrc, session.changes) == (A, 0)


@pytest.mark.rfc(3550, "A.1")
def test_a_new_source_takes_over_with_its_second_packet() -> None:
    session = sources()
    assert hear(session, "AAAABBBBB") == "AAAA-BBBB"
    assert (session.changes, session.strays) == (1, 1)


def test_a_stray_changes_nothing_even_when_it_comes_again() -> None:
    session = sources()
    assert hear(session, "AABAABAACAA") == "AA-AA-AA-AA"
    assert (session.changes, session.strays) == (0, 3)


def test_two_that_talk_at_once_do_not_take_turns() -> None:
    assert hear(sources(), "AB" * 50) == "A-" * 50


def test_the_last_packets_of_the_old_source_do_not_bring_it_back() -> None:
    assert hear(sources(), "AAABABBBABABBB") == "AAA-A-BB-B-BBB"


def test_one_that_was_replaced_needs_a_packet_more() -> None:
    assert hear(sources(), "AAABBBAAAABBBB") == "AAA-BB--AA--BB"


def test_after_silence_anybody_is_heard_at_once() -> None:
    pause = " " * round(QUIET * 100)
    assert hear(sources(), f"AA{pause}B{pause}AA") == "AABAA"


@pytest.mark.rfc(3550, "6.6")
def test_who_says_goodbye_makes_room_at_once() -> None:
    session = sources()
    hear(session, "AA")
    session.left(C)
    assert hear(session, "B", 0.02) == "-"
    session.left(A)
    assert hear(session, "C", 0.03) == "C"


def test_the_figures_of_all_sources_are_summed() -> None:
    session = sources()
    for n in (1, 2, 4, 4):
        session.receive(A, n, 0, 0.0)
    for n in (7, 9, 8, 12):
        session.receive(B, n, 0, 1.0)
    assert session.totals() == (4 + 6, 1 + 2, 1 + 1, 1, 1)
    assert sources().totals() == (0, 0, 0, 0, 0)


def test_the_clock_follows_the_codec() -> None:
    session = sources()
    session.tune(48_000)
    hear(session, "A")
    assert session.current is not None
    assert session.current.clock_rate == 48_000
    session.tune(16_000)
    assert session.current.clock_rate == session.clock_rate == 16_000


@pytest.mark.rfc(3550, "8.2")
def test_somebody_with_our_ssrc_makes_us_take_another_and_is_heard() -> None:
    session = sources(ours=A)
    session.sender.sent(0, 160, 0.0)
    assert hear(session, "AAA") == "AAA"
    sender = session.sender
    assert sender.retired == A
    assert sender.ssrc not in (A, 0)
    assert (sender.packets, sender.octets) == (0, 0)
    assert (session.collisions, session.loops) == (1, 0)


@pytest.mark.rfc(3550, "8.2")
def test_our_own_packets_that_come_back_change_our_ssrc_once_and_are_heard() -> None:
    """An echo test at the other end: what we say comes back as it is."""
    session, heard = sources(), 0
    for n in range(3000):
        heard += session.receive(session.sender.ssrc, n, n * 160, n * 0.02)
    assert session.collisions == 1
    assert session.loops >= 1
    assert heard >= 2999


def test_another_collision_is_one_when_the_first_is_long_over() -> None:
    session = sources()
    session.conflict(0.0)
    session.conflict(CONFLICT_LASTS - 1)
    session.conflict(2 * CONFLICT_LASTS - 2)
    assert (session.collisions, session.loops) == (1, 2)
    session.conflict(3 * CONFLICT_LASTS)
    assert session.collisions == 2


def test_the_new_ssrc_is_neither_the_old_one_nor_theirs() -> None:
    class Drawn:
        def __init__(self) -> None:
            self.lots = [OURS, A, C]

        def random(self) -> float:
            return 0.5

        def getrandbits(self, k: int, /) -> int:
            return self.lots.pop(0)

    session = Sources(Sender(8000, OURS), 8000, Drawn())
    hear(session, "AA")
    session.conflict(1.0)
    assert session.sender.ssrc == C


def test_random_sources_are_neither_believed_nor_kept() -> None:
    session, chance = sources(), random.Random(2)
    heard = sum(
        session.receive(chance.getrandbits(32), chance.getrandbits(16), 0, n * 0.001)
        for n in range(2000)
    )
    # the first, and one after each silence of the one before
    assert heard <= 1 + 2.0 / QUIET
    assert session.strays == 2000 - heard
