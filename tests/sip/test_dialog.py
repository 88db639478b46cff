"""Dialogs: what is remembered of a peer, and what a request inside one says (RFC 3261 §12)."""

from __future__ import annotations

import pytest

from siptg.sip.dialog import Dialog
from siptg.sip.errors import ProtocolError
from siptg.sip.message import Request
from siptg.sip.parser import parse
from tests.sip.torture.messages import invite, sip


def dialog(*routes: str, contact: str = "<sip:alice@192.0.2.111:5062>") -> Dialog:
    """Of a callee, whose INVITE came by these proxies."""
    more = b"".join(f"Record-Route: {route}\r\n".encode() for route in routes)
    data = invite(contact=contact)
    head, _, body = data.partition(b"\r\n\r\n")
    request = parse(head + b"\r\n" + more + b"\r\n" + body)
    assert isinstance(request, Request)
    return Dialog.of_callee(request, "us")


@pytest.mark.rfc(3261, "12.2.1.1")
@pytest.mark.parametrize(
    ("routes", "uri", "route", "hop"),
    [
        ((), "sip:alice@192.0.2.111:5062", [], "192.0.2.111"),
        (
            ("<sip:p1.x;lr>", "<sip:p2.x;lr>"),
            "sip:alice@192.0.2.111:5062",
            ["<sip:p1.x;lr>", "<sip:p2.x;lr>"],
            "p1.x",
        ),
        (
            ("<sip:strict.x>", "<sip:p2.x;lr>"),
            "sip:strict.x",
            ["<sip:p2.x;lr>", "<sip:alice@192.0.2.111:5062>"],
            "strict.x",
        ),
    ],
)
def test_a_request_goes_by_its_routes(
    routes: tuple[str, ...], uri: str, route: list[str], hop: str
) -> None:
    made = dialog(*routes)
    request = made.request("BYE")
    assert str(request.uri) == uri
    assert [str(r) for r in request.routes] == route
    assert made.next_hop.host == hop


@pytest.mark.rfc(3261, "12.2.1.1")
def test_sequence_numbers_grow_by_one_and_an_ack_keeps_its_invites() -> None:
    made = dialog()
    numbers = [made.request(method).cseq.number for method in ("INFO", "INVITE", "BYE")]
    assert numbers == [1, 2, 3] and made.request("ACK", 2).cseq.number == 2


@pytest.mark.rfc(3261, "12.2.2")
def test_a_request_that_was_overtaken_or_belongs_elsewhere_is_refused() -> None:
    made = dialog()
    for number, tag, status in ((5, "a1", 0), (4, "a1", 500), (6, "other", 481)):
        request = parse(
            sip("INFO", cseq=f"{number} INFO", from_=f"<sip:alice@192.0.2.111>;tag={tag}")
        )
        assert isinstance(request, Request)
        if status:
            with pytest.raises(ProtocolError) as caught:
                made.check(request)
            assert caught.value.status == status
        else:
            made.check(request)


@pytest.mark.rfc(3261, "12.2.2")
def test_a_new_contact_is_the_new_target_and_none_changes_nothing() -> None:
    made = dialog()
    for contact, host in (("<sip:alice@elsewhere>", "elsewhere"), (None, "elsewhere")):
        request = parse(sip("UPDATE", contact=contact))
        made.refresh(request)
        assert made.target.host == host


@pytest.mark.rfc(3261, "12.1.1")
def test_a_contact_is_wanted_of_all_but_the_oldest_callers() -> None:
    with pytest.raises(ProtocolError):
        Dialog.of_callee(_parsed(invite(contact=None)), "us")
    old = _parsed(invite(contact=None, from_="<sip:alice@192.0.2.111>"))
    assert Dialog.of_callee(old, "us").target.user == "alice"


def _parsed(data: bytes) -> Request:
    made = parse(data)
    assert isinstance(made, Request)
    return made
