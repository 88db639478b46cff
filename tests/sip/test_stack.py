"""Two stacks on a simulated wire: whole calls, races and losses, the same to the millisecond
each time.
"""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.sip.account import SipAccount
from siptg.sip.events import Answered, Ended, InfoReceived, Renegotiated, Ringing
from siptg.sip.ids import Ids
from siptg.sip.parser import Limits
from siptg.sip.stack import Stack
from siptg.sip.usages.states import State
from tests.support.ends import ALICE, A, B, Ends, answered
from tests.support.wire import PaperMedia, Wire, losing


@pytest.mark.rfc(3261, "13")
def test_a_call_from_invite_to_bye() -> None:
    ends, session = answered()
    assert ends.seen[ends.a] == [Ringing(180, early_media=False), Answered()]
    assert ends.seen[ends.b] == [Answered()]
    assert (ends.media_a.told, ends.media_b.told) == (["offer", "accept"], ["answer"])
    session.hang_up(ends.wire.now)
    ends.run(1)
    assert ends.seen[ends.a][-1] == Ended(200, "OK", by_remote=False)
    assert ends.seen[ends.b][-1] == Ended(200, "BYE", by_remote=True)
    assert ends.said == ["INVITE", "100", "180", "200", "ACK", "BYE", "200"]
    assert ends.is_empty()


def test_the_same_losses_give_the_same_transcript() -> None:
    lost = (False, True, False, True, True, False, True)
    runs = [answered(lost=losing(*lost))[0].wire.transcript for _ in range(2)]
    assert runs[0] == runs[1]
    assert any(what.endswith("lost") for _, what in runs[0])


@pytest.mark.rfc(3261, "22")
def test_a_challenge_is_answered_once_and_a_wrong_password_is_a_refusal() -> None:
    ends, _ = answered(guard=True)
    assert ends.said[:5] == ["INVITE", "401", "ACK", "INVITE", "100"]
    wrong = Ends(guard=True)
    wrong.call(SipAccount(ALICE.uri, "wrong"))
    wrong.run(3)
    assert wrong.seen[wrong.a] == [Ended(401, "Unauthorized", by_remote=True)]
    assert wrong.said.count("INVITE") == 2 and wrong.incoming == []
    assert wrong.b.counters["wrong_credentials"] == 1


@pytest.mark.rfc(3261, "9.1")
def test_cancel_before_the_answer() -> None:
    ends = Ends()
    session = ends.call()
    ends.run(0.5)
    ends.bob.ring(ends.wire.now)
    ends.run(0.2)
    session.hang_up(ends.wire.now)
    ends.run(1)
    assert ends.seen[ends.a][-1] == Ended(487, "cancelled", by_remote=False)
    assert ends.seen[ends.b][-1] == Ended(487, "cancelled by the caller", by_remote=True)
    assert ends.said[-4:] == ["CANCEL", "200", "487", "ACK"]
    assert ends.is_empty()


@pytest.mark.rfc(3261, "9.1")
def test_no_cancel_leaves_before_a_provisional_answer_came() -> None:
    ends = Ends(lost=losing(True, True))
    session = ends.call()
    session.hang_up(0.0)
    ends.run(1.4)
    assert set(ends.said) == {"INVITE lost"}
    ends.run(3)
    assert "CANCEL" in ends.said and ends.seen[ends.a][-1].status == 487
    assert ends.is_empty()


@pytest.mark.rfc(3261, "9.1")
def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_ended_by_bye() -> None:
    ends = Ends()
    session = ends.call()
    ends.run(0.5)
    ends.bob.ring(ends.wire.now)
    ends.run(0.2)
    ends.bob.answer(ends.wire.now)
    session.hang_up(ends.wire.now)
    ends.run(2)
    assert ends.said.count("ACK") == 1 and "BYE" in ends.said
    assert ends.seen[ends.a][-1].by_remote is False
    assert ends.seen[ends.b][-1] == Ended(200, "BYE", by_remote=True)
    assert ends.is_empty()


@pytest.mark.rfc(3261, "9.2")
@pytest.mark.parametrize("status", [200, 486])
def test_the_answer_to_a_late_cancel_has_the_tag_of_the_answer_to_its_invite(status: int) -> None:
    ends = Ends()
    send(ends, HEAD.format(method="INVITE", branch="1", tag=""))
    if status == 200:
        ends.bob.answer(0.05)
    else:
        ends.bob.hang_up(0.05, status)
    answered = [bytes(data) for _, data in ends.b.outgoing()]
    cancel = HEAD.format(method="CANCEL", branch="1", tag="").replace("\n", "\r\n") + "\r\n\r\n"
    ends.b.receive(cancel.encode(), ends.wire.flow(B, A), 0.1)
    answered += [bytes(data) for _, data in ends.b.outgoing()]
    tags = {re.search(rb";tag=(\w+)\r\nCall-ID", data)[1] for data in answered}  # type: ignore[index]
    assert len(answered) == 2 and len(tags) == 1


