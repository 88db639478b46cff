"""SRTP and what an enemy sends: refused by name, and nothing stays behind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.keys.srtp import LONGEST, MOST_SOURCES, Refusal, SrtpError
from tests.rtp.srtp_ends import BOTH, EVERY, REPORT, ends, opened, refused, rtp


def resident() -> int:
    """Kilobytes of memory: libsrtp's own are in no Python tool's books."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("no /proc tells what memory is in use")
    return int(statm.read_text().split()[1]) * 4


@EVERY
def test_another_key_and_a_changed_byte_are_refused(suite: str) -> None:
    here, there = ends(suite)
    stranger, _ = ends(suite, seed=5)
    assert refused(there, stranger.protect(rtp(1))) is Refusal.AUTHENTICATION
    sealed = here.protect(rtp(2, size=20))
    for at in range(len(sealed)):
        forged = bytearray(sealed)
        forged[at] ^= 0x01
        with pytest.raises(SrtpError):
            there.unprotect(bytes(forged))
    report = here.protect_rtcp(REPORT + bytes(20))
    for at in range(len(report)):
        forged = bytearray(report)
        forged[at] ^= 0x80
        with pytest.raises(SrtpError):
            there.unprotect_rtcp(bytes(forged))
    assert there.unprotect(sealed) == rtp(2, size=20)
    assert there.unprotect_rtcp(report) == REPORT + bytes(20)


@EVERY
@pytest.mark.parametrize("size", [0, 1, 7, 8, 11, 12, 15, 16, 21, 27, 28])
def test_packets_too_short_to_be_sealed_are_refused(suite: str, size: int) -> None:
    _, there = ends(suite)
    there.unprotect(ends(suite)[0].protect(rtp(1)))  # something that must not shine through
    for open_ in (there.unprotect, there.unprotect_rtcp):
        with pytest.raises(SrtpError):
            open_(rtp(2)[:size])


def test_packets_that_are_too_long_or_no_rtp_are_refused_by_name() -> None:
    here, there = ends()
    for call in (here.protect, here.protect_rtcp, there.unprotect, there.unprotect_rtcp):
        with pytest.raises(SrtpError) as caught:
            call(rtp(1, size=LONGEST + 200))
        assert caught.value.reason is Refusal.MALFORMED
        with pytest.raises(SrtpError) as caught:
            call(b"\x80")
        assert caught.value.reason is Refusal.MALFORMED
    longest = rtp(1, size=LONGEST - 12)
    assert there.unprotect(here.protect(longest)) == longest
    assert there.unprotect_rtcp(here.protect_rtcp(longest)) == longest
    with pytest.raises(SrtpError):
        here.protect(longest + b"!")


def test_rtcp_in_the_clear_is_refused() -> None:
    here, there = ends()
    sealed = bytearray(here.protect_rtcp(REPORT))
    sealed[8] &= 0x7F
    with pytest.raises(SrtpError, match="malformed"):
        there.unprotect_rtcp(bytes(sealed))


@EVERY
@given(
    packets=st.lists(st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: b"\x90\0" + b))
)
def test_random_bytes_raise_nothing_but_the_error_of_srtp(suite: str, packets: list[bytes]) -> None:
    here, there = ends(suite)
    for packet in packets:
        for call in (there.unprotect, there.unprotect_rtcp, here.protect, here.protect_rtcp):
            try:
                call(packet)
            except SrtpError as error:
                assert str(error) == f"SRTP: {error.reason.value}"
    assert there.unprotect(here.protect(rtp(0, ssrc=0xABCD1234))) == rtp(0, ssrc=0xABCD1234)


def forged(count: int) -> Iterator[bytes]:
    chance = random.Random(1)
    for n in range(count):
        yield rtp(n, chance.getrandbits(32), size=30)


@BOTH
def test_100_000_forged_packets_of_as_many_ssrcs_leave_nothing_behind(suite: str) -> None:
    here, there = ends(suite)
    there.unprotect(here.protect(rtp(1)))
    assert not any(opened(there, list(forged(2000))))
    before = resident()
    for packet in forged(100_000):
        try:
            there.unprotect(packet)
        except SrtpError as error:
            assert error.reason is Refusal.AUTHENTICATION
    assert resident() - before < 2000
    assert there.unprotect(here.protect(rtp(2))) == rtp(2)


def test_a_peer_that_changes_its_ssrc_without_end_fills_no_memory() -> None:
    _, there = ends()
    before = 0
    for n in range(40_000):
        if n == 1000:
            before = resident()
        # a sealing session each 500: it keeps every SSRC it has sealed, and should not count here
        if n % 500 == 0:
            here, _ = ends()
        assert there.unprotect(here.protect(rtp(n, ssrc=n))) == rtp(n, ssrc=n)
        assert there.unprotect_rtcp(here.protect_rtcp(REPORT[:4] + n.to_bytes(4, "big")))
    assert resident() - before < 4000
    here, there = ends()
    last = [here.protect(rtp(1, ssrc=n)) for n in range(MOST_SOURCES + 4)]
    assert all(opened(there, last))
    assert not any(opened(there, last[4:])), "those it still knows are not to be replayed"
