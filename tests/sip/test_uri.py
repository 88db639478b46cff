"""Addresses: what is read, what is refused, what is equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.sip.errors import ProtocolError
from siptg.sip.uri import NameAddr, Uri


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@example.com",
        "sip:alice:secret@example.com:5070;transport=tcp;lr?subject=x&priority=urgent",
        "sips:1212@gateway.com",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sip:example.com",
        "sip:a@[2001:db8::1]:5060",
        "sip:sip%3Auser%40example.com@company.com;other-param=summit",
        "tel:+4930123456;ext=5",
        "mailto:x@y.z",
    ],
)
def test_what_is_read_is_written_as_it_was(text: str) -> None:
    assert str(Uri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@host",
        "sip:a@",
        "sip:a@host:0",
        "sip:a@host:99999",
        "sip:a@ho st",
        "a@b",
        "sip:a b@host",
        "tel:abc!",
        "sip:a@host;x=1;x=2",
        "sip:a@host:12x",
    ],
)
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        Uri.parse(text)


@pytest.mark.rfc(3261, "19.1.4")
@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", True),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", True),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", True),
        ("sip:biloxi.com?to=a&priority=urgent", "sip:biloxi.com?priority=urgent&to=a", True),
        ("SIP:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM", False),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", False),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", False),
        ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on", False),
        ("sip:a@x", "sips:a@x", False),
        ("tel:+49-30-12", "tel:+493012", True),
    ],
)
def test_equality_is_that_of_the_rfc(a: str, b: str, equal: bool) -> None:
    assert Uri.parse(a).equals(Uri.parse(b)) is equal
    assert Uri.parse(b).equals(Uri.parse(a)) is equal


def test_names_and_tags_are_read_from_addresses() -> None:
    address = NameAddr.parse('"A \\"<x>, y\\" B" <sip:a@b;lr>;tag=7')
    assert (address.display_name, address.tag, address.uri.params.items()) == (
        'A "<x>, y" B',
        "7",
        (("lr", None),),
    )
    assert NameAddr.parse("sip:a@b;tag=7").uri.params.items() == ()
    assert NameAddr.parse(str(address)) == address
    listed = NameAddr.parse_many('"x, y" <sip:a@b>, <sip:c@d>;p="1,2"')
    assert [str(a.uri) for a in listed] == ["sip:a@b", "sip:c@d"]
    assert listed[1].params.get("p") == "1,2"


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_protocol_error(text: str) -> None:
    for read in (Uri.parse, NameAddr.parse, NameAddr.parse_many):
        try:
            read(text)
        except ProtocolError:
            continue
