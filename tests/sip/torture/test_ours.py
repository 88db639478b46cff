"""Messages of our own making: malformed, or odd and legal; each with the outcome it must have."""

from __future__ import annotations

import re

import pytest

from siptg.sip.message import Request, Response
from siptg.sip.parser import parse
from tests.sip.torture.messages import SDP, invite, sip
from tests.sip.torture.uas import Uas, header, status_of

CALL, SILENCE, REFUSED = "call", "silence", "400 or silence"
LONG = "x" * 4000
VIAS = b"".join(b"v: SIP/2.0/UDP h%d.example.com;branch=z9hG4bK%d\r\n" % (n, n) for n in range(60))
OK = sip("INVITE", first="SIP/2.0 200 OK", to="<sip:bob@192.0.2.222>;tag=nobody")

LEGAL: dict[str, tuple[bytes, int | str]] = {
    "blank lines before it": (b"\r\n\r\n\r\n" + sip(), 200),
    "no Content-Length in a datagram": (sip("INVITE", body=SDP, content_length=None), CALL),
    "octets behind Content-Length": (sip() + b"leftover INVITE sip:x SIP/2.0\r\n\r\n", 200),
    "folded headers": (sip(to="\r\n\t<sip:bob@192.0.2.222>\r\n ", cseq="1\r\n  OPTIONS"), 200),
    "a header folded a hundred times": (sip(more=b"X-Fold:" + b"\r\n x" * 100 + b"\r\n"), 200),
    "blanks around the colons": (sip(more=b"X-A \t :  1\r\nX-B:2\r\nX-C:\r\n"), 200),
    "names in any case": (sip(more=b"sUPPORTED: Timer\r\nSUBJECT:\r\n"), 200),
    "compact and long names": (
        sip(from_=None, to=None, call_id=None, contact=None, via=None)[:-2]
        + b"v:SIP/2.0/UDP 192.0.2.111;branch=z9hG4bKc\r\nf:sip:a@b;tag=1\r\nt:<sip:bob@c>\r\n"
        b"i:compact\r\nm:<sip:a@b>\r\nk:timer\r\ns:\r\n\r\n",
        200,
    ),
    "sixty Vias": (sip()[:-2] + VIAS + b"\r\n", 200),
    "Vias in a list with commas": (
        sip(via="SIP/2.0/UDP 192.0.2.111;branch=z9hG4bKl , SIP / 2.0 / TCP x:5062 ;branch=1"),
        200,
    ),
    "a Via of an unknown transport below": (sip(more=b"Via: SIP/2.0/PIGEON x;branch=2\r\n"), 200),
    "long display name, user, tag and Call-ID": (
        sip(from_=f'"{LONG}" <sip:{"u" * 900}@example.com>;tag={"t" * 900}', call_id="c" * 4000),
        200,
    ),
    "a header of an unknown name and 8000 characters": (sip(headers={"X" * 100: "y" * 7800}), 200),
    "quoted pairs in a display name": (sip(from_='"\\"\\\\,;<sip:x>" <sip:a@b>;tag=1'), 200),
    "an empty display name": (sip(from_='"" <sip:a@b>;tag=1'), 200),
    "a comma and a question mark in brackets": (
        sip("REGISTER", contact="<sip:a,b@192.0.2.111?X=1>, <sip:c@192.0.2.111>"),
        200,
    ),
    "escapes in the user part": (sip(uri="sip:%00%0d%0a%40%3c@192.0.2.222"), 200),
    "a semicolon, a slash and a question mark in the user part": (
        sip(uri="sip:b;x=y/z?@192.0.2.222;lr"),
        200,
    ),
    "a password": (sip(uri="sip:bob:secret@192.0.2.222:5060;transport=udp;lr;method=INVITE"), 200),
    "a host with a dot at its end": (sip(uri="sip:bob@example.com.:5060"), 200),
    "UTF-8 in names and values": (sip(from_='"Алиса ☎" <sip:a@b>;tag=1', subject="日本"), 200),
    "no valid UTF-8 in a value": (sip(more=b"Subject: \xff\xfe\xc0\x80\r\n"), 200),
    "Max-Forwards 0": (sip(max_forwards="0"), 200),
    "no Max-Forwards": (sip(max_forwards=None), 200),
    "leading zeros": (sip(max_forwards="0070", cseq="0000000001 OPTIONS"), 200),
    "CSeq 2^31-1": (sip(cseq="2147483647 OPTIONS"), 200),
    "Expires of the largest number": (sip("REGISTER", expires="4294967295"), 200),
    "an unknown scheme in From": (sip(from_="<urn:service:sos>;tag=1"), 200),
    "a tel URI in To and From": (sip(from_="<tel:+358-555-1234567>;tag=1", to="tel:112"), 200),
    "a lower-case version": (sip(first="OPTIONS sip:bob@192.0.2.222 sip/2.0"), 200),
    "a date that is none": (sip(date="yesterday, about tea time"), 200),
    "a body of binary octets": (
        sip("INFO", body=b"\0\r\n\r\n\xff" * 50, content_type="application/octet-stream"),
        481,
    ),
    "a multipart body in an INVITE": (
        sip(
            "INVITE",
            body=b"--b\r\nContent-Type: application/sdp\r\n\r\n" + SDP + b"--b--\r\n",
            content_type="multipart/mixed;boundary=b",
        ),
        CALL,
    ),
    "two hundred headers": (sip(more=b"X: 1\r\n" * 200), 200),
    "a Contact's expires that is no number": (
        sip("REGISTER", contact="<sip:alice@192.0.2.111>;expires=soon"),
        200,
    ),
    "an unknown method": (sip("b.a-d!%*_+`'~"), 501),
    "a method in lower case": (sip("options"), 501),
    "an unknown scheme": (sip(uri="weird+scheme-1.0:anything"), 416),
    "a tel Request-URI": (sip(uri="tel:+358-555-1234567"), 416),
    "extensions that are required": (sip(require="a, b", more=b"Require: c\r\n"), 420),
    "a response nobody waits for": (OK, SILENCE),
    "a response without a reason": (OK.replace(b" 200 OK", b" 200 "), SILENCE),
    "keep-alive": (b"\r\n\r\n", SILENCE),
}