def test_a_refusal_brings_its_status_to_the_caller() -> None:
    ends = Ends()
    ends.call()
    ends.run(0.5)
    ends.bob.hang_up(ends.wire.now, 486)
    ends.run(1)
    assert ends.seen[ends.a] == [Ended(486, "Busy Here", by_remote=True)]
    assert ends.is_empty()


@pytest.mark.rfc(3261, "13.3.1.4")
def test_a_200_is_repeated_until_its_ack_and_given_up_with_bye() -> None:
    ends = Ends()
    ends.call()
    ends.run(0.5)
    del ends.wire.stacks[A]
    ends.bob.answer(ends.wire.now)
    ends.run(40)
    times = [t for t, what in ends.wire.transcript if what == "200"]
    gaps = [round(b - a, 1) for a, b in pairwise(times)]
    assert gaps[:5] == [0.5, 1.0, 2.0, 4.0, 4.0]
    assert "BYE" in ends.said


def test_a_lost_ack_is_sent_again_with_the_repeated_200() -> None:
    ends = Ends()
    ends.call()
    ends.run(0.5)
    ends.wire.lost = losing(False, True)
    ends.bob.answer(ends.wire.now)
    ends.run(3)
    assert ends.said[-4:] == ["200", "ACK lost", "200", "ACK"]
    assert ends.seen[ends.b] == [Answered()] and ends.seen[ends.a] == [Answered()]


def test_everything_twice_is_one_call() -> None:
    ends, session = answered(doubled=True)
    session.hang_up(ends.wire.now)
    ends.run(5)
    assert len(ends.incoming) == 1
    assert [type(e) for e in ends.seen[ends.b]] == [Answered, Ended]
    assert ends.is_empty()


@pytest.mark.rfc(3261, "14")
def test_a_reinvite_renegotiates_and_is_told_at_both_ends() -> None:
    ends, session = answered()
    session.talks.offer(ends.wire.now)
    ends.run(1)
    assert ends.seen[ends.a][-1] == Renegotiated() and ends.seen[ends.b][-1] == Renegotiated()
    ends.bob.talks.offer(ends.wire.now)
    ends.run(1)
    assert ends.media_a.told[-1] == "answer"


@pytest.mark.rfc(3261, "14.1")
def test_glare_is_settled_by_chance_and_both_offers_get_through() -> None:
    ends, session = answered()
    session.talks.offer(ends.wire.now)
    ends.bob.talks.offer(ends.wire.now)
    ends.run(10)
    assert ends.said.count("491") == 2
    assert ends.seen[ends.a].count(Renegotiated()) == 2
    assert session.state is State.CONFIRMED


def test_a_hold_that_is_refused_leaves_the_call_as_it_was() -> None:
    ends, session = answered()
    ends.media_b.fits = False
    session.talks.offer(ends.wire.now)
    ends.run(1)
    assert session.state is State.CONFIRMED and "488" in ends.said


def test_an_offer_that_does_not_fit_is_refused_with_488() -> None:
    ends = Ends()
    ends.call()
    ends.run(0.5)
    ends.bob.media = PaperMedia(fits=False)
    ends.bob.answer(ends.wire.now)
    ends.run(1)
    assert ends.seen[ends.a] == [Ended(488, "Not Acceptable Here", by_remote=True)]


def test_info_inside_the_dialog_is_told_and_answered() -> None:
    ends, session = answered()
    session.send("INFO", "application/dtmf-relay", b"Signal=5", ends.wire.now)
    ends.run(1)
    assert ends.seen[ends.b][-1] == InfoReceived("application/dtmf-relay", b"Signal=5")


def send(ends: Ends, text: str, body: str = "") -> None:
    ends.b.receive(
        (text.replace("\n", "\r\n") + "\r\n\r\n" + body).encode(),
        ends.wire.flow(B, A),
        ends.wire.now,
    )
    ends.run(0.05)


HEAD = (
    "{method} sip:bob@192.0.2.2 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{branch}\n"
    "From: <sip:x@y>;tag=1\nTo: <sip:bob@192.0.2.2>{tag}\nCall-ID: c\nCSeq: 1 {method}\n"
    "Contact: <sip:x@192.0.2.1>"
)


@pytest.mark.parametrize(
    ("method", "tag", "more", "status"),
    [
        ("OPTIONS", "", "", "200"),
        ("BYE", ";tag=9", "", "481"),
        ("INVITE", ";tag=9", "", "481"),
        ("INFO", "", "", "481"),
        ("CANCEL", "", "", "481"),
        ("MESSAGE", "", "", "405"),
        ("FROB", "", "", "501"),
        ("INVITE", "", "\nRequire: teleport", "420"),
        ("INVITE", "", "\nContent-Type: text/plain\nContent-Length: 1", "415"),
        ("OPTIONS", "", "\nMax-Forwards: x", "400"),
    ],
)
@pytest.mark.rfc(3261, "8.2")
def test_what_cannot_be_served_is_answered_with_its_status(
    method: str, tag: str, more: str, status: str
) -> None:
    ends = Ends()
    text = HEAD.format(method=method, branch="1", tag=tag) + more
    send(ends, text, "x" if "Length" in more else "")
    assert ends.said == [status]
    assert ends.incoming == []


