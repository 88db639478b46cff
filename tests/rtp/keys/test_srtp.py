"""SRTP: every suite as the RFCs have it; order, loss, replay, and keys that change in mid-call."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp._binding import ffi, lib

from siptg.rtp.keys import srtp
from siptg.rtp.keys.srtp import (
    FORMER_KEPT,
    FORMER_TRIES,
    PATIENCE,
    SUITES,
    WINDOW,
    Refusal,
    SrtpError,
    SrtpSession,
)
from tests.rtp.srtp_ends import BOTH, CM, EVERY, GCM, REPORT, ends, keys, opened, refused, rtp
from tests.rtp.srtp_reference import Reference


@pytest.mark.rfc(4568, "6.2")
def test_all_six_suites_are_in_this_installation() -> None:
    assert {name: (s.key_length, s.salt_length) for name, s in SUITES.items()} == {
        "AEAD_AES_256_GCM": (32, 12),
        "AEAD_AES_128_GCM": (16, 12),
        "AES_256_CM_HMAC_SHA1_80": (32, 14),
        "AES_256_CM_HMAC_SHA1_32": (32, 14),
        "AES_CM_128_HMAC_SHA1_80": (16, 14),
        "AES_CM_128_HMAC_SHA1_32": (16, 14),
    }


@pytest.mark.parametrize("widened", [True, False])
def test_aes_256_cm_is_not_offered_where_the_library_is_built_otherwise(
    monkeypatch: pytest.MonkeyPatch, widened: bool
) -> None:
    monkeypatch.setattr(srtp, "_widen", lambda policy: widened)
    assert [name for name, suite in SUITES.items() if not srtp._works(suite)] == [
        "AES_256_CM_HMAC_SHA1_80",
        "AES_256_CM_HMAC_SHA1_32",
    ]


def test_only_what_reads_as_aes_128_cm_is_made_aes_256_cm() -> None:
    policy = ffi.new("srtp_crypto_policy_t *")
    assert not srtp._widen(policy)
    lib.srtp_crypto_policy_set_rtp_default(policy)
    assert srtp._widen(policy)
    assert not srtp._widen(policy)


@EVERY
def test_what_a_suite_seals_is_what_the_reference_seals_after_the_sequence_went_round(
    suite: str,
) -> None:
    key = keys(suite)
    session, reference = SrtpSession(suite, key, key), Reference.of(suite, key)
    for n in (0, 1, 0x4FFF, 0x9FFF, 0xFFFF, 0x10000, 0x14FFF, 0x19FFF, 0x1FFFF, 0x20000):
        packet = rtp(n, size=n % 100)
        assert session.protect(packet) == reference.protect(packet, n >> 16), hex(n)


@EVERY
def test_what_a_suite_seals_of_rtcp_is_what_the_reference_seals(suite: str) -> None:
    key = keys(suite)
    session, reference = SrtpSession(suite, key, key), Reference.of(suite, key)
    for index in (1, 2, 3):
        report = REPORT + bytes(4 * index)
        assert session.protect_rtcp(report) == reference.protect_rtcp(report, index)


@EVERY
@given(data=st.data())
def test_what_one_end_seals_the_other_opens(suite: str, data: st.DataObject) -> None:
    here, there = ends(suite)
    for packet in data.draw(
        st.lists(
            st.builds(rtp, st.integers(0, 2**16), size=st.integers(0, 1400)),
            unique_by=lambda p: p[2:4],
            max_size=5,
        ).map(sorted)
    ):
        sealed = here.protect(packet)
        assert len(sealed) == len(packet) + SUITES[suite].tag_length
        assert sealed[:12] == packet[:12]
        assert there.unprotect(sealed) == packet
    report = REPORT + data.draw(st.binary(max_size=400))
    sealed = there.protect_rtcp(report)
    assert len(sealed) == len(report) + 4 + SUITES[suite].rtcp_tag_length
    assert here.unprotect_rtcp(sealed) == report


@EVERY
def test_csrcs_and_a_header_extension_stay_in_the_clear_but_are_vouched_for(suite: str) -> None:
    here, there = ends(suite)
    head = bytes.fromhex("920000010000000012345678aaaaaaaabbbbbbbbbede000111223344")
    sealed = here.protect(head + b"voice")
    assert sealed.startswith(head)
    forged = bytes([*sealed[:12], sealed[12] ^ 1, *sealed[13:]])
    assert refused(there, forged) is Refusal.AUTHENTICATION
    assert there.unprotect(sealed) == head + b"voice"


def test_a_suite_that_is_not_here_and_a_key_that_does_not_fit_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no crypto suite F8_128_HMAC_SHA1_80 here"):
        SrtpSession("F8_128_HMAC_SHA1_80", bytes(30), bytes(30))
    with pytest.raises(ValueError, match=f"{CM} takes 30 bytes of key and salt, not 29"):
        SrtpSession(CM, bytes(30), bytes(29))
    here, _ = ends()
    with pytest.raises(ValueError, match="takes 28 bytes"):
        here.rekey(GCM, bytes(30), bytes(30), 0.0)
    assert here.suite.name == CM


@pytest.mark.rfc(3711, "3.3.1")
@BOTH
def test_two_rounds_of_the_sequence_with_loss_around_each_turn(suite: str) -> None:
    chance, (here, there) = random.Random(7), ends(suite)
    got = 0
    for n in range(0xFF00, 0x2FF00 if suite == CM else 0x10100):
        sealed, back = here.protect(rtp(n, size=4)), there.protect(rtp(n, size=4))
        near = (n + 300) % 0x10000 < 600
        if not (near and chance.random() < 0.5):
            assert there.unprotect(sealed) == rtp(n, size=4)
            got += 1
        if not (near and chance.random() < 0.5):
            assert here.unprotect(back) == rtp(n, size=4)
    assert got > 100


@pytest.mark.rfc(3711, "3.3.1")
@pytest.mark.parametrize("lost", [1, 500, 30_000, 0x7FFF])
@pytest.mark.parametrize("first", [0, 0x7FFF, 0x8000, 0xFFFF])
def test_up_to_2_15_packets_lost_in_a_row_cost_nothing_more(first: int, lost: int) -> None:
    here, there = ends()
    there.unprotect(here.protect(rtp(first)))
    skipped = [here.protect(rtp(n)) for n in range(first + 1, first + lost, 0x1000)]
    assert len(skipped) >= lost // 0x1000
    assert there.unprotect(here.protect(rtp(first + lost))) == rtp(first + lost)


@pytest.mark.rfc(3711, "3.3.2")
@BOTH
def test_a_packet_that_comes_twice_is_refused_the_second_time(suite: str) -> None:
    here, there = ends(suite)
    sealed = [here.protect(rtp(n)) for n in range(300)]
    assert all(opened(there, sealed))
    assert {refused(there, packet) for packet in sealed} == {Refusal.REPLAY}
    report = here.protect_rtcp(REPORT)
    there.unprotect_rtcp(report)
    with pytest.raises(SrtpError, match="replay"):
        there.unprotect_rtcp(report)


@pytest.mark.rfc(3711, "3.3.2")
def test_packets_may_be_overtaken_by_as_many_as_the_window_holds() -> None:
    here, there = ends()
    there.unprotect(here.protect(rtp(0xFEFF)))
    sealed = [here.protect(rtp(n)) for n in range(0xFF00, 0xFF00 + 2 * WINDOW)]
    backwards, mixed = sealed[:WINDOW][::-1], sealed[WINDOW:]
    random.Random(3).shuffle(mixed)
    assert all(opened(there, backwards + mixed))
    old, new = ends(seed=1)
    first = old.protect(rtp(0))
    new.unprotect(old.protect(rtp(WINDOW)))
    assert refused(new, first) is Refusal.REPLAY


def test_one_sequence_number_is_never_sealed_twice() -> None:
    here, _ = ends()
    here.protect(rtp(1))
    with pytest.raises(SrtpError, match="replay"):
        here.protect(rtp(1, size=20))


@pytest.mark.rfc(3711, "3.2.3")
@BOTH
def test_each_ssrc_counts_for_itself_and_a_new_one_begins_at_once(suite: str) -> None:
    here, there = ends(suite)
    for n in range(0xFFF0, 0x10010):
        for ssrc in (1, 2, 0xFFFFFFFF - n):
            start = 0 if ssrc == 1 else 0xFFE0
            assert there.unprotect(here.protect(rtp(n - start, ssrc))) == rtp(n - start, ssrc)


def changed(suite: str, to: str) -> tuple[SrtpSession, SrtpSession, bytes, bytes]:
    here, there = ends(suite)
    return here, there, keys(to, 11), keys(to, 12)


@pytest.mark.rfc(4568, "7.1.4")
@pytest.mark.parametrize("to", [CM, GCM])
def test_what_is_on_its_way_at_a_key_change_is_not_lost_on_either_side(to: str) -> None:
    here, there, ours, theirs = changed(CM, to)
    flying = [here.protect(rtp(n)) for n in range(8)]
    assert all(opened(there, flying[:4]))
    there.rekey(to, theirs, ours, 10.0)
    still_old, report = [here.protect(rtp(n)) for n in range(8, 12)], here.protect_rtcp(REPORT)
    here.rekey(to, ours, theirs, 10.5)
    new = [here.protect(rtp(n)) for n in range(12, 20)]
    mixed = [p for pair in itertools.zip_longest(new, flying[4:] + still_old) for p in pair if p]
    assert all(opened(there, mixed))
    assert there.unprotect_rtcp(report) == REPORT
    assert there.unprotect_rtcp(here.protect_rtcp(REPORT)) == REPORT
    assert here.unprotect(there.protect(rtp(2))) == rtp(2)


@pytest.mark.rfc(4568, "7.1.4")
def test_the_former_key_opens_nothing_twice_and_nothing_after_its_time() -> None:
    here, there, ours, theirs = changed(CM, CM)
    flying = [here.protect(rtp(n)) for n in range(4)]
    there.unprotect(flying[0])
    assert there.deadline() is None
    there.rekey(CM, theirs, ours, 10.0)
    assert there.deadline() == 10.0 + FORMER_KEPT
    assert opened(there, [flying[0], flying[1], flying[1]]) == [False, True, False]
    there.tick(10.0 + FORMER_KEPT - 0.1)
    assert opened(there, [flying[2]]) == [True]
    there.tick(10.0 + FORMER_KEPT)
    assert opened(there, [flying[3]]) == [False]
    assert there.deadline() is None


def test_a_flood_uses_the_former_key_up() -> None:
    here, there, ours, theirs = changed(CM, CM)
    there.rekey(CM, theirs, ours, 0.0)
    assert not any(opened(there, [rtp(n) for n in range(FORMER_TRIES)]))
    assert there.deadline() is None
    assert opened(there, [here.protect(rtp(1))]) == [False]


def test_a_key_that_stays_keeps_its_counters() -> None:
    here, there = ends()
    for n in range(0, 0x18000, 0x4000):
        there.unprotect(here.protect(rtp(n)))
    there.rekey(CM, keys(CM, 9), keys(CM, 1), 0.0)
    here.rekey(CM, keys(CM, 1), keys(CM, 9), 0.0)
    assert there.deadline() is None
    assert there.unprotect(here.protect(rtp(0x18000))) == rtp(0x18000)
    assert here.unprotect(there.protect(rtp(1))) == rtp(1)


def test_a_receive_key_that_comes_back_goes_on_where_it_was() -> None:
    here, there = ends()
    early = here.protect(rtp(1))
    for n in range(0x4000, 0x28000, 0x4000):
        there.unprotect(here.protect(rtp(n)))
    there.rekey(CM, keys(CM, 2), keys(CM, 12), 0.0)
    there.rekey(CM, keys(CM, 2), keys(CM, 1), 1.0)
    assert there.unprotect(here.protect(rtp(0x28000))) == rtp(0x28000)
    assert opened(there, [early]) == [False]


@pytest.mark.rfc(3711, "3.3.1")
def test_a_peer_may_go_on_counting_rounds_under_a_new_key() -> None:
    reference = Reference.of(CM, keys(CM, 12))
    _, there = ends()
    there.rekey(CM, keys(CM, 11), keys(CM, 12), 0.0)
    sealed = [reference.protect(rtp(n), 2) for n in range(900, 900 + 2 * PATIENCE)]
    assert all(opened(there, sealed)[PATIENCE:])
