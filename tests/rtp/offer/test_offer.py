"""Offer and answer: what two ends agree on, and what they refuse."""

from __future__ import annotations

import attrs
import pytest

from siptg.rtp.codecs import OPUS, PCMA, PCMU
from siptg.rtp.offer import Direction, MediaTerms, Plain, Setup
from siptg.rtp.sdp import SdpError, SessionDescription
from tests.support.sdp import GSM, agreed, audio, end, parsed, said, section, version

PHONE = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 9 0 8 120 97\r\na=rtpmap:120 opus/48000/2\r\n"
    b"a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\na=sendrecv\r\n"
    b"m=video 4002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
)


@pytest.mark.rfc(3264, "6.1")
def test_two_of_us_agree_on_the_best_of_the_answerer_in_the_offers_numbers() -> None:
    a, b = end(PCMU, OPUS, port=2000), end(OPUS, PCMU, port=3000)
    a.accept(b.answer(a.offer()))
    assert a.agreed is not None and b.agreed is not None
    assert (a.agreed.codec, b.agreed.codec) == (OPUS, OPUS)
    assert (a.agreed.remote, b.agreed.remote) == (("192.0.2.1", 3000), ("192.0.2.1", 2000))
    assert (a.agreed.event_type, b.agreed.event_type) == (103, 103)
    assert (a.agreed.event_rate, b.agreed.event_rate) == (48_000, 48_000)


def test_the_offerers_payload_types_are_kept_and_other_media_declined() -> None:
    us = end(OPUS)
    answer = us.answer(PHONE)
    assert us.agreed is not None
    assert (us.agreed.send_type, us.agreed.event_type) == (120, 97)
    parsed = SessionDescription.parse(answer)
    assert [(m.kind, m.port) for m in parsed.media] == [("audio", 2000), ("video", 0)]
    assert parsed.media[0].formats == ["120", "97"]


def test_static_payload_types_need_no_rtpmap() -> None:
    us = end(PCMA)
    us.answer(PHONE)
    assert us.agreed is not None and us.agreed.send_type == 8


@pytest.mark.rfc(3264, "8")
def test_the_version_rises_when_and_only_when_something_changed() -> None:
    us = end()
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


@pytest.mark.rfc(3264, "8")
def test_the_version_stays_through_a_call_in_which_nothing_changes() -> None:
    a, b = end(), end(port=3000)
    first = b.answer(a.offer())
    a.accept(first)
    again = b.answer(a.offer())
    a.accept(again)
    assert (version(first), version(again)) == (1, 1)
    b.port = 3002
    moved = b.answer(a.offer())
    a.accept(moved)
    assert (version(moved), agreed(a).remote) == (2, ("192.0.2.1", 3002))


@pytest.mark.rfc(3264, "8")
def test_a_session_keeps_its_name_when_its_media_moves() -> None:
    us = end()
    origin = parsed(us.offer()).origin.split()
    us.host, us.port = "198.51.100.7", 5000
    moved = parsed(us.offer())
    assert moved.origin.split() == [*origin[:2], "2", *origin[3:]]
    assert (moved.host_of(moved.media[0]), moved.media[0].port) == ("198.51.100.7", 5000)


@pytest.mark.rfc(8866, "5")
def test_what_we_write_is_whole() -> None:
    lines = end(PCMA).offer().decode().split("\r\n")
    assert lines == [
        "v=0",
        "o=- 42 1 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 2000 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "a=rtcp-mux",
        "",
    ]


@pytest.mark.rfc(3264, "8.3.1")
def test_a_reoffer_may_move_their_media_and_change_its_codec() -> None:
    us = end(PCMU, PCMA)
    us.answer(audio("0"))
    us.answer(
        audio("8").replace(b"4000", b"4444").replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 192.0.2.8")
    )
    assert (agreed(us).codec, agreed(us).remote) == (PCMA, ("192.0.2.8", 4444))
    assert agreed(us).remote_rtcp == ("192.0.2.8", 4445)


