"""The registrar's own rules: contacts, order, q, `*`, paths, devices."""

from __future__ import annotations

import pytest

from siptg.sip.account import SipAccount
from siptg.sip.errors import ProtocolError
from siptg.sip.flow import Flow
from siptg.sip.message import Request, Response
from siptg.sip.parser import parse
from siptg.sip.stack import Stack
from siptg.sip.uri import Uri
from siptg.sip.usages import registrar as registrar_module
from siptg.sip.usages.registrar import Registrar
from siptg.sip.usages.registration import RegistrationUsage
from tests.sip.torture.messages import sip
from tests.support.ends import ALICE, A, B, Ends

FLOW = Flow("UDP", ("192.0.2.222", 5060), ("192.0.2.111", 5060))


def register(
    kept: Registrar, now: float = 0.0, *, number: int = 1, **changed: str | None
) -> Response:
    changed.setdefault("expires", "600")
    data = sip("REGISTER", headers={"cseq": f"{number} REGISTER", **changed})
    request = parse(data)
    assert isinstance(request, Request)
    return kept.receive(request, FLOW, now)


def contacts(kept: Registrar, now: float = 0.0) -> list[str]:
    return [str(b.contact) for b in kept.locate("bob", now)]


@pytest.mark.rfc(3261, "10.3")
def test_several_contacts_each_with_its_time_and_rank() -> None:
    kept = Registrar()
    value = "<sip:a@h>;q=0.1;expires=60, <sip:b@h>;q=0.9, <sip:c@h>;q=0.9;expires=9999"
    response = register(kept, contact=value)
    assert contacts(kept) == ["sip:c@h", "sip:b@h", "sip:a@h"]
    assert response.headers.get_all("Contact") == [
        "<sip:c@h>;q=0.9;expires=3600",
        "<sip:b@h>;q=0.9;expires=600",
        "<sip:a@h>;q=0.1;expires=60",
    ]
    assert contacts(kept, 61.0) == ["sip:c@h", "sip:b@h"]
    register(kept, 70.0, number=2, contact="<sip:b@h>;expires=0")
    assert contacts(kept, 71.0) == ["sip:c@h"]
    assert len(kept) == 1 and contacts(kept, 4000.0) == [] and len(kept) == 0


@pytest.mark.rfc(3261, "10.2.2")
def test_a_star_takes_all_back() -> None:
    kept = Registrar()
    register(kept, contact="<sip:a@h>, <sip:b@h>")
    with pytest.raises(ProtocolError):
        register(kept, number=2, contact="*")
    register(kept, number=3, contact="*", expires="0")
    assert contacts(kept) == []


@pytest.mark.rfc(3261, "10.3")
def test_what_was_overtaken_changes_nothing_at_all() -> None:
    kept = Registrar()
    register(kept, number=5, contact="<sip:a@h>")
    for value in ("<sip:new@h>, <sip:a@h>;expires=0", "*"):
        with pytest.raises(ProtocolError) as caught:
            register(kept, number=5, contact=value, expires="0" if value == "*" else "60")
        assert caught.value.status == 500 and contacts(kept) == ["sip:a@h"]
    register(kept, number=1, call_id="other", contact="<sip:a@h>;expires=60")
    assert contacts(kept, 61.0) == []


@pytest.mark.rfc(3261, "10.2.8")
def test_too_short_a_time_is_refused_with_what_would_do() -> None:
    response = register(Registrar(shortest=60), contact="<sip:a@h>;expires=59")
    assert (response.status, response.headers.get("Min-Expires")) == (423, "60")


def test_contacts_and_users_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Registrar()
    with pytest.raises(ProtocolError) as caught:
        register(kept, contact=", ".join(f"<sip:a{n}@h>" for n in range(11)))
    assert caught.value.status == 403 and len(kept) == 0
    monkeypatch.setattr(registrar_module, "MOST_USERS", 1)
    register(kept)
    with pytest.raises(ProtocolError) as caught:
        register(kept, to="<sip:carol@h>")
    assert caught.value.status == 503


@pytest.mark.rfc(3327, "5.3")
def test_a_path_is_kept_and_said_back() -> None:
    kept = Registrar()
    response = register(kept, path="<sip:p1@h;lr>, <sip:p2@h;lr>")
    assert response.headers.get("Path") == "<sip:p1@h;lr>, <sip:p2@h;lr>"
    assert [p.uri.user for p in kept.locate("bob", 0.0)[0].path] == ["p1", "p2"]


@pytest.mark.rfc(5626, "6")
def test_a_device_that_moved_is_still_one_device() -> None:
    kept, device = Registrar(), ';reg-id=1;+sip.instance="<urn:uuid:1>"'
    register(kept, contact=f"<sip:bob@old>{device}")
    response = register(kept, number=2, contact=f"<sip:bob@new>{device}")
    assert contacts(kept) == ["sip:bob@new"]
    assert '+sip.instance="<urn:uuid:1>"' in (response.headers.get("Contact") or "")


@pytest.mark.rfc(3608, "6.1")
@pytest.mark.rfc(5627, "4.4")
def test_service_route_and_gruu_hold_for_the_calls_that_follow() -> None:
    ends = Ends()
    ends.b._front.registrar = Registrar(service_route=("<sip:192.0.2.2;lr>", "<sip:next@x;lr>"))
    account = SipAccount(ALICE.uri, "secret", instance="urn:uuid:1")
    said: list[RegistrationUsage] = []
    flow = ends.wire.flow(A, B)
    usage = ends.a.register(account, flow, lambda: said.append(usage), 0.0)
    ends.run(1)
    assert usage.account.instance == "urn:uuid:1"
    ends.call(account)
    ends.run(0.5)
    invite = ends.bob.request
    assert [str(r) for r in invite.routes] == ["<sip:192.0.2.2;lr>", "<sip:next@x;lr>"]
    gruu = Uri.parse("sip:alice@192.0.2.2;gr=urn:uuid:1")
    response = Response(200, "OK", usage._make(60).headers.copy())
    contact = response.headers.get("Contact")
    response.headers.set("Contact", f'{contact};pub-gruu="{gruu}";expires=60')
    usage._learn(response)
    session = ends.call(account)
    assert session.request.contacts[0].uri == gruu


@pytest.mark.rfc(3261, "8.1.2")
@pytest.mark.parametrize(("proxy", "routes"), [("sip:p.x;lr", ["<sip:p.x;lr>"]), ("sip:p.x", [])])
def test_an_outbound_proxy_is_a_route_where_it_is_a_loose_router(
    proxy: str, routes: list[str]
) -> None:
    stack = Stack()
    account = SipAccount(ALICE.uri, "secret", proxy=Uri.parse(proxy))
    usage = RegistrationUsage(stack, account, FLOW, lambda: None)
    assert [str(r) for r in usage._make(60).routes] == routes
