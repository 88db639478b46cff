"""Telephone events received: each key once, whatever is lost, doubled or late."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.digits.events import DtmfReceiver, DtmfSender, Key
from siptg.rtp.digits.keypad import KEYS
from siptg.rtp.packet import RtpPacket
from tests.support.captures import capture, datagrams


def key(digits: str, milliseconds: int = 100, rate: int = 8000, **more: int) -> list[RtpPacket]:
    """The packets of these keys as another telephone sends them."""
    sender, out, stamp = DtmfSender(rate), list[RtpPacket](), more.get("stamp", 1000)
    sender.press(digits, milliseconds)
    sequence = more.get("sequence", 1)
    while sender.busy:
        made = sender.next(stamp)
        if made:
            out.append(RtpPacket(101, sequence + len(out), made[0], 7, made[1], made[2]))
        stamp += rate // 50
    return out


def event(
    code: int,
    duration: int,
    stamp: int,
    *,
    end: bool = False,
    marker: bool = False,
    sequence: int = 1,
) -> RtpPacket:
    payload = bytes([code, 0x80 * end | 10]) + duration.to_bytes(2)
    return RtpPacket(101, sequence, stamp, 7, payload, marker)


def heard(packets: list[RtpPacket], receiver: DtmfReceiver | None = None, now: float = 0.0) -> str:
    """One packet each 20 ms."""
    receiver = receiver or DtmfReceiver()
    return "".join(receiver.receive(p, now + n / 50) or "" for n, p in enumerate(packets))


@pytest.mark.rfc(4733, "2.5.2")
@pytest.mark.parametrize("lost", [list(bits) for bits in product([False, True], repeat=8)][:-1])
def test_a_key_is_told_once_whichever_of_its_packets_are_lost(lost: list[bool]) -> None:
    packets = [p for p, gone in zip(key("5"), lost, strict=True) if not gone]
    receiver = DtmfReceiver()
    assert heard(packets, receiver) == "5"
    (ended,) = receiver.ended(10.0)
    assert ended.symbol == "5"
    assert ended.milliseconds == max(int.from_bytes(p.payload[2:]) for p in packets) // 8


@given(st.text(KEYS, min_size=1, max_size=8), st.data())
def test_keys_are_told_in_turn_though_packets_are_lost_doubled_and_overtaken(
    digits: str, data: st.DataObject
) -> None:
    receiver, told = DtmfReceiver(), ""
    packets = key(digits)
    for start in range(0, len(packets), 8):
        group = packets[start : start + 8]
        kept = data.draw(st.lists(st.sampled_from(group), min_size=1, max_size=12))
        told += "".join(k for p in kept if (k := receiver.receive(p, 0.0)))
    assert told == digits


def test_a_key_is_told_at_its_begin_and_how_long_it_was_at_its_end() -> None:
    receiver = DtmfReceiver()
    packets = key("7", 200)
    assert receiver.receive(packets[0], 0.0) == "7"
    assert receiver.ended(0.0) == ()
    for n, packet in enumerate(packets[1:]):
        assert receiver.receive(packet, n / 50) is None
    assert receiver.ended(0.2) == [Key("7", 200)]
    assert receiver.ended(0.2) == ()


def test_equal_keys_in_a_row_are_as_many_keys() -> None:
    assert heard(key("1111")) == "1111"


def test_two_equal_keys_are_two_though_every_end_of_the_first_and_the_second_begin_are_lost() -> (
    None
):
    packets = key("11")
    assert heard(packets[:4] + packets[9:]) == "11"


def test_a_key_whose_end_never_comes_ends_by_time() -> None:
    receiver = DtmfReceiver()
    for n, packet in enumerate(key("5")[:4]):
        receiver.receive(packet, n / 50)
    assert receiver.ended(0.5) == ()
    assert receiver.ended(0.6) == [Key("5", 80)]
    assert receiver.ended(9.0) == ()
    assert receiver.receive(key("5")[7], 9.0) is None, "its end, late, is no other key"
    assert receiver.ended(9.0) == ()


@pytest.mark.rfc(4733, "2.5.2.2")
def test_a_new_key_ends_the_one_before_it() -> None:
    receiver = DtmfReceiver()
    assert heard(key("5")[:3] + key("6", stamp=3000), receiver) == "56"
    assert receiver.ended(0.3) == [Key("5", 60), Key("6", 100)]


@pytest.mark.rfc(4733, "2.5.2.3")
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_the_segments_of_a_long_key_are_one_key(rate: int) -> None:
    receiver = DtmfReceiver(rate)
    assert heard(key("9", 20_000, rate), receiver) == "9"
    assert receiver.ended(30.0) == [Key("9", 20_000)]


@pytest.mark.rfc(4733, "2.5.2.3")
@given(st.integers(0, 2**32 - 1), st.data())
def test_a_long_key_is_one_key_whichever_of_its_packets_are_lost(
    stamp: int, data: st.DataObject
) -> None:
    packets = [
        p._replace(timestamp=(p.timestamp + stamp) & 0xFFFFFFFF) for p in key("9", 4000, 48_000)
    ]
    kept = data.draw(st.lists(st.sampled_from(range(len(packets))), min_size=1, unique=True))
    receiver = DtmfReceiver(48_000)
    assert heard([packets[n] for n in sorted(kept)], receiver) == "9"


def test_two_long_keys_are_two() -> None:
    first = key("9", 10_000)
    second = key("9", 10_000, stamp=first[0].timestamp + 10_160 * 8, sequence=600)
    receiver = DtmfReceiver()
    assert heard(first + second, receiver) == "99"
    assert [k.milliseconds for k in receiver.ended(30.0)] == [10_000, 10_000]


@pytest.mark.rfc(4733, "2.5.1.5")
def test_events_packed_into_one_payload_are_told_if_they_were_not_yet() -> None:
    packed = b"\x01\x8a\x03\x20" + b"\x02\x8a\x03\x20" + b"\x03\x0a\x00\xa0"
    packet = RtpPacket(101, 9, 1000, 7, packed)
    receiver = DtmfReceiver()
    assert receiver.receive(packet, 0.0) == "123"
    assert receiver.ended(0.0) == [Key("1", 100), Key("2", 100)]
    receiver = DtmfReceiver()
    assert receiver.receive(event(1, 800, 1000, end=True), 0.0) == "1"
    assert receiver.receive(event(2, 160, 1800, sequence=2), 0.0) == "2"
    assert receiver.receive(packet, 0.1) == "3"
    assert receiver.receive(event(3, 640, 2600, end=True, sequence=10), 0.2) is None
    assert receiver.receive(packet._replace(sequence=11), 0.2) is None


@pytest.mark.rfc(4733, "2.5.1.5")
def test_equal_keys_packed_behind_one_another_are_two() -> None:
    packed = RtpPacket(101, 9, 1000, 7, b"\x01\x8a\x03\x20" + b"\x01\x0a\x00\xa0")
    assert DtmfReceiver().receive(packed, 0.0) == "11"


def test_a_gateway_that_moves_time_on_with_each_report_sends_one_key() -> None:
    packets = [event(5, 160 * n + 160, 1000 + 160 * n, sequence=n) for n in range(5)]
    packets += [event(5, 800, 1800 - 160 * n, end=True, sequence=5 + n) for n in range(3)]
    assert heard(packets) == "5"


def test_a_telephone_that_marks_every_packet_sends_one_key() -> None:
    assert heard([p._replace(marker=True) for p in key("55")]) == "55"


def test_a_key_pressed_again_without_a_new_time_is_a_second_one() -> None:
    receiver = DtmfReceiver()
    again = key("5", sequence=40)
    assert heard(key("5"), receiver) + heard(again, receiver) == "55"
    receiver = DtmfReceiver()
    for now in (0.0, 3.0, 6.0):  # a player of captures does not even count on
        assert heard(key("5"), receiver, now) == "5"


def test_a_begin_that_was_overtaken_by_its_end_is_no_second_key() -> None:
    begin, *others = key("5")
    assert heard([*others, begin, *others]) == "5"


def test_a_key_that_comes_behind_a_later_one_is_told_too_and_is_over() -> None:
    packets, receiver = key("12"), DtmfReceiver()
    assert heard(packets[8:] + packets[:8], receiver) == "21"
    assert [k.symbol for k in receiver.ended(1.0)] == ["2", "1"]


def test_another_source_is_another_telephone() -> None:
    receiver = DtmfReceiver()
    assert heard(key("5"), receiver) == "5"
    assert heard([p._replace(ssrc=8) for p in key("5")], receiver) == "5"


def test_time_and_sequence_may_wrap_within_a_key() -> None:
    packets = [
        p._replace(sequence=p.sequence & 0xFFFF, timestamp=p.timestamp & 0xFFFFFFFF)
        for p in key("125", stamp=2**32 - 1500, sequence=0xFFFE)
    ]
    assert heard(packets) == "125"


@pytest.mark.rfc(4733, "3.2")
def test_what_is_no_key_is_not_told_and_the_hook_only_to_who_wants_it() -> None:
    others = [event(code, 160, 1000 * code) for code in (16, 17, 36, 255)]
    assert heard(others) == ""
    assert heard(others, DtmfReceiver(flash=True)) == "!"
    assert heard([event(5, 160, 1000), event(36, 160, 2000), event(5, 800, 1000)]) == "5"


@pytest.mark.rfc(4733, "2.3.5")
def test_a_duration_of_nothing_tells_of_no_key() -> None:
    assert heard([event(5, 0, 1000, marker=True)]) == ""
    assert heard([event(5, 0, 1000, marker=True), event(5, 160, 1000)]) == "5"


@pytest.mark.rfc(4733, "2.3.3")
def test_the_reserved_bit_and_the_volume_do_not_matter() -> None:
    assert heard([RtpPacket(101, 1, 1000, 7, b"\x05\x7f\x00\xa0")]) == "5"


def test_payloads_that_are_no_events_are_counted_and_tell_of_nothing() -> None:
    receiver = DtmfReceiver()
    for size in (0, 1, 3, 5, 7, 36, 1400):
        payload = (b"\x05\x8a\x00\xa0" * 350)[:size]
        assert receiver.receive(RtpPacket(101, 1, size, 7, payload), 0.0) is None
    assert receiver.garbage == 7


@given(
    st.lists(
        st.tuples(
            st.integers(0, 0xFFFF),
            st.integers(0, 2**32 - 1) | st.integers(0, 3000),
            st.integers(0, 3),
            st.binary(max_size=40) | st.sampled_from([b"\x05\x0a\x00\xa0", b"\x05\x8a\xff\xff"]),
            st.booleans(),
        ),
        max_size=200,
    )
)
def test_hostile_packets_raise_nothing_and_are_not_remembered_for_ever(
    rows: list[tuple[int, int, int, bytes, bool]],
) -> None:
    receiver = DtmfReceiver()
    for n, (sequence, stamp, ssrc, payload, marker) in enumerate(rows):
        receiver.receive(RtpPacket(101, sequence, stamp, ssrc, payload, marker), n / 50)
    assert len(receiver._events) <= receiver.MOST_REMEMBERED
    assert len(receiver.ended(1e9)) <= receiver.MOST_REMEMBERED


def test_a_flood_of_events_that_nobody_asks_about_takes_no_room() -> None:
    receiver = DtmfReceiver()
    for n in range(10_000):
        receiver.receive(event(n % 16, 160, 1000 * n), n / 1000)
    assert len(receiver._events) == len(receiver._ended) == receiver.MOST_REMEMBERED


def test_the_capture_of_another_telephone_is_read_as_it_was_dialled() -> None:
    """Its first and last packets are there three times, and all are marked in one stream of two."""
    receiver, told, ended = DtmfReceiver(), dict[int, str](), dict[int, list[Key]]()
    for when, data in datagrams(capture("12-telephone-event.pcap")):
        packet = RtpPacket.parse(data)
        symbol = receiver.receive(packet, when)
        told[packet.ssrc] = told.get(packet.ssrc, "") + (symbol or "")
        ended.setdefault(packet.ssrc, []).extend(receiver.ended(when))
    assert list(told.values()) == ["123456789*0#5", "54321#"]
    assert [k.milliseconds for k in list(ended.values())[1]] == [200, 120, 100, 100, 80, 60]


def test_the_capture_that_sipp_plays_is_the_key_1_each_time_it_is_played() -> None:
    receiver, told = DtmfReceiver(), ""
    played = list(datagrams(capture("15-sipp-dtmf-2833-1.pcap")))
    for again in range(3):
        for when, data in played:
            told += receiver.receive(RtpPacket.parse(data), when + 2 * again) or ""
    assert told == "111"
    assert [k.milliseconds for k in receiver.ended(played[-1][0] + 9)] == [280] * 3