WRONG: dict[str, tuple[bytes, int | str]] = {
    "SIP/7.0": (sip(first="OPTIONS sip:bob@192.0.2.222 SIP/7.0"), 505),
    "HTTP": (sip(first="OPTIONS sip:bob@192.0.2.222 HTTP/1.1"), 400),
    "no version": (sip(first="OPTIONS sip:bob@192.0.2.222"), 400),
    "two blanks in the request line": (sip(first="OPTIONS  sip:bob@192.0.2.222 SIP/2.0"), 400),
    "a tab in the request line": (sip(first="OPTIONS\tsip:bob@192.0.2.222 SIP/2.0"), 400),
    "a request URI in brackets": (sip(uri="<sip:bob@192.0.2.222>"), 400),
    "a request URI without a host": (sip(uri="sip:bob@"), 400),
    "a request URI without a user before the @": (sip(uri="sip:@192.0.2.222"), 400),
    "a port beyond all ports": (sip(uri="sip:bob@192.0.2.222:65536"), 400),
    "two Content-Lengths": (sip(more=b"Content-Length: 0\r\n"), 400),
    "two different Content-Lengths, one compact": (sip(more=b"l: 9\r\n", body=b"123456789"), 400),
    "a negative Content-Length": (sip(content_length="-1"), 400),
    "Content-Length 2^64": (sip(content_length=str(2**64)), 400),
    "a Content-Length in hexadecimal": (sip(content_length="0x0"), 400),
    "a Content-Length of Arabic digits": (sip(content_length="٠"), 400),
    "CSeq 2^31": (sip(cseq="2147483648 OPTIONS"), 400),
    "CSeq 2^80": (sip(cseq=f"{2**80} OPTIONS"), 400),
    "CSeq without a method": (sip(cseq="1"), 400),
    "a negative CSeq": (sip(cseq="-1 OPTIONS"), 400),
    "another method in CSeq": (invite(cseq="1 BYE"), 400),
    "Max-Forwards 256": (sip(max_forwards="256"), 400),
    "Max-Forwards of words": (sip(max_forwards="many"), 400),
    "no From": (sip(from_=None), REFUSED),
    "no To": (sip(to=None), REFUSED),
    "no Call-ID": (sip(call_id=None), REFUSED),
    "no CSeq": (sip(cseq=None), REFUSED),
    "an empty Call-ID": (sip(call_id=""), 400),
    "two Call-IDs": (sip(more=b"i: second\r\n"), 400),
    "two Tos": (sip(more=b"t: <sip:second@x>\r\n"), 400),
    "two tags in From": (sip(from_="<sip:a@b>;tag=1;tag=2"), 400),
    "an open quote in From": (sip(from_='"Alice <sip:a@b>;tag=1'), 400),
    "an open bracket in To": (sip(to="<sip:bob@192.0.2.222"), 400),
    "words behind an address": (sip(to="<sip:bob@192.0.2.222> the builder"), 400),
    "a comma in an unquoted name": (sip(from_="Liddell, Alice <sip:a@b>;tag=1"), 400),
    "empty parameters in a Contact": (invite(contact="<sip:alice@192.0.2.111>;;;"), 400),
    "an INVITE without a Contact": (invite(contact=None), 400),
    "an empty Contact": (sip("REGISTER", contact=""), 400),
    "Contact * with Expires above 0": (sip("REGISTER", contact="*", expires="60"), 400),
    "a line without a colon": (sip(more=b"this is no header\r\n"), 400),
    "a header without a name": (sip(more=b": value\r\n"), 400),
    "a fold before the first header": (sip(first="OPTIONS sip:b@c SIP/2.0\r\n folded: 1"), 400),
    "a bare NUL in a value": (sip(more=b"Subject: a\0b\r\n"), 400),
    "a header of 64 kB": (sip(more=b"X: " + b"y" * 60_000 + b"\r\n"), 400),
    "a thousand headers": (sip(more=b"X: 1\r\n" * 1000), 400),
    "more than a datagram": (sip(body=b"x" * 65_536), 513),
    "Require of no token": (sip(require='"quoted"'), 400),
    "SIP/2.0 99": (OK.replace(b" 200 OK", b" 99 Low"), SILENCE),
    "SIP/2.0 700": (OK.replace(b" 200 OK", b" 700 High"), SILENCE),
    "SIP/2.0 2000000000000": (OK.replace(b" 200 OK", b" 2000000000000 OK"), SILENCE),
    "SIP/2.0 OK": (OK.replace(b" 200 OK", b" OK"), SILENCE),
    "a response without a Via": (
        sip("INVITE", first="SIP/2.0 200 OK", via=None, to="<sip:b@c>;tag=1"),
        SILENCE,
    ),
    "a response with CSeq 2^80": (OK.replace(b"1 INVITE", b"%d INVITE" % 2**80), SILENCE),
    "no Via": (sip(via=None), SILENCE),
    "an ACK with two Tos": (sip("ACK", more=b"t: <sip:second@x>\r\n"), SILENCE),
    "an ACK of another CSeq": (sip("ACK", cseq="1 INVITE"), SILENCE),
    "half a message": (sip()[:60], SILENCE),
    "nothing of SIP": (bytes(range(256)) * 4, SILENCE),
}


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize(
    ("data", "outcome"), [pytest.param(*row, id=name) for name, row in (LEGAL | WRONG).items()]
)
def test_an_odd_message_has_the_outcome_it_must_have(
    data: bytes, outcome: int | str, transport: str
) -> None:
    uas = Uas(transport)
    answers = uas.hear(data)
    said = [status_of(answer) for answer in answers]
    if outcome in (CALL, SILENCE):
        assert (said, len(uas.calls)) == ([], int(outcome == CALL))
    elif outcome == REFUSED:
        assert said in ([], [400]) and uas.calls == []
    else:
        assert (said, uas.calls) == ([outcome], [])
        assert header(answers[0], "Via")[0].startswith("SIP/2.0/UDP 192.0.2.111;")
        assert header(answers[0], "Content-Length") == ["0"]
    assert uas.still_serves()
    assert uas.is_empty()


