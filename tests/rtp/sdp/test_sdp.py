"""Session descriptions: read leniently, written exactly, never an exception but SdpError."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.sdp import Connection, SdpError, SessionDescription, number
from siptg.rtp.sdp.description import MOST_BYTES
from tests.support.sdp import HEAD, parsed, said

WHOLE = """v=0
o=jane 2890844526 2890842807 IN IP6 2001:db8::4
s=Lesung
i=Ein Abend, über Bücher
u=http://www.example.com/abend
e=jane@example.com (Jane)
p=+49 30 5550
c=IN IP4 233.252.0.1/127/3
b=AS:64
b=X-YZ:128
t=3034423619 3042462419
r=604800 3600 0 90000
t=3034423620 3042462420
z=3034423700 -1h
k=prompt
q=nobody knows
a=recvonly
a=charset:UTF-8
a=tool:
m=audio 49170/2 RTP/AVP 0 98
i=Stimme
c=IN IP4 233.252.0.2/127
c=IN IP4 192.0.2.7
b=AS:40
k=base64:abcd
a=rtpmap:98 L16/16000/2
a=fmtp:98  odd  text;
m=video 51372 RTP/AVP 99
a=rtpmap:99 h263-1998/90000
"""


def whole() -> bytes:
    return WHOLE.replace("\n", "\r\n").encode()


@pytest.mark.rfc(8866, "5")
def test_every_line_of_a_description_comes_out_as_it_went_in() -> None:
    assert bytes(parsed(whole())) == whole()


@pytest.mark.rfc(8866, "5")
def test_lines_in_a_wrong_order_are_put_right_and_none_is_lost() -> None:
    lines = WHOLE.splitlines()
    level = lines[:18]
    mixed = [level[0], *reversed(level[1:10]), *level[10:], *lines[18:]]
    written = bytes(parsed("\n".join(mixed).encode())).decode().splitlines()
    assert sorted(written) == sorted(lines)
    assert [line[0] for line in written] == [line[0] for line in lines]


@pytest.mark.rfc(8866, "5")
@pytest.mark.parametrize("ends", ["\r\n", "\n", "\r", "\r\n\r\n"])
def test_lines_may_end_in_any_way(ends: str) -> None:
    assert bytes(parsed(WHOLE.replace("\n", ends).encode())) == whole()


@pytest.mark.rfc(8866, "5")
def test_a_description_may_lack_what_nobody_needs() -> None:
    made = parsed(b"v=0\nm=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.9")
    assert (made.origin, made.name, made.host_of(made.media[0])) == (
        "- 0 0 IN IP4 0.0.0.0",
        "-",
        "192.0.2.9",
    )
    assert bytes(made).splitlines()[:4] == [b"v=0", b"o=" + made.origin.encode(), b"s=-", b"t=0 0"]


def test_what_belongs_to_the_session_is_kept_where_it_stands() -> None:
    made = parsed(b"v=0\ns=name\nm=audio 4 RTP/AVP 0\ns=other\no=other\nt=1 2\nv=0\n")
    assert (made.name, made.media[0].lines[0]) == ("name", ("s", "other"))
    twice = parsed(b"v=0\no=first\no=second\n")
    assert twice.origin == "first" and b"o=second\r\n" in bytes(twice)
    assert b"s=other\r\n" in bytes(made) and b"v=0\r\n" in bytes(made)[5:]


def test_a_byte_order_mark_blanks_and_trailing_zeros_do_no_harm() -> None:
    made = parsed(b"\xef\xbb\xbfv=0 \r\n \r\n  s=x\r\nm=audio 4 RTP/AVP 0\r\n\x00\x00")
    assert (made.name, made.media[0].formats) == ("x", ["0"])


@pytest.mark.rfc(8866, "6.10")
def test_bytes_of_another_charset_come_through() -> None:
    data = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=caf\xe9\r\nt=0 0\r\na=charset:ISO-8859-1\r\n"
    assert bytes(parsed(data)) == data


def test_a_unicode_line_separator_ends_no_line() -> None:
    assert parsed("v=0\ns=a\u2028b\u0085c\x0bd".encode()).name == "a\u2028b\u0085c\x0bd"


@pytest.mark.rfc(8866, "5.13")
def test_attributes_are_found_by_name_in_their_level() -> None:
    made = parsed(said("a=inactive", "m=audio 1 RTP/AVP 0 8", "a=PTIME: 30 ", "a=flag", "a=x:"))
    audio = made.media[0]
    assert (audio.ptime, audio.has("flag"), audio.get("flag"), audio.get("x")) == (
        30,
        True,
        None,
        "",
    )
    assert made.direction_of(audio) == "inactive"
    assert list(audio.all("flag")) == [] and list(audio.all("x")) == [""]
    assert not made.has("flag") and made.get("ptime") is None


@pytest.mark.rfc(8866, "6.7")
@pytest.mark.parametrize(
    ("session", "media", "says"),
    [
        ("", "", "sendrecv"),
        ("a=sendonly", "", "sendonly"),
        ("a=sendonly", "a=recvonly", "recvonly"),
        ("", "a=inactive", "inactive"),
    ],
)
def test_the_direction_of_a_section_goes_before_that_of_the_session(
    session: str, media: str, says: str
) -> None:
    made = parsed(said(*filter(None, [session]), "m=audio 1 RTP/AVP 0", *filter(None, [media])))
    assert made.direction_of(made.media[0]) == says


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", 20),
        ("20.0", 20),
        (" 40 ", 40),
        ("0", None),
        ("-20", None),
        ("²", None),
        ("9" * 5000, None),
    ],
)
def test_a_packet_length_is_a_number_or_nothing(text: str, value: int | None) -> None:
    assert parsed(said("m=audio 1 RTP/AVP 0", f"a=ptime:{text}")).media[0].ptime == value


@pytest.mark.rfc(8866, "5.7")
@pytest.mark.parametrize(
    ("text", "host", "family", "usable"),
    [
        ("IN IP4 192.0.2.1", "192.0.2.1", 4, True),
        ("in ip4 192.000.002.001", "192.0.2.1", 4, True),
        ("IN IP4 233.252.0.1/127/3", "233.252.0.1", 4, False),
        ("IN IP6 ff15::101/3", "ff15::101", 6, False),
        ("IN IP6 2001:db8::1", "2001:db8::1", 6, True),
        ("IN IP6 fe80::1%eth0", "fe80::1%eth0", 6, True),
        ("IN IP4 phone-1.example.com", "phone-1.example.com", 0, True),
        ("IN IP4 ffm.example.com", "ffm.example.com", 0, True),
        ("XX IP4 192.0.2.1", "192.0.2.1", 0, False),
        ("IN X25 phone", "phone", 0, False),
        ("IN IP9 2001:x::1", "2001:x::1", 0, False),
        ("ATM NSAP 47.0091.8100.0000", "47.0091.8100.0000", 0, False),
    ],
)
def test_connections(text: str, host: str, family: int, usable: bool) -> None:
    made = Connection.parse(text)
    assert (made.host, made.family, made.usable) == (host, family, usable)


@pytest.mark.rfc(8866, "5.7")
@pytest.mark.parametrize(
    "host",
    [
        "256.1.1.1",
        "1.2.3",
        "1.2.3.4.5",
        "[2001:db8::1]",
        "2001:db8::1::2",
        "a b",
        "x" * 300,
        "1.2.3.4%x",
    ],
)
def test_an_address_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(SdpError, match=r"line 4: bad (address|connection)"):
        parsed((HEAD.replace("192.0.2.9\nt", f"{host}\nt")).encode())


@pytest.mark.rfc(8866, "5.14")
@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("m=audio", "bad media line 'audio'"),
        ("m=audio 4000", "bad media line"),
        ("m=audio x RTP/AVP 0", "bad port 'x'"),
        ("m=audio -1 RTP/AVP 0", "bad port"),
        ("m=audio 65536 RTP/AVP 0", "bad port"),
        ("m=audio $ RTP/AVP 0", "bad port"),
        ("m=audio ٤ RTP/AVP 0", "bad port"),
        ("c=IN IP4", "bad connection 'IN IP4'"),
        ("tea", "is no type=value: 'tea'"),
        ("=x", "is no type=value"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(line: str, why: str) -> None:
    with pytest.raises(SdpError, match=f"^line 6.*{why}"):
        parsed(said(line))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not begin with v=0"),
        (b"v=1\r\n", "does not begin with v=0"),
        (b"o=x\r\nv=0\r\n", "does not begin with v=0"),
        (b"v=0\r\n" + b"a=x\r\n" * 1001, "1002 lines are too many"),
        (b"v=0\r\n" + b"m=audio 1 RTP/AVP 0\r\n" * 33, "line 34: more than 32 media"),
        (b"v=0" + b" " * (MOST_BYTES - 2), "65536 bytes are too many"),
    ],
)
def test_there_are_limits(data: bytes, why: str) -> None:
    assert len(parsed(b"v=0\r\n" + b"a=x\r\n" * 999).attributes) == 999
    with pytest.raises(SdpError, match=why):
        parsed(data)


@pytest.mark.rfc(8866, "5.14")
def test_a_section_that_is_declined_needs_no_format() -> None:
    assert parsed(said("m=video 0 RTP/AVP")).media[0].formats == []


@pytest.mark.parametrize("lines", [[], ["c=IN IP4 224.0.0.9/1"], ["c=ATM NSAP 47"]])
def test_a_section_without_an_address_of_its_own_kind_has_none(lines: list[str]) -> None:
    made = parsed("\n".join(["v=0", "m=audio 4 RTP/AVP 0", *lines]).encode())
    with pytest.raises(SdpError, match="no connection address"):
        made.host_of(made.media[0])


def test_numbers_are_decimal_and_bounded() -> None:
    assert [number(text, 10) for text in ("0", "10", "11", "", None, "1e1", "1" * 99)] == [
        0,
        10,
        None,
        None,
        None,
        None,
        None,
    ]


PIECES = st.one_of(
    st.sampled_from(WHOLE.encode().splitlines()),
    st.binary(max_size=30),
    st.builds(
        lambda kind, rest: kind + b"=" + rest,
        st.sampled_from([b"a", b"c", b"m", b"o", b"x"]),
        st.binary(max_size=30),
    ),
)


@pytest.mark.rfc(8866, "5")
@given(st.lists(PIECES, max_size=12), st.sampled_from([b"\r\n", b"\n", b"\r"]))
def test_whatever_is_read_can_be_written_and_read_again(lines: list[bytes], ends: bytes) -> None:
    try:
        made = SessionDescription.parse(ends.join([b"v=0", *lines]))
    except SdpError:
        return
    once = bytes(made)
    assert bytes(SessionDescription.parse(once)) == once


@given(st.data())
def test_a_description_with_any_wound_is_read_or_refused(data: st.DataObject) -> None:
    wounded = bytearray(whole())
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(wounded)))
        end = begin + data.draw(st.integers(0, 40))
        wounded[begin:end] = data.draw(st.binary(max_size=12))
    try:
        made = SessionDescription.parse(bytes(wounded))
    except SdpError:
        return
    for section in made.media:
        assert made.direction_of(section) in ("sendrecv", "sendonly", "recvonly", "inactive")
        assert section.ptime is None or 0 < section.ptime <= 500
        for connection in made.connections_of(section):
            if connection.usable and not connection.blank:
                assert ":" not in (connection.host_in(4) or "")
