"""RFC 4475: each message to a user agent over UDP and over a stream, and what is read of it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from siptg.sip.auth import Digest
from siptg.sip.ids import Ids
from siptg.sip.message import Request, Response
from siptg.sip.parser import parse
from siptg.sip.uri import Uri
from tests.sip.torture.rfc4475 import MESSAGES, Expect, index, message
from tests.sip.torture.uas import REMOTE, Uas, header, status_of


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize(
    ("name", "expect"),
    [
        pytest.param(name, expect, id=name, marks=pytest.mark.rfc(4475, expect.section))
        for name, expect in MESSAGES.items()
    ],
)
def test_a_torture_message_gets_the_answer_it_deserves(
    name: str, expect: Expect, transport: str
) -> None:
    data, uas = message(name), Uas(transport)
    answers = uas.hear(data)
    if uas.calls:
        assert expect.call, "it became a call"
        assert (answers, len(uas.calls)) == ([], 1)
        uas.calls[0].ring(uas.now)
        uas.calls[0].answer(uas.now)
        answers = uas.said()
        assert [status_of(answer) for answer in answers] == [180, 200]
    elif answers:
        (answer,) = answers
        assert status_of(answer) in expect.statuses
    else:
        assert expect.silent, "nothing was answered"
    for answer in answers:
        assert header(answer, "Call-ID") == values_of(data, "Call-ID", "I")[:1]
        assert header(answer, "CSeq") == [text.strip() for text in values_of(data, "CSeq")[:1]]
        assert header(answer, "To")[0].startswith(values_of(data, "To", "t")[0])
    assert uas.still_serves()
    assert uas.is_empty()


def values_of(data: bytes, *names: str) -> list[str]:
    """Of a header, folds taken out; without the parser that is under test."""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
    lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")[1:]
    pairs = [line.partition(":") for line in lines]
    low = [name.lower() for name in names]
    return [value.strip() for name, _, value in pairs if name.strip().lower() in low]


def test_the_table_names_every_message_of_the_folder() -> None:
    assert {name: row["rfc4475_section"] for name, row in index().items()} == {
        name: expect.section for name, expect in MESSAGES.items()
    }


def asked(name: str) -> Request:
    made = parse(message(name))
    assert isinstance(made, Request)
    return made


@pytest.mark.rfc(4475, "3.1.1.1")
def test_wsinv_is_read_through_all_its_folds_and_blanks() -> None:
    m = asked("wsinv")
    assert list(m.uri.params.items()) == [("unknownparam", None)]
    assert (m.to.uri.user, m.to.tag) == ("vivekg", "1918181833n")
    assert (m.from_.display_name, m.from_.tag) == ('J Rosenberg \\"', "98asjd8")
    assert (m.max_forwards, m.cseq.number, m.cseq.method, len(m.body)) == (68, 9, "INVITE", 150)
    assert [(v.transport, v.host, v.branch) for v in m.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert m.headers.get("Subject") == ""
    assert m.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert m.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert list(m.routes[0].uri.params.items()) == [
        ("lr", None),
        ("unknownwith", "value"),
        ("unknown-no-value", None),
    ]
    (contact,) = m.contacts
    assert (contact.display_name, contact.uri.user) == ('Quoted string ""', "jdrosen")
    assert list(contact.params.items()) == [
        ("newparam", "newvalue"),
        ("secondparam", None),
        ("q", "0.33"),
    ]


@pytest.mark.rfc(4475, "3.1.1.2")
def test_intmeth_keeps_every_character_that_a_token_may_have() -> None:
    m = asked("intmeth")
    assert m.method == "!interesting-Method0123456789_*+`.%indeed'~" == m.cseq.method
    assert m.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert m.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert m.to.display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert m.from_.display_name == "token1~` token2'+_ token3*%!.-"
    assert m.from_.params.get("fromparam''~+*_!.-%") == "работающий"
    assert (m.from_.tag, m.max_forwards) == ("_token~1'+`*%!-.", 255)
    assert m.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


@pytest.mark.rfc(4475, "3.1.1.3")
def test_esc01_is_unescaped_for_comparison_alone() -> None:
    m = asked("esc01")
    assert (m.uri.scheme, m.uri.user) == ("sip", "sips%3Auser%40example.com")
    assert m.uri.host == "example.net"
    assert m.to.uri.equals(Uri.parse("sip:user@example.com"))
    assert not m.to.uri.equals(Uri.parse("sip:%75se%73@example.com"))
    contact = m.contacts[0].uri
    assert contact.equals(Uri.parse("sip:caller@host5.example.net;lr;name=value%2541"))
    assert not contact.equals(Uri.parse("sip:caller@host5.example.net;lr;name=other"))


@pytest.mark.rfc(4475, "3.1.1.4")
def test_escnull_binds_two_contacts() -> None:
    uas = Uas()
    (answer,) = uas.hear(message("escnull"))
    shown = {value.partition(";")[0] for value in header(answer, "Contact")}
    assert shown == {"<sip:%00@host5.example.com>", "<sip:%00%00@host5.example.com>"}


@pytest.mark.rfc(4475, "3.1.1.5")
def test_esc02_is_no_register_and_binds_nobody() -> None:
    uas, m = Uas(), asked("esc02")
    (answer,) = uas.hear(message("esc02"))
    assert m.method == "RE%47IST%45R" and "REGISTER" not in header(answer, "CSeq")[0]
    assert m.to.uri.user is not None and uas.registrar.locate(m.to.uri.user, 0.0) == []


@pytest.mark.rfc(4475, "3.1.1.6")
def test_lwsdisp_has_a_display_name_without_a_blank_behind_it() -> None:
    m = asked("lwsdisp")
    assert (m.from_.display_name, m.from_.uri.user, m.from_.tag) == ("caller", "caller", "323")


@pytest.mark.rfc(4475, "3.1.1.7")
def test_longreq_is_read_and_echoed_whole() -> None:
    data, uas = message("longreq"), Uas("TCP")
    m = asked("longreq")
    assert m.to.display_name is not None and m.to.display_name.count("extreme") == 10
    tag = values_of(data, "F")[0].partition("tag=")[2].partition(";")[0]
    assert (len(m.vias), m.from_.tag) == (34, tag) and len(tag) > 100
    assert max(len(name) for name, _ in m.headers.items()) > 90
    uas.hear(data)
    uas.calls[0].ring(0.0)
    (ringing,) = uas.said()
    assert header(ringing, "From") == values_of(data, "F")
    vias = ",".join(header(ringing, "Via")).split(",")
    assert [via.strip() for via in vias][1:] == [
        via.strip() for via in ",".join(values_of(data, "Via", "v")).split(",")
    ][1:]


@pytest.mark.rfc(4475, "3.1.1.8")
def test_dblreq_is_a_register_and_nothing_more() -> None:
    uas = Uas()
    uas.hear(message("dblreq"))
    assert (asked("dblreq").body, uas.calls) == (b"", [])
    assert [b.contact.host for b in uas.registrar.locate("j.user", 0.0)] == ["host.example.com"]


@pytest.mark.rfc(4475, "3.1.1.9")
def test_semiuri_has_no_parameters() -> None:
    uri = asked("semiuri").uri
    assert (uri.user, uri.host, len(uri.params)) == (
        "user;par=u%40example.net",
        "example.com",
        0,
    )


@pytest.mark.rfc(4475, "3.1.1.10")
def test_transports_is_answered_by_its_topmost_via() -> None:
    uas = Uas()
    assert [v.transport for v in asked("transports").vias] == [
        "UDP",
        "SCTP",
        "TLS",
        "UNKNOWN",
        "TCP",
    ]
    uas.stack.receive(message("transports"), uas.flow, 0.0)
    ((flow, _),) = uas.stack.outgoing()
    assert (flow.transport, flow.remote) == ("UDP", REMOTE)


@pytest.mark.rfc(4475, "3.1.1.11")
def test_mpart01_keeps_its_binary_body() -> None:
    data, m = message("mpart01"), asked("mpart01")
    assert (len(m.body), m.content_type) == (553, "multipart/mixed")
    assert data.endswith(m.body) and b"\0" in m.body
    assert m.body.count(b"--7a9cbec02ceef655") == 3


@pytest.mark.rfc(4475, "3.1.1.13")
@pytest.mark.parametrize(("name", "status", "size"), [("unreason", 200, 47), ("noreason", 100, 0)])
def test_a_reason_phrase_is_anything_and_nothing(name: str, status: int, size: int) -> None:
    m = parse(message(name))
    assert isinstance(m, Response)
    assert (m.status, len(m.reason)) == (status, size)
    assert bytes(parse(bytes(m))) == bytes(m)


@pytest.mark.rfc(4475, "3.1.2.11")
def test_the_route_in_escruris_request_uri_is_never_used() -> None:
    uas = Uas()
    uas.hear(message("escruri"))
    for session in uas.calls:
        session.answer(0.0)
        session.hang_up(0.0)
    sent = uas.said()
    assert sent and all(header(data, "Route") == [] for data in sent)


@pytest.mark.rfc(4475, "3.2.1")
def test_a_branch_that_is_only_the_cookie_tells_no_transactions_apart() -> None:
    uas, data = Uas(), message("badbranch")
    other = data.replace(b"badbranch.", b"other.").replace(b"tag=33242", b"tag=33243")
    answers = [*uas.hear(data), *uas.hear(other)]
    names = [header(answer, "Call-ID")[0].partition(".")[0] for answer in answers]
    assert names == ["badbranch", "other"]


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        pytest.param(
            "bext01",
            "Unsupported",
            "nothingSupportsThis, nothingSupportsThisEither",
            marks=pytest.mark.rfc(4475, "3.3.5"),
        ),
        pytest.param(
            "invut",
            "Accept",
            "application/sdp, multipart/mixed",
            marks=pytest.mark.rfc(4475, "3.3.6"),
        ),
    ],
)
def test_a_refusal_says_what_would_do(name: str, field: str, value: str) -> None:
    (answer,) = Uas().hear(message(name))
    assert header(answer, field) == [value]


@pytest.mark.rfc(4475, "3.3.7")
def test_a_scheme_that_nobody_knows_is_no_credentials() -> None:
    passwords: Callable[[str], str | None] = {"j.user": "secret"}.get
    uas = Uas("TCP", guard=Digest("example.com", passwords, Ids(5)))
    (answer,) = uas.hear(message("regaut01"))
    assert status_of(answer) == 401 and header(answer, "WWW-Authenticate")
    assert uas.registrar.locate("j.user", 0.0) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param(
            "cparam01",
            "<sip:+19725552222@gw1.example.net>",
            marks=pytest.mark.rfc(4475, "3.3.12"),
        ),
        pytest.param(
            "cparam02",
            "<sip:+19725552222@gw1.example.net;unknownparam>",
            marks=pytest.mark.rfc(4475, "3.3.13"),
        ),
        pytest.param(
            "regescrt",
            "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
            marks=pytest.mark.rfc(4475, "3.3.14"),
        ),
    ],
)
def test_a_registrar_tells_parameters_of_the_uri_from_those_of_the_header(
    name: str, shown: str
) -> None:
    (answer,) = Uas().hear(message(name))
    (contact,) = header(answer, "Contact")
    assert contact.startswith(f"{shown};")


@pytest.mark.rfc(4475, "3.4.1")
def test_inv2543_again_is_the_same_call() -> None:
    uas, data = Uas(), message("inv2543")
    uas.hear(data)
    uas.hear(data)
    (session,) = uas.calls
    session.answer(0.0)
    (ok,) = uas.said()
    assert header(ok, "Record-Route") == ["<sip:UserB@example.com;maddr=ss1.example.com>"]
    session.hang_up(0.0)
    bye = uas.wait(40)[-1]  # nobody acknowledges: said as soon as that is clear
    assert bye.startswith(b"BYE ") and header(bye, "CSeq") == ["1 BYE"]