@pytest.mark.rfc(6337, "5.1")
def test_a_later_offer_holds_all_that_we_can_and_what_is_agreed_first() -> None:
    us = end(PCMU, PCMA, OPUS)
    us.answer(audio("8"))
    assert section(us.offer()).formats[:3] == ["8", "0", "111"]


@pytest.mark.rfc(3264, "7")
def test_of_an_answer_the_first_codec_is_sent_and_any_of_it_heard() -> None:
    us = end(PCMU, PCMA, OPUS)
    us.offer()
    us.accept(audio("8 0"))
    assert (agreed(us).codec, agreed(us).receive) == (PCMA, {8: PCMA, 0: PCMU})


@pytest.mark.rfc(3264, "6.1")
def test_an_answer_may_name_all_codecs_that_both_know() -> None:
    us = end(PCMU, PCMA, OPUS, one_codec=False)
    answer = us.answer(audio("18 8 0 96", "rtpmap:96 OPUS/48000/2"))
    assert section(answer).formats == ["0", "8", "96"]
    assert agreed(us).receive == {0: PCMU, 8: PCMA, 96: OPUS}


@pytest.mark.rfc(3264, "5.1")
def test_until_its_answer_comes_packets_may_come_by_any_of_an_offer() -> None:
    us = end(PCMU, PCMA)
    assert us.expected is None
    us.offer()
    assert us.expected is not None
    assert (us.expected.codecs, us.expected.events) == ({0: PCMU, 8: PCMA}, {101: 8000})
    us.accept(audio("8"))
    assert us.expected.codecs == {8: PCMA} and us.expected.events == {}
    us.terms = attrs.evolve(us.terms, codecs=(OPUS,))
    us.offer()
    assert us.expected.codecs == {8: PCMA, 111: OPUS}


@pytest.mark.rfc(3264, "6")
def test_media_that_came_with_an_offer_stays_in_all_later_ones() -> None:
    us = end(PCMU)
    us.answer(said("m=image 9 udptl t38", "m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP"))
    for data in (us.offer(), us.offer()):
        media = [(m.kind, m.port, m.protocol, m.formats[:1]) for m in parsed(data).media]
        assert media == [
            ("image", 0, "udptl", ["t38"]),
            ("audio", 2000, "RTP/AVP", ["0"]),
            ("video", 0, "RTP/AVP", ["0"]),
        ]


@pytest.mark.rfc(3264, "8.1")
def test_a_section_is_found_again_in_its_place_and_new_ones_are_declined() -> None:
    us = end(PCMU)
    us.answer(said("m=video 1 RTP/AVP 99", "m=audio 4000 RTP/AVP 0"))
    later = said("m=video 1 RTP/AVP 99", "m=audio 4000 RTP/AVP 0", "m=audio 4100 RTP/AVP 0")
    assert [m.port for m in parsed(us.answer(later)).media] == [0, 2000, 0]
    swapped = later.replace(b"video 1", b"audio 3000").replace(b"AVP 99", b"AVP 0")
    assert [m.port for m in parsed(us.answer(swapped)).media] == [0, 2000, 0]


@pytest.mark.rfc(3264, "8.2")
def test_audio_that_they_turn_off_in_a_call_can_come_back() -> None:
    us = end(PCMU)
    us.answer(audio("0", "mid:a"))
    off = us.answer(audio("0", "mid:a").replace(b"audio 4000", b"audio 0"))
    assert (section(off).port, agreed(us).direction, agreed(us).held) == (
        0,
        Direction.INACTIVE,
        True,
    )
    assert section(us.offer()).port == 2000
    us.refused()
    us.answer(audio("0", "mid:a"))
    assert (agreed(us).direction, agreed(us).held) == (Direction.SENDRECV, False)


