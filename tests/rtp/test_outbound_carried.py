"""Packets of another party in our numbers: gaps stay gaps, and time never goes back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.codecs import OPUS, PCMU
from siptg.rtp.codecs.opus_packet import duration
from siptg.rtp.outbound import Outbound
from siptg.rtp.packet import RtpPacket
from siptg.rtp.sequence import ahead
from tests.support.outgoing import (
    EVENT,
    FIRST,
    STAMP,
    Said,
    counting,
    frames,
    talker,
    theirs,
    write,
)


def opus(ms: int) -> bytes:
    """A packet of CELT at 48 kHz that long; what it sounds like does not matter."""
    if ms == 10:
        return bytes([0xF0, 1, 2, 3])
    return bytes([0xF8 | 3, ms // 20, 1, 2, 3])


def carry(out: Outbound, packets: Sequence[RtpPacket]) -> None:
    """One a beat."""
    for packet in packets:
        out.carry([packet], 0.0)


@pytest.mark.parametrize("ms", [10, 20, 40, 60])
def test_the_packets_of_these_tests_are_as_long_as_they_say(ms: int) -> None:
    assert duration(opus(ms)) == ms * 48


@pytest.mark.rfc(3550, "7.1")
def test_payloads_go_across_unchanged_in_numbers_of_ours() -> None:
    out, said = talker()
    payloads = [bytes([n]) * 160 for n in range(20)]
    carry(out, list(theirs(*payloads, sequence=65_530, timestamp=2**32 - 1000)))
    assert [one.payload for one in said] == payloads
    assert {(one.payload_type, one.ssrc) for one in said} == {(0, 0x5151)}
    assert (said[0].sequence, said[0].timestamp) == (FIRST, STAMP)
    assert said.numbers == list(range(20)) and said.stamps == [n * 160 for n in range(20)]
    assert said.markers == [True] + [False] * 19


def test_what_they_lost_is_lost_over_there_too() -> None:
    """So that the far end conceals it instead of playing the next packet too early."""
    out, said = talker()
    lost = {3, 4, 9}
    for n, packet in enumerate(theirs(*[b"x" * 160] * 15)):
        out.carry([] if n in lost else [packet], 0.0)
    kept = [n for n in range(15) if n not in lost]
    assert said.numbers == kept and said.stamps == [n * 160 for n in kept]


def test_a_pause_of_theirs_is_no_loss_and_their_marker_stays() -> None:
    out, said = talker()
    packets = list(theirs(*[b"x" * 160] * 10))
    later = [p._replace(timestamp=p.timestamp + 4000, marker=n == 5) for n, p in enumerate(packets)]
    carry(out, packets[:5])
    for _ in range(25):
        out.carry([], 0.0)
    carry(out, later[5:])
    assert said.numbers == list(range(10))
    assert said.stamps == [n * 160 + (4000 if n > 4 else 0) for n in range(10)]
    assert said.markers == [n in (0, 5) for n in range(10)]


def test_a_pause_of_minutes_is_no_jump() -> None:
    """Three minutes of 48 kHz: they were silent, or their numbering is another one."""
    out, said = talker(OPUS, 48_000)
    carry(out, list(theirs(opus(20), ticks=960)))
    for _ in range(9000):
        out.carry([], 0.0)
    carry(out, list(theirs(opus(20), sequence=101, timestamp=5000 + 9001 * 960)))
    assert said.numbers == [0, 1] and said.stamps == [0, 9001 * 960]


@pytest.mark.parametrize("ssrc", [7, 8])
@pytest.mark.parametrize("sequence", [40_000, 108, 90])
@pytest.mark.parametrize("timestamp", [5000 + 10 * 160, 0, 2_000_000_000])
def test_another_numbering_of_theirs_goes_on_in_ours(
    ssrc: int, sequence: int, timestamp: int
) -> None:
    """Another source behind the same leg, or the same one that began anew."""
    out, said = talker()
    carry(out, list(theirs(*[b"x" * 160] * 10)))
    carry(out, list(theirs(*[b"y" * 160] * 10, sequence=sequence, timestamp=timestamp, ssrc=ssrc)))
    assert said.stamps == [n * 160 for n in range(20)]
    assert said.numbers[:10] == list(range(10))
    assert 10 <= said.numbers[10] <= 10 + 1000  # at most a loss
    assert np.all(np.diff(said.numbers) > 0)


def test_two_packets_of_one_number_are_two_numbers_of_ours() -> None:
    out, said = talker()
    packets = [p._replace(sequence=100) for p in theirs(*[b"x" * 160] * 3)]
    carry(out, packets)
    assert said.numbers == [0, 1, 2]  # SRTP would drop the others as repeated


def test_frames_follow_packets_and_packets_frames_on_one_timeline() -> None:
    out, said = talker()
    packets = list(theirs(*[b"x" * 160] * 30))
    carry(out, packets[:10])
    write(out, frames(8000, 10))
    carry(out, packets[20:])
    assert said.numbers == list(range(30)) and said.stamps == [n * 160 for n in range(30)]
    assert said.markers == [True] + [False] * 29


@pytest.mark.rfc(4733, "2.2.1")
def test_a_key_takes_the_place_of_carried_packets() -> None:
    out, said = talker()
    packets = list(theirs(*[b"x" * 160] * 40))
    carry(out, packets[:10])
    out.keys.press("1")
    carry(out, packets[10:])
    keys = [one for one in said if one.payload_type == EVENT]
    assert said[10 : 10 + len(keys)] == keys and len(keys) >= 5
    assert {ahead(one.timestamp, STAMP, 32) for one in keys} == {10 * 160}
    assert said.numbers == list(range(len(said)))  # what was not said is not lost
    assert said.stamps[-1] == 39 * 160
    assert said[10 + len(keys)].marker and not said[-1].marker


def test_what_is_carried_while_we_must_not_send_is_no_loss_behind_it() -> None:
    out, said = talker()
    packets = list(theirs(*[b"x" * 160] * 30))
    carry(out, packets[:10])
    out.silent = True
    carry(out, packets[10:20])
    out.silent = False
    carry(out, packets[20:])
    assert said.numbers == list(range(20))
    assert said.stamps == [*(n * 160 for n in range(10)), *(n * 160 for n in range(20, 30))]
    assert said.markers == [n in (0, 10) for n in range(20)]


@pytest.mark.parametrize("ms", [10, 20, 40, 60])
def test_frames_behind_longer_packets_do_not_say_again_what_these_hold(ms: int) -> None:
    """A beat that brings 60 ms is followed by two that bring nothing; then somebody wants samples,
    and these come again from where the beat is.
    """
    for last in range(4, 8):
        out, said = talker(OPUS, 48_000)
        packets = theirs(*[opus(ms)] * 40, ticks=48 * ms)
        until = 0
        for beat in range(last):
            due = []
            while until < (beat + 1) * 20:
                due.append(next(packets))
                until += ms
            out.carry(due, 0.0)
        write(out, frames(48_000, 6))
        ends = [at + duration(p.payload) for at, p in zip(said.stamps, said, strict=True)]
        assert said.stamps[1:] == ends[:-1]
        assert ends[-1] == (last + 6) * 960


def test_the_encoder_is_kept_warm_while_frames_are_not_to_be_said_again() -> None:
    codec, made = counting("pcmu")
    out, said = talker(codec)
    packets = theirs(*[bytes(480)] * 3, ticks=480)  # 60 ms each
    out.carry([next(packets)], 0.0)
    write(out, [np.full(160, n, np.int16) for n in (1, 2, 3)])
    assert [int(one[0]) for one in made[0].given] == [1, 2, 3]
    assert len(said) == 2 and said.stamps == [0, 480]


@pytest.mark.parametrize("slips", [-36, 36])
def test_a_clock_of_theirs_that_drifts_is_no_jump_when_frames_follow(slips: int) -> None:
    """200 ppm for an hour: so many beats brought two packets, or none. They are 0.72 s."""
    out, said = talker(OPUS, 48_000)
    packets = theirs(*[opus(20)] * 2000, ticks=960)
    for beat in range(1000):
        slip = beat % 20 == 9 and beat // 20 < abs(slips)
        count = (2 if slips > 0 else 0) if slip else 1
        out.carry([next(packets) for _ in range(count)], 0.0)
    write(out, frames(48_000, 50))
    assert said.stamps == [n * 960 for n in range(1000 + slips + 50)]
    assert said.numbers == list(range(1000 + slips + 50))
    carry(out, list(packets)[-5:])  # and back
    assert said.stamps[-1] == (1000 + slips + 54) * 960


Step = tuple[str, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("carry"), st.integers(0, 3)),
        st.tuples(st.just("write"), st.integers(1, 4)),
        st.tuples(st.sampled_from(["lose", "pause", "press", "hold"]), st.integers(0, 5)),
        st.tuples(st.sampled_from(["ssrc", "sequence", "timestamp"]), st.integers(0, 2**32 - 1)),
    ),
    max_size=60,
)


@given(steps, st.sampled_from([10, 20, 40, 60]))
def test_whatever_comes_no_number_comes_twice_and_sound_never_goes_back(
    given_steps: list[Step], ms: int
) -> None:
    out, said = talker(OPUS, 8000)
    theirs_next = RtpPacket(99, 5, 77, 1, opus(ms))
    for what, how in given_steps:
        if what == "carry":
            beat = []
            for _ in range(how):
                beat.append(theirs_next)
                theirs_next = moved(theirs_next, 1, ms * 48)
            out.carry(beat, 0.0)
        elif what == "write":
            write(out, frames(8000, how))
        elif what == "lose":
            theirs_next = moved(theirs_next, how, how * ms * 48)
        elif what == "pause":
            theirs_next = moved(theirs_next, 0, how * 7001)
        elif what == "press":
            out.keys.press("1" * (how % 2))
        elif what == "hold":
            out.silent = how > 3
        else:
            fresh: dict[str, Any] = {what: how & (65_535 if what == "sequence" else -1)}
            theirs_next = theirs_next._replace(**fresh)
    assert all(1 <= step <= 1001 for step in np.diff(unwrapped(said, 16)))
    sound = Said(one for one in said if one.payload_type == 111)
    stamps = unwrapped(sound, 32)
    ends = [at + duration(one.payload) for at, one in zip(stamps, sound, strict=True)]
    assert all(begin >= end for begin, end in zip(stamps[1:], ends, strict=False))
    assert all(
        one.timestamp == other.timestamp or ahead(other.timestamp, one.timestamp, 32) > 0
        for one, other in itertools.pairwise(said)
    )


def moved(packet: RtpPacket, numbers: int, ticks: int) -> RtpPacket:
    return packet._replace(
        sequence=(packet.sequence + numbers) & 0xFFFF,
        timestamp=(packet.timestamp + ticks) & 0xFFFFFFFF,
    )


def unwrapped(said: Said, bits: int) -> list[int]:
    found: list[int] = []
    for one in said:
        number = one.sequence if bits == 16 else one.timestamp
        found.append(found[-1] + ahead(number, found[-1] % (1 << bits), bits) if found else number)
    return found


def test_an_encoder_that_is_primed_has_heard_what_was_carried() -> None:
    codec, made = counting()
    out, said = talker(codec)
    carry(out, list(theirs(b"x" * 320)))
    past = np.full(160, 5, np.int16)
    out.prime(past)
    out.prime(np.zeros(320, np.int16))  # of another rate: of no use
    write(out, [np.full(160, 6, np.int16)])
    assert [int(one[0]) for one in made[0].given] == [5, 6] and len(said) == 2


def test_carried_packets_count_as_sent() -> None:
    out, said = talker(PCMU)
    for n, packet in enumerate(theirs(*[b"x" * 160] * 5)):
        out.carry([packet], 7.0 + n * 0.02)
    sender = out._sender
    assert (sender.packets, sender.octets) == (5, 800)
    assert sender.timestamp(7.08) == said[-1].timestamp
