"""REFER, Replaces, and what they tell."""

from __future__ import annotations

import pytest

from siptg.sip.events import Ended, Referred, TransferProgress
from siptg.sip.flow import Flow
from siptg.sip.uri import NameAddr
from tests.support.ends import A, B, Ends, answered

CAROL = NameAddr.parse("<sip:carol@192.0.2.3>")


def referred() -> Ends:
    ends, session = answered()
    session.transfers.send(CAROL, ends.wire.now)
    ends.run(0.3)
    return ends


@pytest.mark.rfc(3515, "2.4")
@pytest.mark.rfc(3892, "3")
def test_a_blind_transfer_from_refer_to_its_last_notify() -> None:
    ends = referred()
    event = ends.seen[ends.b][-1]
    assert isinstance(event, Referred)
    assert (str(event.target), event.replaces) == ("<sip:carol@192.0.2.3>", None)
    assert event.by is not None and event.by.uri.user == "alice"
    ends.bob.transfers.accept(ends.wire.now)
    ends.run(0.3)
    ends.bob.transfers.tell(180, ends.wire.now)
    ends.bob.transfers.tell(200, ends.wire.now)
    ends.run(0.3)
    assert [e for e in ends.seen[ends.a] if isinstance(e, TransferProgress)] == [
        TransferProgress(100, "Trying", over=False),
        TransferProgress(180, "Ringing", over=False),
        TransferProgress(200, "OK", over=True),
    ]
    assert ends.said.count("NOTIFY") == 3 and ends.said.count("202") == 1


@pytest.mark.rfc(3515, "2.4.2")
def test_a_refused_transfer_is_told() -> None:
    ends = referred()
    ends.bob.transfers.refuse(ends.wire.now)
    ends.run(0.3)
    assert ends.seen[ends.a][-1] == TransferProgress(603, "Decline", over=True)


@pytest.mark.rfc(3515, "2.4.4")
def test_a_notify_that_nobody_asked_for_is_481_and_other_events_489() -> None:
    ends, session = answered()
    ends.bob.transfers._theirs = session.request  # planted: as if there had been a REFER
    ends.bob.transfers.tell(100, ends.wire.now)
    ends.run(0.3)
    assert ends.said[-2:] == ["NOTIFY", "481"]


@pytest.mark.rfc(3891, "3")
def test_an_invite_with_replaces_takes_the_place_of_a_call() -> None:
    ends, _ = answered()
    old, dialog = ends.bob, ends.bob.dialog
    assert dialog is not None
    value = f"{old.id};to-tag={old.tag};from-tag={dialog.remote.tag}"
    ends.call(more=[("Replaces", value)])
    ends.run(0.3)
    new = ends.incoming[1]
    assert new.replaces is old
    new.answer(ends.wire.now)
    ends.run(1)
    assert Ended(200, "replaced", by_remote=False) in ends.seen[ends.b]
    assert any(isinstance(e, Ended) and e.by_remote for e in ends.seen[ends.a])
    new.hang_up(ends.wire.now)
    assert ends.is_empty()


@pytest.mark.rfc(3891, "3")
@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("nobody@x;to-tag=1;from-tag=2", "481"),
        ("{old};early-only", "486"),
        ("{old}x", "481"),
        ("only-an-id", "400"),
    ],
)
def test_what_may_not_be_replaced_is_refused(value: str, status: str) -> None:
    ends, _ = answered()
    old, dialog = ends.bob, ends.bob.dialog
    assert dialog is not None
    name = f"{old.id};to-tag={old.tag};from-tag={dialog.remote.tag}"
    ends.call(more=[("Replaces", value.format(old=name))])
    ends.run(0.5)
    assert status in ends.said and len(ends.incoming) == 1


@pytest.mark.rfc(3515, "2.4.1")
@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("", 400),
        ("Refer-To: <mailto:x@y>", 416),
        ("Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>", 400),
    ],
)
def test_a_refer_that_makes_no_sense_is_refused(header: str, status: int) -> None:
    ends, _ = answered()
    invite = ends.bob.request
    lines = f"{header}\r\n" if header else ""
    text = (
        f"REFER sip:bob@{B[0]} SIP/2.0\r\nVia: SIP/2.0/UDP {A[0]};branch=z9hG4bKr\r\n"
        f"From: {invite.from_}\r\nTo: <sip:bob@x>;tag={ends.bob.tag}\r\n"
        f"Call-ID: {invite.call_id}\r\nCSeq: 50 REFER\r\n{lines}\r\n"
    )
    ends.b.receive(text.encode(), Flow("UDP", B, A), ends.wire.now)
    (_, answer), *_ = ends.b.outgoing()
    assert int(answer.split(b" ")[1]) == status
