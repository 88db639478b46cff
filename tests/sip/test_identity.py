"""Who calls, and by whom the call came."""

from __future__ import annotations

import pytest

from siptg.sip.account import SipAccount
from siptg.sip.identity import caller_of, diversions, history
from siptg.sip.message import Request
from siptg.sip.parser import parse
from siptg.sip.uri import NameAddr, Uri
from tests.sip.torture.messages import sip
from tests.support.ends import Ends


def asked(**headers: str | None) -> Request:
    made = parse(sip("INVITE", headers=headers))
    assert isinstance(made, Request)
    return made


@pytest.mark.rfc(3325, "9.1")
def test_an_asserted_identity_goes_before_from() -> None:
    caller = caller_of(asked(p_asserted_identity='"Alice" <sip:+4930@example.com>, <tel:+4930>'))
    assert (caller.name_addr.display_name, caller.name_addr.uri.user) == ("Alice", "+4930")
    assert caller.asserted and not caller.private
    plain = caller_of(asked(p_asserted_identity="nonsense <", from_="<sip:x@y>;tag=1"))
    assert plain.name_addr.uri.user == "x" and not plain.asserted


@pytest.mark.rfc(3323, "4.2")
@pytest.mark.parametrize(
    ("value", "private"), [("id", True), ("none", False), ("user;id", True), ("critical", False)]
)
def test_a_caller_may_want_the_number_withheld(value: str, private: bool) -> None:
    assert caller_of(asked(privacy=value)).private is private


@pytest.mark.rfc(3323, "4.1")
@pytest.mark.rfc(3325, "9.2")
def test_an_anonymous_call_shows_nothing_but_to_its_proxy() -> None:
    ends = Ends()
    uri = Uri.parse("sip:alice@192.0.2.2")
    ends.call(SipAccount(uri, "secret", display_name="Alice", anonymous=True))
    ends.run(0.5)
    request = ends.bob.request
    assert str(request.from_.uri) == "sip:anonymous@anonymous.invalid"
    assert request.headers.get("Privacy") == "id"
    assert request.headers.get("P-Preferred-Identity") == '"Alice" <sip:alice@192.0.2.2>'
    assert caller_of(request).private


@pytest.mark.rfc(3325, "9.1")
def test_a_trunk_says_who_calls() -> None:
    ends = Ends()
    caller = NameAddr.parse('"Bob" <sip:+49@trunk.example>')
    ends.call(SipAccount(Uri.parse("sip:trunk@192.0.2.2"), asserted=caller))
    ends.run(0.5)
    assert caller_of(ends.bob.request).name_addr == caller


@pytest.mark.rfc(5806, "4")
def test_diversions_are_read_the_latest_first() -> None:
    value = '<sip:b@x>;reason=user-busy;counter=2, "C" <sip:c@x>;reason="no-answer"'
    steps = diversions(asked(diversion=value))
    assert [(s.by.uri.user, s.reason, s.counter) for s in steps] == [
        ("b", "user-busy", 2),
        ("c", "no-answer", 1),
    ]
    assert diversions(asked(diversion="<nonsense")) == []


@pytest.mark.rfc(7044, "5")
def test_history_is_read_in_the_order_of_its_indices() -> None:
    value = (
        "<sip:bob@x?Reason=SIP%3Bcause%3D302>;index=1.1, <sip:a@x>;index=1, "
        "<sip:voicemail@x;cause=486>;index=1.10, <sip:c@x>;index=1.2"
    )
    entries = history(asked(history_info=value))
    assert [e.index for e in entries] == ["1", "1.1", "1.2", "1.10"]
    assert (entries[1].reason, entries[3].cause) == ("SIP;cause=302", 486)
