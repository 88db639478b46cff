"""How often the sequence went round, found out by who joins late or was long away."""

from __future__ import annotations

import pytest

from siptg.rtp.srtp import MOST_PATIENCE, PATIENCE, Refusal, SrtpSession
from tests.rtp.srtp_ends import BOTH, ends, opened, refused, rtp


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


def test_another_ssrc_is_undisturbed_by_the_search() -> None:
    here, there = ends()
    other = here.protect(rtp(1, ssrc=5))
    there.unprotect(other)
    rounds(here, 0x30000)
    sealed = [here.protect(rtp(n)) for n in range(0x30000, 0x30000 + 2 * PATIENCE)]
    assert any(opened(there, sealed))
    assert refused(there, other) is Refusal.REPLAY
    assert there.unprotect(here.protect(rtp(2, ssrc=5))) == rtp(2, ssrc=5)
