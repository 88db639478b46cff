"""Where RTCP goes, and which of two families."""

from __future__ import annotations

import pytest

from siptg.rtp.codecs import PCMU
from siptg.rtp.sdp import SdpError
from tests.support.sdp import agreed, audio, end, parsed, said, section, talk


@pytest.mark.rfc(5761, "5.1.1")
@pytest.mark.parametrize(("ours", "theirs"), [(True, True), (True, False), (False, True)])
def test_rtcp_shares_the_port_where_both_want_it(ours: bool, theirs: bool) -> None:
    offer = audio("0", *["rtcp-mux"] * theirs, "rtcp:4009")
    us, caller = end(PCMU, rtcp_mux=ours), end(PCMU, rtcp_mux=ours)
    both, rtcp = ours and theirs, ("192.0.2.9", 4000 if ours and theirs else 4009)
    assert section(us.answer(offer)).has("rtcp-mux") == both
    assert section(caller.offer()).has("rtcp-mux") == ours
    caller.accept(offer)
    for one in (us, caller):
        assert (agreed(one).rtcp_mux, agreed(one).remote_rtcp) == (both, rtcp)


@pytest.mark.rfc(8858, "3")
def test_who_has_one_port_only_is_refused_where_we_need_two() -> None:
    with pytest.raises(SdpError, match="RTCP has no port of its own"):
        end(PCMU, rtcp_mux=False).answer(audio("0", "rtcp-mux-only"))
    assert section(end(PCMU).answer(audio("0", "rtcp-mux-only"))).has("rtcp-mux")


@pytest.mark.rfc(3605, "2.1")
@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ([], ("192.0.2.9", 4001)),
        (["rtcp:53020"], ("192.0.2.9", 53_020)),
        (["rtcp:53020 IN IP4 198.51.100.1"], ("198.51.100.1", 53_020)),
        (["rtcp:53020 IN IP6 2001:db8::1"], ("192.0.2.9", 53_020)),
        (["rtcp:53020 IN IP4 224.0.0.9"], ("192.0.2.9", 53_020)),
        (["rtcp:53020 IN IP4 300.1.1.1"], ("192.0.2.9", 53_020)),
        (["rtcp:0"], ("192.0.2.9", 4001)),
        (["rtcp:70000"], ("192.0.2.9", 4001)),
        (["rtcp:"], ("192.0.2.9", 4001)),
    ],
)
def test_where_rtcp_goes(lines: list[str], place: tuple[str, int]) -> None:
    us = end(PCMU)
    us.answer(audio("0", *lines))
    assert agreed(us).remote_rtcp == place


@pytest.mark.rfc(3605, "2.1")
def test_our_own_port_of_rtcp_is_told_where_it_is_not_the_next() -> None:
    us = end(PCMU)
    assert section(us.offer()).get("rtcp") is None
    us.rtcp_port = 7001
    assert section(us.offer()).get("rtcp") == "7001"


def test_the_last_port_has_no_next_one() -> None:
    us = end(PCMU)
    us.answer(audio("0").replace(b"4000", b"65535"))
    assert agreed(us).remote_rtcp == ("192.0.2.9", 65_535)


@pytest.mark.rfc(5506, "5.1")
def test_rtcp_of_reduced_size_is_taken_where_it_is_offered() -> None:
    us = end(PCMU)
    assert section(us.answer(audio("0", "rtcp-rsize"))).has("rtcp-rsize")
    assert agreed(us).reduced_size
    assert not section(us.answer(audio("0"))).has("rtcp-rsize")
    a, b = talk(end(PCMU, feedback=True), end(PCMU))
    assert a.reduced_size and b.reduced_size
    us = end(PCMU)
    us.offer()
    us.accept(audio("0", "rtcp-rsize"))
    assert not agreed(us).reduced_size, "nobody offered it"
    assert not section(end(PCMU, feedback=True, reduced_size=False).offer()).has("rtcp-rsize")
    a, b = talk(end(PCMU, feedback=True), end(PCMU, reduced_size=False))
    assert not a.reduced_size and not b.reduced_size


@pytest.mark.rfc(3264, "5.1")
@pytest.mark.parametrize(
    ("host", "lines", "goes"),
    [
        ("192.0.2.1", ["c=IN IP4 198.51.100.4"], "198.51.100.4"),
        ("192.0.2.1", ["c=IN IP6 2001:db8::4", "c=IN IP4 198.51.100.4"], "198.51.100.4"),
        ("2001:db8::1", ["c=IN IP4 198.51.100.4", "c=IN IP6 2001:db8::4"], "2001:db8::4"),
        ("192.0.2.1", ["c=IN IP4 224.2.1.1/127/3", "c=IN IP4 198.51.100.4"], "198.51.100.4"),
        ("192.0.2.1", ["c=IN IP6 ::ffff:198.51.100.4"], "198.51.100.4"),
        ("192.0.2.1", ["c=ATM NSAP 47.0091", "c=IN IP4 phone.example.com"], "phone.example.com"),
    ],
)
def test_of_several_addresses_the_first_that_we_can_send_to(
    host: str, lines: list[str], goes: str
) -> None:
    us = end(PCMU, host=host)
    us.answer(said("m=audio 4000 RTP/AVP 0", *lines))
    assert agreed(us).remote == (goes, 4000)


