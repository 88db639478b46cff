"""Provisional answers that are acknowledged: 100rel and PRACK."""

from __future__ import annotations

import pytest

from siptg.sip.events import Answered, Ended, Ringing
from siptg.sip.flow import Flow
from siptg.sip.message import Request
from siptg.sip.parser import parse
from tests.support.ends import ALICE, A, B, Ends
from tests.support.wire import losing

REQUIRE = [("Require", "100rel")]


def ringing(**options: object) -> Ends:
    ends = Ends(**options)  # type: ignore[arg-type]
    ends.call()
    ends.run(0.5)
    return ends


@pytest.mark.rfc(3262, "3")
@pytest.mark.rfc(3262, "4")
def test_early_media_goes_reliably_where_the_caller_can() -> None:
    ends = ringing()
    ends.bob.ring(ends.wire.now, early=True)
    ends.run(0.5)
    assert ends.said == ["INVITE", "100", "183", "PRACK", "200"]
    assert ends.seen[ends.a] == [Ringing(183, early_media=True)]
    ends.bob.answer(ends.wire.now)
    ends.run(0.5)
    assert ends.seen[ends.a][-1] == Answered()
    assert ends.media_b.told == ["answer"], "the 2xx repeats the answer that was given"
    ends.bob.hang_up(ends.wire.now)
    assert ends.is_empty()


@pytest.mark.rfc(3262, "3")
def test_a_plain_180_is_not_reliable_unless_the_caller_insists() -> None:
    ends = ringing()
    ends.bob.ring(ends.wire.now)
    ends.run(0.5)
    assert "PRACK" not in ends.said
    insisting = Ends()
    insisting.call(more=REQUIRE)
    insisting.run(0.5)
    insisting.bob.ring(insisting.wire.now)
    insisting.run(0.5)
    assert insisting.said == ["INVITE", "100", "180", "PRACK", "200"]


@pytest.mark.rfc(3262, "3")
def test_a_lost_183_is_repeated_until_its_prack_and_told_once() -> None:
    ends = ringing(lost=losing(False, False, True, True))
    ends.bob.ring(ends.wire.now, early=True)
    ends.run(4)
    assert ends.said[2:] == ["183 lost", "183 lost", "183", "PRACK", "200"]
    assert ends.seen[ends.a] == [Ringing(183, early_media=True)]


@pytest.mark.rfc(3262, "3")
def test_a_repeated_183_brings_no_second_prack() -> None:
    ends = ringing(lost=losing(False, False, False, True))
    ends.bob.ring(ends.wire.now, early=True)
    ends.run(4)
    assert ends.said.count("183") >= 2
    assert ends.seen[ends.a] == [Ringing(183, early_media=True)]
    numbers = {what for what in ends.said if what.startswith("PRACK")}
    assert numbers <= {"PRACK", "PRACK lost"} and ends.said[-1] == "200"


@pytest.mark.rfc(3262, "3")
def test_no_prack_at_all_ends_the_call_with_504() -> None:
    ends = Ends()
    ends.call(more=REQUIRE)
    ends.run(0.2)
    bob = ends.bob
    del ends.wire.stacks[A]
    bob.ring(ends.wire.now)
    ends.run(40)
    assert ends.said.count("180") == 7
    assert ends.seen[ends.b] == [Ended(504, "no PRACK", by_remote=False)]


@pytest.mark.rfc(3262, "3")
def test_an_answer_waits_for_the_prack_of_what_went_before() -> None:
    ends = Ends()
    ends.call()
    ends.run(0.3)
    ends.bob.ring(ends.wire.now, early=True)
    ends.bob.answer(ends.wire.now)
    ends.run(0.04)
    assert ends.said == ["INVITE", "100", "183"]
    ends.run(1)
    assert ends.said[3:] == ["PRACK", "200", "200", "ACK"]


@pytest.mark.rfc(3262, "3")
def test_a_prack_of_nothing_is_481_and_a_bad_rack_is_400() -> None:
    ends = ringing()
    ends.bob.ring(ends.wire.now, early=True)
    ends.run(0.02)
    invite = ends.bob.request
    for number, (rack, status) in enumerate([("99 1 INVITE", 481), ("x", 400)]):
        text = (
            f"PRACK sip:bob@{B[0]} SIP/2.0\r\nVia: SIP/2.0/UDP {A[0]};branch=z9hG4bKp{number}\r\n"
            f"From: {invite.from_}\r\nTo: <sip:bob@x>;tag={ends.bob.tag}\r\n"
            f"Call-ID: {invite.call_id}\r\nCSeq: {50 + number} PRACK\r\nRAck: {rack}\r\n\r\n"
        )
        ends.b.receive(text.encode(), Flow("UDP", B, A), ends.wire.now)
        answers = [data for _, data in ends.b.outgoing() if b"PRACK" in data]
        assert int(answers[0].split(b" ")[1]) == status


@pytest.mark.rfc(3262, "5")
def test_a_late_offer_is_made_in_the_183_and_answered_in_the_prack() -> None:
    from attrs import evolve

    ends = Ends()
    ends.call(evolve(ALICE, quirks={"late-offer"}))
    ends.run(0.3)
    ends.bob.ring(ends.wire.now, early=True)
    ends.run(0.5)
    assert ends.media_b.told == ["offer", "accept"] and ends.media_a.told == ["answer"]
    ends.bob.answer(ends.wire.now)
    ends.run(0.5)
    assert ends.seen[ends.a][-1] == Answered() == ends.seen[ends.b][-1]


def test_the_quirk_turns_it_off_on_both_sides() -> None:
    ends = ringing(quirks=frozenset({"no-100rel"}))
    ends.bob.ring(ends.wire.now, early=True)
    ends.run(0.5)
    assert "PRACK" not in ends.said and ends.seen[ends.a] == [Ringing(183, early_media=True)]
    from attrs import evolve

    shy = Ends()
    session = shy.call(evolve(ALICE, quirks={"no-100rel"}))
    assert isinstance(parse(bytes(session.request)), Request)
    assert "100rel" not in session.request.tokens("Supported")
