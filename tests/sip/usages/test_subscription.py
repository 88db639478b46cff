"""Subscriptions against a notifier written as messages, with time as a number."""

from __future__ import annotations

import re

import attrs
import pytest

from siptg.sip.account import SipAccount
from siptg.sip.events import Notified, SubscriptionEnded
from siptg.sip.flow import Flow
from siptg.sip.ids import Ids
from siptg.sip.message import Request, Response
from siptg.sip.parser import parse
from siptg.sip.stack import Stack
from siptg.sip.uri import NameAddr, Uri
from siptg.sip.usages.subscription import State, SubscriptionUsage

HERE, THERE = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
FLOW = Flow("UDP", HERE, THERE)


@attrs.define(eq=False)
class Notifier:
    """The other end, by hand."""

    stack: Stack = attrs.field(factory=lambda: Stack(ids=Ids(1)))
    now: float = 0.0
    asked: list[Request] = attrs.field(factory=list)
    answers: list[int] = attrs.field(factory=list)
    number: int = 0

    def subscribe(self, expires: int = 3600) -> SubscriptionUsage:
        account = SipAccount(Uri.parse("sip:alice@192.0.2.2"), "secret")
        to = NameAddr(Uri.parse("sip:alice@192.0.2.2"))
        usage = self.stack.subscribe(
            "message-summary", "application/x", to, account, FLOW, 0.0, expires=expires
        )
        self.listen()
        return usage

    def listen(self) -> None:
        for _, data in self.stack.outgoing():
            made = parse(data)
            if isinstance(made, Request):
                if made.via not in [before.via for before in self.asked]:
                    self.asked.append(made)
            else:
                self.answers.append(made.status)

    def say(self, status: int, *more: tuple[str, str], tag: str = "t") -> None:
        response = self.asked[-1].reply(status, to_tag=tag)
        for name, value in more:
            response.headers.add(name, value)
        self.hear(bytes(response))

    def notify(self, state: str, body: str = "note", tag: str = "t", event: str = "") -> None:
        self.number += 1
        first = self.asked[-1]
        text = (
            f"NOTIFY sip:alice@192.0.2.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKn{self.number}\r\n"
            f"From: {first.headers.get('To').partition(';')[0]};tag={tag}\r\n"  # type: ignore[union-attr]
            f"To: {first.headers.get('From')}\r\nCall-ID: {first.call_id}\r\n"
            f"CSeq: {self.number} NOTIFY\r\nContact: <sip:n@192.0.2.2>\r\n"
            f"Event: {event or 'message-summary'}\r\nSubscription-State: {state}\r\n"
            f"Content-Type: application/x\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )
        self.hear(text.encode())

    def hear(self, data: bytes) -> None:
        self.stack.receive(data, FLOW, self.now)
        self.listen()

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.stack.deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.stack.tick(self.now)
            self.listen()
        self.now = until

    def events(self) -> list[object]:
        return [event for _, event in self.stack.events()]

    @property
    def methods(self) -> list[str]:
        return [f"{r.method} {r.headers.get('Expires')}" for r in self.asked]


@pytest.mark.rfc(6665, "4.1.2")
def test_it_is_told_refreshed_and_taken_back() -> None:
    n = Notifier()
    usage = n.subscribe()
    n.say(200, ("Expires", "100"))
    assert state_of(usage) is State.ASKING
    n.notify("pending;expires=100")
    assert state_of(usage) is State.PENDING
    n.notify("active;expires=100", "two")
    assert state_of(usage) is State.ACTIVE and n.answers == [200, 200]
    assert n.events() == [
        Notified("application/x", b"note", "pending"),
        Notified("application/x", b"two", "active"),
    ]
    n.wait(90)
    assert n.methods == ["SUBSCRIBE 3600", "SUBSCRIBE 3600"]
    assert n.asked[1].to.tag == "t" and n.asked[1].cseq.number == 2
    n.say(200, ("Expires", "100"))
    usage.close(n.now)
    n.listen()
    assert n.methods[2] == "SUBSCRIBE 0"
    n.say(200, ("Expires", "0"))
    n.notify("terminated;reason=timeout")
    assert state_of(usage) is State.OVER and n.events() == [
        SubscriptionEnded("terminated: timeout")
    ]
    n.wait(100)
    assert n.stack.subscriptions == {} and n.stack.deadline() is None


@pytest.mark.rfc(6665, "4.1.2.4")
def test_a_note_that_comes_before_the_200_makes_the_dialog() -> None:
    n = Notifier()
    usage = n.subscribe()
    n.notify("active;expires=600")
    assert state_of(usage) is State.ACTIVE and n.answers == [200]


@pytest.mark.rfc(6665, "4.4.1")
def test_notes_of_other_forks_and_other_events_are_refused() -> None:
    n = Notifier()
    n.subscribe()
    n.notify("active")
    n.notify("active", tag="fork")
    n.notify("active", event="dialog")
    assert n.answers == [200, 481, 489]


@pytest.mark.rfc(6665, "4.1.3")
@pytest.mark.parametrize(
    ("reason", "again_within"),
    [
        ("deactivated", 2.0),
        ("timeout", 2.0),
        ("probation;retry-after=200", 206.0),
        ("giveup", 36.0),
        ("rejected", None),
        ("noresource", None),
        ("invariant", None),
    ],
)
def test_what_was_ended_is_asked_for_again_as_its_reason_allows(
    reason: str, again_within: float | None
) -> None:
    n = Notifier()
    usage = n.subscribe()
    n.notify("active")
    n.notify(f"terminated;reason={reason}")
    n.wait(again_within or 5000)
    if again_within is None:
        assert len(n.asked) == 1 and state_of(usage) is State.OVER
    else:
        assert state_of(usage) is State.ASKING and n.asked[0].call_id != n.asked[-1].call_id
        assert n.asked[-1].to.tag is None


@pytest.mark.rfc(6665, "4.1.2.4")
def test_without_a_note_it_is_asked_for_again_later() -> None:
    n = Notifier()
    usage = n.subscribe()
    n.say(200, ("Expires", "600"))
    n.wait(33)
    assert state_of(usage) is State.WAITING
    n.wait(60)
    assert state_of(usage) is State.ASKING


@pytest.mark.rfc(6665, "4.1.2.1")
@pytest.mark.parametrize(
    ("status", "more", "state"),
    [
        (423, ("Min-Expires", "7200"), State.ASKING),
        (403, ("X", "1"), State.OVER),
        (489, ("X", "1"), State.OVER),
        (503, ("X", "1"), State.WAITING),
        (481, ("X", "1"), State.WAITING),
    ],
)
def test_a_refusal_is_taken_as_it_is_meant(
    status: int, more: tuple[str, str], state: State
) -> None:
    n = Notifier()
    usage = n.subscribe()
    n.say(status, more)
    assert usage.state is state
    if status == 423:
        assert n.methods == ["SUBSCRIBE 3600", "SUBSCRIBE 7200"]


def test_a_challenge_is_answered_once() -> None:
    n = Notifier()
    usage = n.subscribe()
    challenge = ("WWW-Authenticate", 'Digest realm="r", nonce="1", qop="auth"')
    n.say(401, challenge)
    assert "Authorization" in n.asked[1].headers and n.asked[1].cseq.number == 2
    n.say(401, challenge)
    assert state_of(usage) is State.OVER and len(n.asked) == 2
    assert isinstance(parse(bytes(n.asked[0].reply(200))), Response)
    assert re.match(r"\w+", usage.why)


def state_of(usage: SubscriptionUsage) -> State:
    return usage.state