@pytest.mark.parametrize(
    ("host", "line", "why"),
    [
        ("192.0.2.1", "c=IN IP6 2001:db8::4", "no address of IPv4"),
        ("2001:db8::1", "c=IN IP4 198.51.100.4", "no address of IPv6"),
        ("192.0.2.1", "c=IN IP4 224.2.1.1/127", "no address of IPv4"),
    ],
)
def test_who_cannot_be_reached_is_refused(host: str, line: str, why: str) -> None:
    with pytest.raises(SdpError, match=why):
        end(PCMU, host=host).answer(said("m=audio 4000 RTP/AVP 0", line))


def test_who_is_known_by_a_name_is_taken_to_speak_ipv4() -> None:
    us = end(PCMU, host="pbx.example.com")
    assert b"c=IN IP4 pbx.example.com\r\n" in us.answer(audio("0"))
    with pytest.raises(SdpError, match="no address of IPv4"):
        us.answer(said("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::4"))


@pytest.mark.rfc(8866, "5.7")
def test_over_ipv6_our_own_address_is_written_so() -> None:
    a, b = talk(end(PCMU, host="2001:db8::1"), end(PCMU, host="2001:db8::2", port=3000))
    assert (a.remote, b.remote) == (("2001:db8::2", 3000), ("2001:db8::1", 2000))
    offer = end(PCMU, host="2001:db8::1").offer()
    assert b"o=- 42 1 IN IP6 2001:db8::1\r\n" in offer and b"c=IN IP6 2001:db8::1\r\n" in offer


V6, V4 = "c=IN IP6 2001:db8::9", "c=IN IP4 192.0.2.9"


def alternatives(*order: str) -> bytes:
    """The same audio by two families (ANAT)."""
    lines = ["a=group:ANAT 1 2"]
    for mid, connection in enumerate(order, 1):
        lines += [f"m=audio {4000 + mid} RTP/AVP 0", connection, f"a=mid:{mid}"]
    return said(*lines)


@pytest.mark.rfc(4091, "4")
@pytest.mark.rfc(5888, "9.1")
@pytest.mark.parametrize(
    ("host", "order", "taken"),
    [
        ("192.0.2.1", (V6, V4), 1),
        ("192.0.2.1", (V4, V6), 0),
        ("2001:db8::1", (V6, V4), 0),
        ("2001:db8::1", (V4, V6), 1),
    ],
)
def test_of_alternatives_the_one_of_our_family_is_taken(
    host: str, order: tuple[str, str], taken: int
) -> None:
    us = end(PCMU, host=host)
    answer = parsed(us.answer(alternatives(*order)))
    assert [bool(one.port) for one in answer.media] == [index == taken for index in (0, 1)]
    assert agreed(us).remote[1] == 4001 + taken
    assert answer.groups("ANAT") == [[str(taken + 1)]]
    again = parsed(us.offer())
    assert [bool(one.port) for one in again.media] == [index == taken for index in (0, 1)]
    assert again.groups("ANAT") == [[str(taken + 1)]]


BUNDLE = [
    "a=group:LS audio video",
    "a=group:BUNDLE audio video data",
    "m=audio 4000 UDP/TLS/RTP/SAVPF 0",
    "a=mid:audio",
    "a=rtcp-mux",
    "m=video 0 UDP/TLS/RTP/SAVPF 96",
    "a=mid:video",
    "a=bundle-only",
    "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
    "a=mid:data",
    "a=bundle-only",
]


def bundle(*changes: tuple[str, str]) -> bytes:
    """As browsers offer it, but in plain."""
    text = said(*BUNDLE).decode().replace("UDP/TLS/RTP/SAVPF", "RTP/AVPF")
    for old, new in changes:
        text = text.replace(old, new)
    return text.encode()


@pytest.mark.rfc(9143, "7.3")
def test_of_a_bundle_the_answer_names_the_accepted_section_alone() -> None:
    us = end(PCMU)
    answer = parsed(us.answer(bundle()))
    assert answer.groups("BUNDLE") == [["audio"]] and answer.groups("LS") == []
    assert [(one.get("mid"), one.port) for one in answer.media] == [
        ("audio", 2000),
        ("video", 0),
        ("data", 0),
    ]
    assert answer.media[0].has("rtcp-mux") and not answer.media[1].has("bundle-only")
    again = parsed(us.offer())
    assert again.groups("BUNDLE") == [["audio"]]
    assert [one.get("mid") for one in again.media] == ["audio", "video", "data"]


@pytest.mark.rfc(9143, "7.3.1")
def test_audio_without_a_port_of_its_own_is_lost_with_the_video_that_has_it() -> None:
    offer = bundle(("audio 4000", "audio 0"), ("video 0", "video 4000"))
    with pytest.raises(SdpError, match="its port is 0"):
        end(PCMU).answer(offer)


@pytest.mark.rfc(9143, "7.3")
def test_a_bundle_is_left_where_rtcp_has_its_own_port_or_nothing_of_it_is_ours() -> None:
    us = end(PCMU, rtcp_mux=False)
    assert parsed(us.answer(bundle())).groups("BUNDLE") == []
    us = end(PCMU)
    assert parsed(us.answer(bundle(("BUNDLE audio ", "BUNDLE ")))).groups("BUNDLE") == []
    us = end(PCMU)
    answer = parsed(us.answer(bundle(("a=mid:audio\r\n", ""), ("a=group:LS", "a=group:\r\na=x:"))))
    assert answer.groups("BUNDLE") == [] and answer.media[0].get("mid") is None