@pytest.mark.rfc(3261, "8.2.2.2")
def test_the_same_request_by_two_ways_is_merged() -> None:
    ends = Ends()
    send(ends, HEAD.format(method="INVITE", branch="1", tag=""))
    send(ends, HEAD.format(method="INVITE", branch="2", tag=""))
    assert ends.said == ["482"] and len(ends.incoming) == 1


@pytest.mark.rfc(3261, "8.2.2.2")
def test_a_merged_request_that_is_over_does_not_make_room_for_the_next() -> None:
    ends = Ends()
    for branch in "12":
        send(ends, HEAD.format(method="INVITE", branch=branch, tag=""))
    send(ends, HEAD.format(method="ACK", branch="2", tag=";tag=x"))
    ends.run(6)
    send(ends, HEAD.format(method="INVITE", branch="3", tag=""))
    assert ends.said.count("482") == 2 and len(ends.incoming) == 1


def test_a_call_that_is_over_leaves_no_message_behind() -> None:
    ends, session = answered()
    session.hang_up(ends.wire.now)
    ends.run(1)
    assert len(ends.b.transactions) == 2
    assert [t.request.method for t in ends.b.transactions] == ["", ""]


@pytest.mark.rfc(3581, "4")
def test_received_and_rport_show_where_a_request_really_came_from() -> None:
    ends = Ends()
    text = HEAD.format(method="OPTIONS", branch="1;rport", tag="").replace(
        "192.0.2.1;", "10.9.9.9;"
    )
    data = (text.replace("\n", "\r\n") + "\r\n\r\n").encode()
    ends.b.receive(data, ends.wire.flow(B, ("192.0.2.1", 33_333)), 0.0)
    ((flow, answer),) = ends.b.outgoing()
    assert b"received=192.0.2.1;rport=33333" in answer.replace(b";branch=z9hG4bK1", b"") or (
        b"received=192.0.2.1" in answer and b"rport=33333" in answer
    )
    assert flow.remote == ("192.0.2.1", 33_333)


def test_garbage_is_counted_and_answered_with_nothing() -> None:
    ends = Ends()
    flow = ends.wire.flow(B, A)
    for data in (b"\xff" * 40, b"INVITE", b"SIP/2.0 200 OK\r\n\r\n", b"\r\n\r\n"):
        ends.b.receive(data, flow, 0.0)
    assert ends.b.counters == {"garbage": 3, "unanswerable": 3, "keepalive": 1}
    assert ends.b.outgoing() == []


def test_too_many_transactions_are_answered_503_without_being_kept() -> None:
    stack = Stack(ids=Ids(3), limits=Limits(transactions=2))
    for n in range(5):
        text = HEAD.format(method="OPTIONS", branch=n, tag="").replace("\n", "\r\n") + "\r\n\r\n"
        stack.receive(text.encode(), Wire().flow(B, A), 0.0)
    answers = [data.split(b" ")[1] for _, data in stack.outgoing()]
    assert answers == [b"200", b"200", b"503", b"503", b"503"]
    assert (len(stack.transactions), stack.counters["overload"]) == (2, 3)


def test_untrusted_invites_get_no_answer_at_all() -> None:
    stack = Stack(ids=Ids(3), trusts=lambda flow: False)
    text = HEAD.format(method="INVITE", branch="1", tag="").replace("\n", "\r\n") + "\r\n\r\n"
    stack.receive(text.encode(), Wire().flow(B, A), 0.0)
    assert (stack.outgoing(), stack.events(), stack.counters["untrusted"]) == ([], [], 1)


@settings(max_examples=60, deadline=None)
@given(
    lost=st.lists(st.booleans(), max_size=25),
    acts=st.lists(st.tuples(st.floats(0, 3), st.sampled_from("ranhoHx")), max_size=8),
)
def test_whatever_is_lost_and_whoever_does_what_nothing_is_left(
    lost: list[bool], acts: list[tuple[float, str]]
) -> None:
    ends = Ends(lost=losing(*lost))
    session = ends.call()
    for wait, act in acts:
        ends.run(wait)
        now, bob = ends.wire.now, ends.incoming[0] if ends.incoming else None
        match act:
            case "h":
                session.hang_up(now)
            case "o":
                session.talks.offer(now) if session.state is State.CONFIRMED else None
            case "r" if bob:
                bob.ring(now)
            case "a" if bob:
                bob.answer(now)
            case "n" if bob:
                bob.hang_up(now, 486)
            case "H" if bob:
                bob.hang_up(now)
            case "x":
                ends.b.receive(b"\0garbage", ends.wire.flow(B, A), now)
    session.hang_up(ends.wire.now)
    ends.run(40)  # an INVITE may come late: whoever it rings has to see it before he can refuse
    for bob in ends.incoming:
        bob.hang_up(ends.wire.now)
    assert ends.is_empty()
    for stack in (ends.a, ends.b):
        assert sum(isinstance(e, Ended) for e in ends.seen[stack]) <= 1
