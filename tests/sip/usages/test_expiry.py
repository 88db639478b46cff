"""Session timers and UPDATE."""

from __future__ import annotations

import attrs
import pytest

from siptg.sip.events import Ended, Renegotiated
from siptg.sip.flow import Flow
from siptg.sip.usages.states import State
from tests.support.ends import ALICE, A, B, Ends

SHORT = attrs.evolve(ALICE, session_expires=90)


def talking(account: object = SHORT, **options: object) -> Ends:
    ends = Ends(**options)  # type: ignore[arg-type]
    ends.call(account)  # type: ignore[arg-type]
    ends.run(0.5)
    ends.bob.answer(ends.wire.now)
    ends.run(0.5)
    return ends


@pytest.mark.rfc(4028, "7.4")
@pytest.mark.rfc(3311, "5.1")
def test_the_refresher_sends_update_at_half_time_and_the_call_goes_on() -> None:
    ends = talking()
    ends.run(200)
    assert ends.said[4:] == ["UPDATE", "200"] * 4
    assert ends.bob.state is State.CONFIRMED
    assert ends.media_a.told == ["offer", "accept"], "a refresh does not touch the media"


@pytest.mark.rfc(4028, "10")
def test_an_end_that_vanished_is_given_up_before_the_interval_is_over() -> None:
    ends = talking()
    bob = ends.bob
    del ends.wire.stacks[A]
    ends.run(61)
    assert ends.seen[ends.b][-1:] != [] and bob.state in (State.ENDING, State.OVER)
    ends.run(40)
    assert ends.seen[ends.b][-1] == Ended(408, "the session timer ran out", by_remote=False)


@pytest.mark.rfc(4028, "7.3")
def test_an_interval_that_is_too_short_is_refused_and_asked_for_again() -> None:
    ends = Ends()
    session = ends.call(attrs.evolve(ALICE, session_expires=30))
    ends.run(1)
    assert ends.said == ["INVITE", "422", "ACK", "INVITE", "100"]
    assert session.request.headers.get("Session-Expires") == "90"
    assert session.request.number("Min-SE") == 90


@pytest.mark.rfc(4028, "9")
def test_who_does_not_know_timers_is_refreshed_by_us() -> None:
    ends = Ends()
    ends.call(attrs.evolve(ALICE, quirks={"no-timer"}), more=[("Session-Expires", "120")])
    ends.run(0.5)
    ends.bob.answer(ends.wire.now)
    ends.run(0.5)
    assert ends.bob.expiry.ours and ends.bob.expiry.interval == 120


@pytest.mark.rfc(4028, "7.4")
def test_without_update_a_refresh_is_a_re_invite() -> None:
    ends = talking(attrs.evolve(SHORT, quirks={"no-update"}))
    ends.run(60)
    assert ends.said[4:7] == ["INVITE", "200", "ACK"]


def update(ends: Ends, number: int, body: str = "") -> bytes:
    """An UPDATE of Alice's, of our own making; the answer to it."""
    invite, bob = ends.bob.request, ends.bob
    kind = "Content-Type: application/sdp\r\n" if body else ""
    text = (
        f"UPDATE sip:bob@{B[0]} SIP/2.0\r\nVia: SIP/2.0/UDP {A[0]};branch=z9hG4bKu{number}\r\n"
        f"From: {invite.from_}\r\nTo: <sip:bob@x>;tag={bob.tag}\r\nCall-ID: {invite.call_id}\r\n"
        f"CSeq: {number} UPDATE\r\nContact: <sip:alice@{A[0]}:5070>\r\n{kind}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    ends.b.receive(text.encode(), Flow("UDP", B, A), ends.wire.now)
    return next(data for _, data in ends.b.outgoing() if b"CSeq: %d UPDATE" % number in data)


@pytest.mark.rfc(3311, "5.2")
def test_an_update_with_an_offer_is_answered_and_moves_the_target() -> None:
    ends = talking()
    answer = update(ends, 50, "v=0\r\no=new\r\n")
    assert answer.startswith(b"SIP/2.0 200") and b"o=answer" in answer
    assert ends.bob.dialog is not None and str(ends.bob.dialog.target) == f"sip:alice@{A[0]}:5070"
    ends.run(0.1)
    assert Renegotiated() in ends.seen[ends.b]


@pytest.mark.rfc(3311, "5.2")
def test_an_offer_in_the_way_of_ours_is_491() -> None:
    ends = talking()
    ends.bob.talks.offer(ends.wire.now)
    assert update(ends, 50, "v=0\r\n").startswith(b"SIP/2.0 491")
    ends.media_b.fits = False
    other = talking()
    other.media_b.fits = False
    assert update(other, 50, "v=0\r\n").startswith(b"SIP/2.0 488")