@pytest.mark.rfc(3261, "7.3.3")
@pytest.mark.rfc(3261, "8.2.6.2")
@pytest.mark.parametrize("name", [name for name, (_, status) in LEGAL.items() if status == 200])
def test_what_is_answered_is_echoed_as_it_came(name: str) -> None:
    data = LEGAL[name][0]
    asked = parse(data)
    (answer,) = Uas().hear(data)
    reply = parse(answer)
    assert isinstance(asked, Request) and isinstance(reply, Response)
    assert (reply.call_id, reply.cseq, reply.from_) == (asked.call_id, asked.cseq, asked.from_)
    assert (reply.to.uri, reply.to.tag is not None) == (asked.to.uri, True)
    assert [(v.host, v.branch) for v in reply.vias] == [(v.host, v.branch) for v in asked.vias]


@pytest.mark.parametrize(
    ("via", "outcomes"),
    [
        ("SIP/2.0/UDP 192.0.2.111;branch=z9hG4bKa;;", [[400]]),
        ("SIP/2.0/UDP 192.0.2.111;branch=z9hG4bKa;branch=z9hG4bKb", [[400], []]),
        ("SIP/2.0/UDP 192.0.2.111;branch=", [[200], [400]]),
        ("SIP/2.0/UDP 192.0.2.111;branch=z9hG4bKa;rport=x", [[200], [400]]),
        ("SIP/2.0/UDP 192.0.2.111:70000;branch=z9hG4bKa", [[400], []]),
        ("SIP/2.0/UDP", [[400], []]),
        ("nonsense", [[400], []]),
        (", SIP/2.0/UDP 192.0.2.111;branch=z9hG4bKa", [[400], []]),
        ("SIP/2.0/UDP 192.0.2.111", [[200]]),
        ("SIP/2.0/UDP 192.0.2.111;rport;branch=z9hG4bKa", [[200]]),
        ("SIP/2.0/UDP 10.9.8.7:99;branch=z9hG4bKa;received=1.2.3.4;maddr=239.1.1.1", [[200]]),
    ],
)
@pytest.mark.rfc(3261, "18.2.2")
def test_whatever_the_via_says_an_answer_goes_where_the_request_came_from(
    via: str, outcomes: list[list[int]]
) -> None:
    uas = Uas()
    uas.stack.receive(sip(via=via), uas.flow, 0.0)
    sent = uas.stack.outgoing()
    assert [status_of(answer) for _, answer in sent] in outcomes
    assert [flow.remote[0] for flow, _ in sent] == [uas.flow.remote[0]] * len(sent)
    assert uas.still_serves()


@pytest.mark.rfc(3261, "25.1")
@pytest.mark.parametrize("end", ["\n", "\r", "\r\r\n", "\n\r", "\r\n\r\n", "\0"], ids=repr)
@pytest.mark.parametrize("name", ["from", "to", "call_id", "via", "contact"])
def test_a_line_end_in_a_value_begins_no_line_of_an_answer(name: str, end: str) -> None:
    good = {
        "from": "<sip:alice@192.0.2.111>;tag=1",
        "call_id": "c",
        "via": "SIP/2.0/UDP 192.0.2.111;branch=z9hG4bKx",
    }.get(name, "<sip:bob@192.0.2.222>")
    uas = Uas()
    sent = uas.hear(sip("INVITE", headers={name: f"{good}{end}Evil: yes"}))
    for session in uas.calls:
        session.ring(0.0)
    lines = re.split(rb"[\r\n\0]+", b"".join([*sent, *uas.said()]))
    assert [line for line in lines if line.startswith(b"Evil")] == []
    assert uas.still_serves()
