"""Keys by RFC 4733: each sent whole, each received once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.dtmf import KEYS, DtmfReceiver, DtmfSender
from siptg.rtp.packet import RtpPacket


def sent(digits: str) -> list[RtpPacket | None]:
    """One entry a beat; None where a beat sends nothing."""
    sender, out, stamp = DtmfSender(), list[RtpPacket | None](), 1000
    sender.press(digits)
    while sender.busy:
        made = sender.next(stamp)
        out.append(RtpPacket(101, len(out), made[0], 7, made[1], made[2]) if made else None)
        stamp += 160
    return out


@pytest.mark.rfc(4733, "2.5.1")
def test_a_key_is_100_ms_of_growing_duration_ended_three_times() -> None:
    beats = sent("5")
    packets = [p for p in beats if p]
    assert [p.marker for p in packets] == [True] + [False] * 7
    assert {p.timestamp for p in packets} == {1000}
    assert [int.from_bytes(p.payload[2:], "big") for p in packets] == [160, 320, 480, 640] + [
        800
    ] * 4
    assert [p.payload[1] >> 7 for p in packets] == [0] * 5 + [1] * 3
    assert beats[-3:] == [None, None, None]


def test_keys_follow_one_another_with_a_pause_and_times_of_their_own() -> None:
    stamps = [p.timestamp for p in sent("12#") if p]
    assert len(set(stamps)) == 3 and len(stamps) == 24


def test_what_is_no_key_is_refused_and_nothing_is_sent() -> None:
    sender = DtmfSender()
    with pytest.raises(ValueError, match="not a key: 'x'"):
        sender.press("12x")
    with pytest.raises(ValueError, match="at once"):
        sender.press("1" * 1000)
    assert not sender.busy


@pytest.mark.rfc(4733, "2.5.2")
@given(st.text(KEYS, min_size=1, max_size=8), st.data())
def test_each_key_is_told_once_if_any_of_its_packets_arrives(
    digits: str, data: st.DataObject
) -> None:
    receiver, heard = DtmfReceiver(), ""
    packets = [p for p in sent(digits) if p]
    for start in range(0, len(packets), 8):
        group = packets[start : start + 8]
        kept = data.draw(st.lists(st.sampled_from(group), min_size=1, max_size=12))
        heard += "".join(k for p in kept if (k := receiver.receive(p)))
    assert heard == digits


def test_cut_off_events_are_counted_and_hook_flash_is_no_key() -> None:
    receiver = DtmfReceiver()
    assert receiver.receive(RtpPacket(101, 1, 1, 1, b"\x01")) is None
    assert receiver.receive(RtpPacket(101, 1, 2, 1, b"\x10\x80\x00\xa0")) is None
    assert receiver.garbage == 1
