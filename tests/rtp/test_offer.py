"""Offer and answer: what two ends agree on, and what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.codecs import OPUS, PCMA, PCMU, Codec
from siptg.rtp.offer import Direction, Negotiator
from siptg.rtp.sdp import SdpError, SessionDescription

PHONE = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 9 0 8 120 97\r\na=rtpmap:120 opus/48000/2\r\n"
    b"a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\na=sendrecv\r\n"
    b"m=video 4002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
)


def end(*codecs: Codec, port: int = 2000) -> Negotiator:
    return Negotiator("192.0.2.1", port, codecs or (PCMU, PCMA, OPUS), 42)


def section(data: bytes, n: int = 0) -> object:
    return SessionDescription.parse(data).media[n]


@pytest.mark.rfc(3264, "6.1")
def test_two_of_us_agree_on_the_best_of_the_answerer_in_the_offers_numbers() -> None:
    a, b = end(PCMU, OPUS, port=2000), end(OPUS, PCMU, port=3000)
    a.accept(b.answer(a.offer()))
    assert a.agreed is not None and b.agreed is not None
    assert (a.agreed.codec, b.agreed.codec) == (OPUS, OPUS)
    assert (a.agreed.remote, b.agreed.remote) == (("192.0.2.1", 3000), ("192.0.2.1", 2000))
    assert (a.agreed.event_type, b.agreed.event_type) == (101, 101)


def test_the_offerers_payload_types_are_kept_and_other_media_declined() -> None:
    us = end(OPUS)
    answer = us.answer(PHONE)
    assert us.agreed is not None
    assert (us.agreed.payload_type, us.agreed.event_type) == (120, 97)
    parsed = SessionDescription.parse(answer)
    assert [(m.kind, m.port) for m in parsed.media] == [("audio", 2000), ("video", 0)]
    assert parsed.media[0].formats == ["120", "97"]


def test_static_payload_types_need_no_rtpmap() -> None:
    us = end(PCMA)
    us.answer(PHONE)
    assert us.agreed is not None and us.agreed.payload_type == 8


@pytest.mark.rfc(3264, "8.4")
@pytest.mark.parametrize(
    ("line", "ours", "held"),
    [
        ("sendonly", "recvonly", True),
        ("inactive", "inactive", True),
        ("recvonly", "sendonly", False),
        ("sendrecv", "sendrecv", False),
    ],
)
def test_hold_is_read_and_mirrored(line: str, ours: str, held: bool) -> None:
    us = end()
    answer = us.answer(PHONE.replace(b"a=sendrecv", b"a=" + line.encode()))
    assert us.agreed is not None
    assert (us.agreed.direction.value, us.agreed.held) == (ours, held)
    assert f"a={ours}\r\n".encode() in answer


@pytest.mark.rfc(3264, "8.4")
def test_the_old_hold_by_a_zero_address_is_a_hold() -> None:
    us = end()
    us.answer(PHONE.replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0"))
    assert us.agreed is not None
    assert (us.agreed.held, us.agreed.direction) == (True, Direction.RECVONLY)


@pytest.mark.rfc(3264, "8")
def test_the_version_rises_when_and_only_when_something_changed() -> None:
    us = end()

    def version(data: bytes) -> int:
        return int(SessionDescription.parse(data).origin.split()[2])

    first, same = us.offer(), us.offer()
    us.direction = Direction.SENDONLY
    held = us.offer()
    assert (version(first), version(same), version(held)) == (1, 1, 2)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"audio 4000", b"audio 0", "no audio"),
        (b"RTP/AVP 9 0 8 120 97", b"RTP/AVP 9 18", "no audio"),
        (b"RTP/AVP 9", b"RTP/SAVP 9", "no audio"),
        (b"audio 4000", b"audio 99999", "line 6: bad port"),
        (b"c=IN IP4 192.0.2.9\r\n", b"", "no connection address"),
        (b"v=0", b"v=1", "does not begin with v=0"),
        (b"t=0 0", b"tea", "line 5 is no type=value"),
    ],
)
def test_what_cannot_be_used_says_why(old: bytes, new: bytes, why: str) -> None:
    with pytest.raises(SdpError, match=why):
        end().answer(PHONE.replace(old, new, 1))


def test_an_answer_that_takes_nothing_is_an_error() -> None:
    us = end(PCMU)
    offer = us.offer()
    with pytest.raises(SdpError, match="takes no audio"):
        us.accept(offer.replace(b"audio 2000", b"audio 0"))
    with pytest.raises(SdpError, match="no codec of our offer"):
        us.accept(offer.replace(b"AVP 0 101", b"AVP 3").replace(b"rtpmap:0 PCMU", b"rtpmap:3 GSM"))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_an_sdp_error(data: bytes) -> None:
    for text in (data, PHONE[: len(data) * 2] + data):
        us = end()
        us.offer()
        for read in (us.answer, us.accept):
            try:
                read(text)
            except SdpError:
                continue
