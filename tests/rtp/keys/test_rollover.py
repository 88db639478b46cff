"""How often the sequence went round, found out by who joins late or was long away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.keys import srtp
from siptg.rtp.keys.rollover import FURTHEST, step_stone, steps_to
from siptg.rtp.keys.srtp import MOST_PATIENCE, PATIENCE, Refusal, SrtpSession
from tests.rtp.srtp_ends import BOTH, ends, opened, refused, rtp


@given(
    rollover=st.integers(1, FURTHEST - 1),
    sequence=st.integers(0, 0xFFFF),
    last=st.none() | st.integers(0, 0xFFFF),
)
def test_the_steps_reach_each_packet_and_none_goes_further_than_a_receiver_follows(
    rollover: int, sequence: int, last: int | None
) -> None:
    wanted, at = rollover << 16 | sequence, [0]

    def follow(step: int) -> None:
        stone = step_stone(step, b"ssrc")
        index = step // 3 << 16 | int.from_bytes(stone[2:4], "big")
        assert index - at[0] < 0x8000
        at[0] = max(at[0], index)

    def opens(packet: bytes) -> bool:
        index = int.from_bytes(packet[4:8], "big")
        return 0 <= index - at[0] < 0x8000

    def packet(index: int) -> bytes:
        return bytes(2) + (index & 0xFFFF).to_bytes(2, "big") + index.to_bytes(4, "big")

    before = None if last is None else packet(min(last, wanted - 0x8000))
    steps = steps_to(packet(wanted), before, follow, opens)
    assert 0 <= wanted - at[0] < 0x8000
    assert steps == 3 * rollover + min(sequence // 0x5555, 2) + 1


def test_a_packet_that_nothing_opens_is_given_up() -> None:
    steps: list[int] = []
    assert steps_to(rtp(1), None, steps.append, lambda packet: False) == 0
    assert steps == list(range(3 * FURTHEST))


def test_the_search_is_made_the_more_seldom_the_more_often_it_is_vain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searches: list[int] = []

    def vain(packet: bytes, *rest: object) -> int:
        searches.append(packet[3])
        return 0

    monkeypatch.setattr(srtp, "steps_to", vain)
    here, there = ends()
    assert not any(opened(there, [rtp(n) for n in range(8 + 16 + 32 + 64)]))
    assert searches == [7, 7 + 16, 7 + 16 + 32, 7 + 16 + 32 + 64]
    for n in range(1000):
        there.unprotect(here.protect(rtp(n, ssrc=9)))
        assert not any(opened(there, [rtp(n)] * 20))
    assert len(searches) == 4, "not in a row"


def rounds(session: SrtpSession, to: int, ssrc: int = 0x12345678) -> None:
    """Send without being heard, up to that packet."""
    for n in range(0, to, 0x5000):
        session.protect(rtp(n, ssrc))


@pytest.mark.rfc(3711, "3.3.1")
@BOTH
@pytest.mark.parametrize("start", [0x10007, 0x1FF07, 0x95557, 0xAAAAB, 0xFAAAB])
def test_a_late_joiner_finds_out_how_often_the_sequence_has_gone_round(
    suite: str, start: int
) -> None:
    here, there = ends(suite)
    rounds(here, start)
    sealed = [here.protect(rtp(n)) for n in range(start, start + 3 * PATIENCE)]
    assert opened(there, sealed) == [False] * (PATIENCE - 1) + [True] * (2 * PATIENCE + 1)
    assert refused(there, sealed[-1]) is Refusal.REPLAY


@pytest.mark.rfc(3711, "3.3.1")
@BOTH
@pytest.mark.parametrize("first", [3, 0x8003, 0xFFF3, 0x2FFF3, 0x30003])
@pytest.mark.parametrize("lost", [0x8010, 0xFFFF, 0x34567])
def test_more_than_2_15_packets_lost_in_a_row_are_found_over(
    suite: str, first: int, lost: int
) -> None:
    here, there = ends(suite)
    for n in range(0, first, 0x3000):
        there.unprotect(here.protect(rtp(n)))
    early = here.protect(rtp(first))
    there.unprotect(early)
    again = first + lost
    for n in range(first + 1, again, 0x3000):
        here.protect(rtp(n))
    sealed = [here.protect(rtp(n)) for n in range(again, again + 3 * PATIENCE)]
    assert all(opened(there, sealed)[PATIENCE:])
    assert opened(there, [early]) == [False]


@pytest.mark.rfc(3711, "3.3.1")
def test_a_recording_of_an_earlier_round_is_no_late_joiner() -> None:
    here, there = ends()
    old = [here.protect(rtp(n)) for n in range(100, 100 + 2 * MOST_PATIENCE)]
    for n in range(0x4000, 0x28000, 0x4000):
        there.unprotect(here.protect(rtp(n)))
    assert not any(opened(there, old))
    assert there.unprotect(here.protect(rtp(0x28000))) == rtp(0x28000)


def test_of_two_that_talk_by_turns_neither_is_searched_by_the_others_last_packet() -> None:
    here, there = ends()
    old = [here.protect(rtp(n)) for n in range(2 * PATIENCE)]
    there.unprotect(here.protect(rtp(0x7000)))
    there.unprotect(here.protect(rtp(1, ssrc=5)))
    for n in range(0xB000, 0x30000, 0x4000):
        here.protect(rtp(n))
    lost = [here.protect(rtp(n)) for n in range(0x30000, 0x30000 + 2 * PATIENCE)]
    assert not any(opened(there, lost + old))


def test_another_ssrc_is_undisturbed_by_the_search() -> None:
    here, there = ends()
    other = here.protect(rtp(1, ssrc=5))
    there.unprotect(other)
    rounds(here, 0x30000)
    sealed = [here.protect(rtp(n)) for n in range(0x30000, 0x30000 + 2 * PATIENCE)]
    assert any(opened(there, sealed))
    assert refused(there, other) is Refusal.REPLAY
    assert there.unprotect(here.protect(rtp(2, ssrc=5))) == rtp(2, ssrc=5)
