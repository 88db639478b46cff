"""RFC 5118: IPv6 in SIP. The messages are written here, from what the RFC says of each form."""

from __future__ import annotations

import pytest

from siptg.rtp.sdp import SdpError, SessionDescription
from siptg.sip.message import Request
from siptg.sip.parser import parse
from tests.sip.torture.messages import invite, sip
from tests.sip.torture.uas import Uas, header, status_of

HERE, THERE = ("2001:db8::10", 5060), ("2001:db8::9:1", 5060)
VIA = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3"


def uas() -> Uas:
    return Uas(local=HERE, remote=THERE)


def register(uri: str = "sip:[2001:db8::10]", **changed: str | None) -> bytes:
    return sip(
        "REGISTER",
        uri,
        headers={"via": VIA, "contact": "<sip:alice@[2001:db8::1]>", **changed},
    )


@pytest.mark.parametrize(
    ("uri", "host", "port"),
    [
        pytest.param(uri, host, port, id=uri, marks=pytest.mark.rfc(5118, section))
        for section, uri, host, port in [
            ("4.1", "sip:[2001:db8::10]", "2001:db8::10", None),
            ("4.1", "sip:bob@[2001:DB8::10]", "2001:db8::10", None),
            ("4.1", "sip:[::1]", "::1", None),
            ("4.1", "sip:[1:2:3:4:5:6:7:8]", "1:2:3:4:5:6:7:8", None),
            ("4.3", "sip:[2001:db8::10:5070]", "2001:db8::10:5070", None),
            ("4.4", "sip:[2001:db8::10]:5070", "2001:db8::10", 5070),
            ("4.9", "sip:[::ffff:192.0.2.10]:19823", "::ffff:192.0.2.10", 19823),
            ("4.10", "sip:[2001:db8::192.0.2.1]", "2001:db8::192.0.2.1", None),
        ]
    ],
)
def test_an_address_in_brackets_is_a_host(uri: str, host: str, port: int | None) -> None:
    server, data = uas(), register(uri)
    made = parse(data)
    assert isinstance(made, Request)
    assert (made.uri.address[0].lower(), made.uri.port) == (host, port)
    assert str(made.uri) == uri
    assert server.statuses(data) == [200]
    assert [b.contact.host for b in server.registrar.locate("bob", 0.0)] == ["[2001:db8::1]"]


@pytest.mark.rfc(5118, "4.2")
@pytest.mark.parametrize(
    "host",
    [
        "2001:db8::10",
        "2001:db8::10:5070",
        "[2001:db8::10",
        "2001:db8::10]",
        "[]",
        "[2001:db8::10]x",
        "[2001:db8::10]:",
        "[2001:db8::10]:99999",
        "[12345::1]",
        "[1:2:3:4:5:6:7:8:9]",
        "[1::2::3]",
        "[2001:db8::999.0.2.1]",
        "[...]",
    ],
)
def test_a_host_that_is_no_address_in_brackets_is_refused(host: str) -> None:
    server = uas()
    assert server.statuses(register(f"sip:{host}")) == [400]
    assert server.statuses(register(contact=f"<sip:alice@{host}>", call_id="2")) == [400]
    assert server.registrar.locate("bob", 0.0) == []
    assert server.still_serves()


@pytest.mark.rfc(5118, "4.10")
def test_the_third_colon_of_the_old_grammar_is_borne_or_refused() -> None:
    server = uas()
    (status,) = server.statuses(register("sip:[2001:db8:::192.0.2.1]"))
    assert status in (200, 400)
    assert server.still_serves()


@pytest.mark.rfc(5118, "4.5")
@pytest.mark.parametrize("received", ["[2001:db8::9:255]", "2001:db8::9:255"])
def test_received_is_read_with_brackets_and_without(received: str) -> None:
    below = f"SIP/2.0/UDP [2001:db8::9:0];received={received};branch=z9hG4bKas3-111"
    server, data = uas(), register(via=f"{VIA}, {below}")
    assert [v.received for v in parse(data).vias] == [None, received]
    (answer,) = server.hear(data)
    assert status_of(answer) == 200
    shown = [v.strip() for v in ",".join(header(answer, "Via")).split(",")]
    assert shown[1].replace(";branch=z9hG4bKas3-111", "") == below.replace(
        ";branch=z9hG4bKas3-111", ""
    )


