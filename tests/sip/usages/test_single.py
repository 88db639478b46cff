"""Requests outside of dialogs, both ways."""

from __future__ import annotations

import pytest

from siptg.sip.account import SipAccount
from siptg.sip.events import RequestReceived
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.single import Reply
from tests.support.ends import ALICE, A, B, Ends

BOB = NameAddr(Uri.parse("sip:bob@192.0.2.2"))


def ask(ends: Ends, method: str, account: SipAccount = ALICE, **options: object) -> list[Reply]:
    replies: list[Reply] = []
    flow = ends.wire.flow(A, B)
    ends.a.request(method, BOB, account, flow, replies.append, ends.wire.now, **options)  # type: ignore[arg-type]
    return replies


@pytest.mark.rfc(3261, "11")
def test_options_finds_out_what_somebody_can_do() -> None:
    ends = Ends()
    replies = ask(ends, "OPTIONS")
    ends.run(1)
    (reply,) = replies
    assert reply.status == 200 and reply.response is not None
    assert "INVITE" in reply.response.tokens("Allow")
    assert "replaces" in reply.response.tokens("Supported")
    assert ends.is_empty()


def test_nobody_there_is_408() -> None:
    ends = Ends()
    del ends.wire.stacks[B]
    replies = ask(ends, "OPTIONS")
    ends.run(40)
    assert [r.status for r in replies] == [408] and replies[0].response is None


@pytest.mark.rfc(3428, "4")
@pytest.mark.parametrize("guard", [False, True])
def test_a_message_arrives_once_and_from_those_who_may(guard: bool) -> None:
    ends = Ends(guard=guard)
    assert [r.status for r in _run(ends, ask(ends, "MESSAGE"))] == [405]
    ends.b.takes_requests = True
    replies = ask(ends, "MESSAGE", content_type="text/plain", body="grüß dich".encode())
    ends.run(1)
    assert [r.status for r in replies] == [200]
    (received,) = [e for e in ends.seen[ends.b] if isinstance(e, RequestReceived)]
    assert received.request.body.decode() == "grüß dich"
    assert "Contact" not in received.request.headers
    if guard:
        wrong = ask(ends, "MESSAGE", SipAccount(ALICE.uri, "wrong"), content_type="text/plain")
        ends.run(1)
        assert [r.status for r in wrong] == [401]


def _run(ends: Ends, replies: list[Reply]) -> list[Reply]:
    ends.run(1)
    return replies


@pytest.mark.rfc(6665, "4.1.3")
def test_a_note_that_nobody_asked_for_is_refused_unless_somebody_takes_it() -> None:
    ends = Ends()
    assert [r.status for r in _run(ends, ask(ends, "NOTIFY"))] == [481]
    ends.b.takes_requests = True
    assert [r.status for r in _run(ends, ask(ends, "NOTIFY"))] == [200]