@pytest.mark.rfc(3264, "8.2")
@pytest.mark.parametrize(
    "lines",
    [
        ["m=audio 0 RTP/AVP 0"],  # ours was the second
        ["m=video 1 RTP/AVP 99"],
        ["m=video 0 RTP/AVP 99", "m=video 0 RTP/AVP 99", "m=audio 0 RTP/AVP 0"],
    ],
)
def test_an_offer_in_a_call_that_has_not_our_audio_is_refused(lines: list[str]) -> None:
    us = end(PCMU)
    us.answer(said("m=video 1 RTP/AVP 99", "m=audio 4000 RTP/AVP 0"))
    before = agreed(us)
    with pytest.raises(SdpError, match="no audio in the offer"):
        us.answer(said(*lines))
    assert agreed(us) == before


def test_audio_that_is_turned_off_in_a_strange_protocol_is_offered_again_in_ours() -> None:
    us = end(PCMU)
    us.answer(audio("0"))
    us.answer(said("m=audio 0 RTP/FOO 0"))
    assert section(us.offer()).protocol == "RTP/AVP"
    us.accept(audio("0"))


@pytest.mark.rfc(3264, "6")
def test_an_answer_may_leave_out_what_it_declines_but_add_nothing() -> None:
    us = end(PCMU)
    us.answer(said("m=video 1 RTP/AVP 99", "m=audio 4000 RTP/AVP 0"))
    us.offer()
    us.accept(audio("0"))
    assert agreed(us).remote[1] == 4000
    us.offer()
    for line in ("m=video 4000 RTP/AVP 0", "m=audio 0 RTP/AVP 0"):
        with pytest.raises(SdpError, match="takes no audio"):
            us.accept(said(line))
    with pytest.raises(SdpError, match="the answer has 3 media for 2"):
        us.accept(said(*["m=audio 4000 RTP/AVP 0"] * 3))
    with pytest.raises(SdpError, match="takes no audio"):
        us.accept(said("m=audio 4000 RTP/AVP 0", "m=video 4000 RTP/AVP 0"))


@pytest.mark.rfc(3264, "4")
def test_after_a_late_offer_the_same_is_agreed_as_after_an_early_one() -> None:
    """INVITE without a description: our offer is in the 2xx, their answer in the ACK."""
    early, late = end(PCMU, OPUS), end(PCMU, OPUS)
    early.answer(audio("0 101", "rtpmap:101 telephone-event/8000", "rtcp-mux"))
    late.offer()
    late.accept(audio("0 101", "rtpmap:101 telephone-event/8000", "rtcp-mux"))
    assert early.agreed == late.agreed


@pytest.mark.rfc(4585, "4.2")
@pytest.mark.parametrize("protocol", ["RTP/AVP", "RTP/AVPF", "rtp/avp"])
def test_an_answer_has_the_protocol_of_the_offer_and_so_have_later_offers(protocol: str) -> None:
    us = end(PCMU)
    assert section(us.answer(audio("0", protocol=protocol))).protocol == protocol
    assert section(us.offer()).protocol == protocol
    assert agreed(us).security == Plain()


@pytest.mark.parametrize("protocol", ["udp", "RTP/FOO", "TCP/RTP/AVP", "RTP/AVP/X", "DCCP/RTP/AVP"])
def test_what_is_no_rtp_that_we_speak_is_refused(protocol: str) -> None:
    with pytest.raises(SdpError, match=f"protocol '{protocol}'"):
        end(PCMU).answer(audio("0", protocol=protocol))


def test_all_reasons_are_told() -> None:
    with pytest.raises(SdpError, match=r"use: its port is 0; no codec that both ends know$"):
        end(PCMU).answer(said("m=audio 0 RTP/AVP 0", "m=audio 4 RTP/AVP 3", "m=audio 4 RTP/AVP 3"))
    with pytest.raises(SdpError, match=r"use: there is none$"):
        end(PCMU).answer(said("m=video 4 RTP/AVP 0"))


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"codecs": ()}, "no codec"),
        ({"ptime": 25}, "10, 20, 30"),
        ({"maxptime": 70}, "10, 20, 30"),
        ({"setup": Setup.ACTPASS}, "active or passive"),
        ({"suites": ("DES",)}, "unknown suite 'DES'"),
    ],
)
def test_terms_that_make_no_sense_are_refused(terms: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        MediaTerms(**{"codecs": (GSM,), **terms})  # type: ignore[arg-type]