@pytest.mark.rfc(3261, "18.2.1")
def test_received_is_written_as_the_grammar_has_it() -> None:
    server = uas()
    via = "SIP/2.0/UDP [2001:db8::bad]:5070;branch=z9hG4bKr;rport"
    (answer,) = server.hear(register(via=via))
    (shown,) = header(answer, "Via")
    assert ";received=2001:db8::9:1" in shown and ";rport=5060" in shown


@pytest.mark.rfc(5118, "4.7")
def test_both_families_stand_in_one_message() -> None:
    vias = "SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKa, SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb"
    data = sip("INVITE", "sip:bob@[2001:db8::10]", via=vias, contact="<sip:a@[2001:db8::1]:5070>")
    made = parse(data)
    assert [v.sent_by for v in made.vias] == [("2001:db8::9:1", 6050), ("192.0.2.1", 5060)]
    server = uas()
    assert server.hear(data) == []
    server.calls[0].ring(server.now)
    ((flow, ringing),) = server.stack.outgoing()
    assert flow.remote == ("2001:db8::9:1", 6050) and status_of(ringing) == 180
    assert header(ringing, "Contact") == ["<sip:bob@[2001:db8::10]:5060>"]


@pytest.mark.rfc(5118, "4.7")
def test_requests_of_ours_go_to_an_address_without_brackets() -> None:
    server, changed = uas(), {"via": VIA, "contact": "<sip:a@[2001:db8::1]>"}
    server.hear(invite(**changed))
    session = server.calls[0]
    session.answer(0.0)
    (ok,) = server.said()
    server.hear(sip("ACK", headers={"via": f"{VIA}b", "to": header(ok, "To")[0]}))
    session.hang_up(0.0)
    ((flow, bye),) = server.stack.outgoing()
    assert flow.remote == ("2001:db8::1", 5060)
    assert bye.startswith(b"BYE sip:a@[2001:db8::1] SIP/2.0\r\n")
    assert header(bye, "Via")[0].startswith("SIP/2.0/UDP [2001:db8::10]:5060;")


SDP = (
    "v=0\r\no=- 1 1 IN IP6 2001:db8::20\r\ns=-\r\n{}t=0 0\r\n"
    "m=audio 6000 RTP/AVP 0\r\n{}m=video 6024 RTP/AVP 107\r\n{}"
)


@pytest.mark.parametrize(
    ("session", "audio", "video", "hosts"),
    [
        pytest.param(*row, id=section, marks=pytest.mark.rfc(5118, section))
        for section, *row in [
            ("4.6", "2001:db8::20", "", "", ["2001:db8::20", "2001:db8::20"]),
            ("4.8", "", "192.0.2.1", "2001:db8::1", ["192.0.2.1", "2001:db8::1"]),
            ("4.8", "2001:db8::1", "192.0.2.1", "", ["192.0.2.1", "2001:db8::1"]),
            ("4.9", "::ffff:192.0.2.2", "", "", ["::ffff:192.0.2.2", "::ffff:192.0.2.2"]),
        ]
    ],
)
def test_each_media_goes_to_its_own_address(
    session: str, audio: str, video: str, hosts: list[str]
) -> None:
    text = SDP.format(*(line(host) for host in (session, audio, video)))
    made = SessionDescription.parse(text.encode())
    assert [made.host_of(section) for section in made.media] == hosts
    again = SessionDescription.parse(bytes(made))
    assert [again.host_of(section) for section in again.media] == hosts


def line(host: str) -> str:
    return f"c=IN IP{6 if ':' in host else 4} {host}\r\n" if host else ""


@pytest.mark.rfc(5118, "4.6")
def test_brackets_have_no_place_in_sdp() -> None:
    with pytest.raises(SdpError, match="bad address"):
        SessionDescription.parse(SDP.format("c=IN IP6 [2001:db8::20]\r\n", "", "").encode())
