"""Messages: read, touched, changed, written; nothing that comes can raise but what is declared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.sip.errors import LocalError, ProtocolError
from siptg.sip.headers import Headers
from siptg.sip.message import Request, Response
from siptg.sip.parser import Limits, is_keepalive, parse

INVITE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP proxy.example.com:5060;branch=z9hG4bK87asdks7;rport\r\n"
    b"v: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bKnashds8;received=192.0.2.4, SIP/2.0/TCP x;branch=1\r\n"
    b"Max-Forwards: 69\r\n"
    b'f: "Alice \\"A\\" Liddell" <sip:alice@example.org;user=phone>;tag=1928301774\r\n'
    b"To:\r\n  <sip:bob@example.com>\r\n"
    b"Call-ID: a84b4c76e66710@192.0.2.4\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"m: <sip:alice@192.0.2.4:5060>, sip:a@b;q=0.5\r\n"
    b"Subject: caf\xc3\xa9 \xff\r\n"
    b"Content-Type: application/sdp;charset=utf-8\r\n"
    b"Content-Length: 4\r\n\r\nv=0\r\nleft over"
)


def invite() -> Request:
    made = parse(INVITE)
    assert isinstance(made, Request)
    return made


def test_headers_are_values_when_they_are_touched() -> None:
    m = invite()
    assert (m.method, str(m.uri), m.body) == ("INVITE", "sip:bob@example.com", b"v=0\r")
    assert (m.via.branch, m.via.host, "rport" in m.via.params) == (
        "z9hG4bK87asdks7",
        "proxy.example.com",
        True,
    )
    assert [v.transport for v in m.vias] == ["UDP", "UDP", "TCP"]
    assert (m.from_.display_name, m.from_.tag) == ('Alice "A" Liddell', "1928301774")
    assert m.from_.uri.params.get("user") == "phone"
    assert (m.to.uri.host, m.to.tag, m.call_id) == (
        "example.com",
        None,
        "a84b4c76e66710@192.0.2.4",
    )
    assert (m.cseq.number, m.cseq.method, m.max_forwards) == (314159, "INVITE", 69)
    assert [c.uri.user for c in m.contacts] == ["alice", "a"]
    assert m.contacts[1].params.get("q") == "0.5"
    assert m.content_type == "application/sdp"


def test_what_was_not_touched_is_written_as_it_came() -> None:
    m = invite()
    again = bytes(m)
    assert b"Subject: caf\xc3\xa9 \xff\r\n" in again
    assert b"To: <sip:bob@example.com>\r\n" in again
    assert bytes(parse(again)) == again


def test_a_changed_header_is_parsed_anew() -> None:
    m = invite()
    assert m.cseq.number == 314159
    m.headers.set("CSeq", "7 INVITE")
    assert m.cseq.number == 7
    m.headers.prepend("Via", "SIP/2.0/UDP new;branch=z9hG4bKnew")
    assert m.via.host == "new"


@pytest.mark.rfc(3261, "8.2.6.2")
def test_an_answer_copies_what_answers_copy() -> None:
    answer = invite().reply(180, to_tag="x")
    assert isinstance(answer, Response)
    assert [v.host for v in answer.vias] == ["proxy.example.com", "192.0.2.4", "x"]
    assert (answer.to.tag, answer.from_.tag, answer.cseq.number) == ("x", "1928301774", 314159)
    assert invite().reply(100, to_tag="x").to.tag is None
    assert bytes(answer).startswith(b"SIP/2.0 180 Ringing\r\n")


def test_names_are_the_same_in_any_case_and_in_short() -> None:
    headers = Headers([("v", "1"), ("X-Odd", "2"), ("VIA", "3"), ("To", "4")])
    assert headers.get_all("Via") == ["1", "3"] and headers.count("via") == 2
    assert (headers.get("x-odd"), "X-ODD" in headers, headers.get("t")) == ("2", True, "4")
    headers.set("Via", "5")
    assert list(headers.items()) == [("Via", "5"), ("X-Odd", "2"), ("To", "4")]
    headers.add("Via", "6")
    headers.prepend("Via", "7")
    headers.set_first("Via", "8")
    assert headers.get_all("v") == ["8", "5", "6"]
    copied = headers.copy()
    headers.remove("v", "x-odd")
    assert headers.text() == "To: 4" and len(copied) == 5


def test_blanks_around_a_value_are_no_part_of_it() -> None:
    m = parse(INVITE.replace(b"Max-Forwards: 69", b"Max-Forwards:\t 69 \r\nX:\r\nLong:    a  b "))
    assert (m.max_forwards, m.headers.get("X"), m.headers.get("Long")) == (69, "", "a  b")


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\0b"])
def test_no_value_can_begin_another_header(value: str) -> None:
    with pytest.raises(LocalError, match="line break in the value of Subject"):
        Headers([("Subject", value)])
    with pytest.raises(LocalError, match="not a header name"):
        Headers([("Sub ject", "x")])


@pytest.mark.parametrize(
    ("old", "new", "reason", "status"),
    [
        (b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia", "version 'SIP/3.0'", 505),
        (b"CSeq: 314159 INVITE", b"CSeq: 314159 OPTIONS", "whose CSeq says OPTIONS", 400),
        (b"CSeq: 314159 INVITE", b"CSeq: 99999999999 INVITE", "bad CSeq", 400),
        (b"Call-ID: a84b4c76e66710@192.0.2.4\r\n", b"", "no call-id", 400),
        (b"Max-Forwards: 69", b"To: <sip:x@y>", "to stands twice", 400),
        (b"Content-Length: 4", b"Content-Length: 400", "only 14 bytes came", 400),
        (b"Content-Length: 4", b"Content-Length: -4", "bad Content-Length", 400),
        (b"INVITE sip:bob@example.com ", b"INVITE  sip:bob@example.com ", "bad request line", 400),
        (b"INVITE sip:bob@example.com ", b"INVITE <sip:bob@example.com> ", "not a URI", 400),
        (b"Max-Forwards: 69", b"Max-Forwards 69", "not a header", 400),
        (b"Max-Forwards: 69", b"Subject", "not a header", 400),
        (b"INVITE sip:bob", b"\r\n\r\nINVITE  sip:bob", "bad request line", 400),
        (b"Subject", b"Sub\0ject", "a zero byte", 400),
    ],
)
def test_what_is_wrong_is_said_with_a_status(
    old: bytes, new: bytes, reason: str, status: int
) -> None:
    assert old in INVITE
    with pytest.raises(ProtocolError) as caught:
        touch_uri(parse(INVITE.replace(old, new, 1)))
    assert reason in caught.value.reason and caught.value.status == status


def test_limits_hold() -> None:
    with pytest.raises(ProtocolError, match="bytes, 100 at most"):
        parse(INVITE, Limits(size=100))
    with pytest.raises(ProtocolError, match="3 at most"):
        parse(INVITE, Limits(headers=3))
    with pytest.raises(ProtocolError, match="a header of"):
        parse(INVITE, Limits(line=40))


def test_keepalives_are_told_from_messages() -> None:
    assert is_keepalive(b"\r\n\r\n") and is_keepalive(b"") and is_keepalive(b"\0\0\0\0")
    assert not is_keepalive(INVITE)


def touch_uri(message: Request | Response) -> None:
    """A Request-URI is parsed when it is touched."""
    assert isinstance(message, Request) and message.uri.scheme


def touch_all(message: Request | Response) -> None:
    """Whatever a stack reads of any message."""
    for name in (
        "via",
        "vias",
        "from_",
        "to",
        "call_id",
        "cseq",
        "contacts",
        "routes",
        "record_routes",
        "max_forwards",
        "content_type",
    ):
        try:
            getattr(message, name)
        except ProtocolError:
            continue


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_protocol_error(data: bytes) -> None:
    try:
        touch_all(parse(data))
    except ProtocolError:
        return


@given(
    st.lists(
        st.tuples(st.integers(0, len(INVITE) - 1), st.binary(min_size=0, max_size=4)), max_size=6
    )
)
def test_a_damaged_message_is_a_message_or_a_protocol_error(cuts: list[tuple[int, bytes]]) -> None:
    data = INVITE
    for at, put in cuts:
        data = data[:at] + put + data[at + len(put) // 2 + 1 :]
    try:
        message = parse(data)
    except ProtocolError:
        return
    touch_all(message)
    assert parse(bytes(message)).body == message.body
