"""Keys sent as telephone events: each whole, on the beat, one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.digits.events import DtmfReceiver, DtmfSender
from siptg.rtp.digits.keypad import KEYS, LONGEST
from siptg.rtp.packet import RtpPacket

Sent = tuple[int, bytes, bool]


def beats(sender: DtmfSender, stamp: int = 1000, most: int = 100_000) -> list[Sent | None]:
    """One entry a packet time, until nothing is to be sent."""
    out: list[Sent | None] = []
    while sender.busy and len(out) < most:
        out.append(sender.next(stamp))
        stamp = (stamp + sender.packet_ms * sender.clock_rate // 1000) & 0xFFFFFFFF
    return out


def sent(digits: str, milliseconds: int = 100) -> list[Sent | None]:
    sender = DtmfSender()
    sender.press(digits, milliseconds)
    return beats(sender)


def durations(packets: Sequence[Sent | None]) -> list[int]:
    return [int.from_bytes(p[1][2:]) for p in packets if p]


def ends(packets: Sequence[Sent | None]) -> list[bool]:
    return [bool(p[1][1] & 0x80) for p in packets if p]


@pytest.mark.rfc(4733, "2.5.1.2")
@pytest.mark.rfc(4733, "2.5.1.4")
def test_a_key_is_100_ms_of_growing_duration_and_its_end_is_sent_three_times() -> None:
    packets = sent("5")
    assert durations(packets) == [160, 320, 480, 640, 800, 800, 800, 800]
    assert ends(packets) == [False] * 5 + [True] * 3
    assert [p[1][0] for p in packets if p] == [5] * 8


@pytest.mark.rfc(4733, "2.2.1")
@pytest.mark.rfc(4733, "2.2.2")
def test_its_packets_share_the_time_of_its_begin_and_the_first_alone_is_marked() -> None:
    packets = [p for p in sent("5") if p]
    assert {p[0] for p in packets} == {1000}
    assert [p[2] for p in packets] == [True] + [False] * 7


def test_keys_begin_100_ms_of_tone_and_60_of_pause_behind_one_another() -> None:
    starts = [p[0] for p in sent("12#") if p and p[2]]
    assert starts == [1000, 1000 + 160 * 8, 1000 + 160 * 16]


@pytest.mark.rfc(4733, "3.2")
def test_sixteen_keys_and_the_hook_have_the_codes_0_to_16() -> None:
    codes = [p[1][0] for p in sent(KEYS + "!") if p and p[2]]
    assert codes == list(range(17))
    assert [p[1][0] for p in sent("abcd") if p and p[2]] == [12, 13, 14, 15]


@pytest.mark.rfc(4733, "2.3.4")
def test_the_volume_is_what_was_asked_for() -> None:
    sender = DtmfSender(volume=7)
    sender.press("1")
    assert {p[1][1] & 0x7F for p in beats(sender) if p} == {7}


@pytest.mark.parametrize("packet_ms", [10, 20, 30, 40, 50, 60])
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_each_packet_length_and_clock_rate_has_its_durations(packet_ms: int, rate: int) -> None:
    sender = DtmfSender(rate, packet_ms=packet_ms)
    sender.press("7", 120)
    packets = beats(sender)
    growing = [min(120, n * packet_ms) * rate // 1000 for n in range(1, 13)]
    until = growing.index(120 * rate // 1000) + 1
    assert durations(packets) == growing[:until] + [120 * rate // 1000] * 3
    assert len(packets) * packet_ms >= 180, "the pause is kept"


def test_a_length_that_no_packets_fill_is_told_exactly() -> None:
    packets = sent("1", 50)
    assert durations(packets) == [160, 320, 400, 400, 400, 400]
    assert ends(packets) == [False] * 3 + [True] * 3


def test_a_longer_pause_is_kept_and_nothing_is_sent_in_it() -> None:
    sender = DtmfSender(pause=200)
    sender.press("12")
    packets = beats(sender)
    assert packets[8:15] == [None] * 7
    second = packets[15]
    assert second is not None and second[0] == 1000 + 300 * 8 and second[2]


@pytest.mark.rfc(4733, "2.5.1.3")
def test_what_outlasts_the_duration_field_goes_on_in_segments_without_mark_or_end() -> None:
    packets = [p for p in sent("9", 20_000) if p]
    stamps = list(dict.fromkeys(p[0] for p in packets))
    assert stamps == [1000, 1000 + 0xFFFF, 1000 + 2 * 0xFFFF]
    for stamp in stamps[:-1]:
        segment = [p for p in packets if p[0] == stamp]
        assert durations(segment)[-1] == 0xFFFF, "each is told in full"
        assert not any(ends(segment))
    last = [p for p in packets if p[0] == stamps[-1]]
    assert durations(last)[-3:] == [20_000 * 8 - 2 * 0xFFFF] * 3
    assert ends(last)[-4:] == [False, True, True, True]
    assert [p[2] for p in packets] == [True] + [False] * (len(packets) - 1)


@pytest.mark.rfc(4733, "2.5.1.3")
def test_at_48_khz_a_segment_is_full_after_1_3_seconds_and_time_wraps_within_it() -> None:
    sender = DtmfSender(48_000)
    sender.press("9", 3000)
    packets = [p for p in beats(sender, 0xFFFFFFFF - 100) if p]
    stamps = list(dict.fromkeys(p[0] for p in packets))
    assert [(b - a) % 2**32 for a, b in pairwise(stamps)] == [0xFFFF] * 2
    assert durations(packets)[-1] == 3 * 48_000 - 2 * 0xFFFF


@given(st.integers(40, LONGEST), st.sampled_from([8000, 16_000, 48_000]))
def test_whatever_its_length_a_key_is_told_whole_and_heard_once(length: int, rate: int) -> None:
    sender, receiver, heard = DtmfSender(rate), DtmfReceiver(rate), ""
    sender.press("3", length)
    for at, made in enumerate(beats(sender)):
        if made:
            assert int.from_bytes(made[1][2:]) > 0
            packet = RtpPacket(101, at & 0xFFFF, made[0], 7, made[1], made[2])
            heard += receiver.receive(packet, at / 50) or ""
    assert heard == "3"
    assert [key.milliseconds for key in receiver.ended(0.0)] == [length]


def test_a_key_that_is_held_sounds_until_it_is_let_go() -> None:
    sender = DtmfSender()
    sender.start("4")
    packets = [sender.next(1000 + 160 * n) for n in range(20)]
    sender.stop()
    packets += beats(sender)
    assert durations(packets)[19:] == [3200] * 4
    assert ends(packets) == [False] * 20 + [True] * 3


def test_a_touch_is_long_enough_to_be_heard() -> None:
    sender = DtmfSender()
    sender.start("4")
    first = sender.next(1000)
    sender.stop()
    assert durations([first, *beats(sender)]) == [160, 320, 320, 320, 320]


def test_a_key_let_go_before_its_turn_sounds_as_any_other() -> None:
    sender = DtmfSender()
    sender.press("1")
    sender.start("2")
    sender.stop()
    sender.press("3")
    packets = beats(sender)
    assert [p[1][0] for p in packets if p and p[2]] == [1, 2, 3]
    assert durations(packets)[7::8] == [800] * 3


def test_to_hold_another_key_lets_go_of_the_first() -> None:
    sender = DtmfSender()
    sender.start("1")
    packets = [sender.next(1000 + 160 * n) for n in range(10)]
    sender.start("2")
    packets += [sender.next(2600 + 160 * n) for n in range(20)]
    sender.stop()
    sender.stop()
    packets += beats(sender)
    assert [p[1][0] for p in packets if p and p[2]] == [1, 2]
    assert ends(packets).count(True) == 6


def test_a_key_that_nobody_lets_go_is_let_go_after_a_minute() -> None:
    sender = DtmfSender()
    sender.start("1")
    packets = beats(sender)
    assert not sender.busy
    assert sum(ends(packets)) == 3
    sender.stop()
    assert not sender.busy


def test_what_is_no_key_is_refused_and_nothing_is_sent() -> None:
    sender = DtmfSender()
    for wrong in ("12x", "ß", "1 2"):
        with pytest.raises(ValueError, match="not a key"):
            sender.press(wrong)
    for wrong in ("", "12"):
        with pytest.raises(ValueError, match="not a key"):
            sender.start(wrong)
    for length in (0, 39, LONGEST + 1):
        with pytest.raises(ValueError, match="40 to 60000 ms"):
            sender.press("1", length)
    with pytest.raises(ValueError, match="more than 256 keys at once"):
        sender.press("1" * 257)
    assert not sender.busy and sender.next(0) is None


def test_the_queue_takes_what_it_has_room_for() -> None:
    sender = DtmfSender()
    sender.press("1" * 256)
    with pytest.raises(ValueError, match="at once"):
        sender.start("2")
    assert [p[1][0] for p in beats(sender) if p and p[2]] == [1] * 256
