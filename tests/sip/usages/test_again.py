"""INVITEs that are tried once more, late offers, and reasons."""

from __future__ import annotations

import attrs
import pytest

from siptg.sip.events import Answered, Ended
from siptg.sip.quirks import QUIRKS, quirks
from tests.support.ends import ALICE, B, Ends, answered


@pytest.mark.rfc(3261, "8.1.3.4")
def test_a_redirection_is_followed_to_the_best_contact_and_not_in_circles() -> None:
    ends = Ends()
    session = ends.call()
    ends.run(0.3)
    ends.bob.redirect(ends.wire.now, f"<sip:a@{B[0]}>;q=0.2, <sip:desk@{B[0]}>;q=0.9")
    ends.run(0.3)
    assert str(session.request.uri) == f"sip:desk@{B[0]}"
    ends.incoming[1].redirect(ends.wire.now, f"<sip:bob@{B[0]}>, <sip:desk@{B[0]}>")
    ends.run(0.5)
    assert ends.seen[ends.a] == [Ended(302, "Moved Temporarily", by_remote=True)]
    assert ends.is_empty()


@pytest.mark.rfc(3261, "13.2.1")
def test_a_late_offer_comes_with_the_2xx_and_is_answered_by_the_ack() -> None:
    ends = Ends()
    ends.call(attrs.evolve(ALICE, quirks={"late-offer"}))
    ends.run(0.3)
    ends.bob.answer(ends.wire.now)
    ends.run(0.5)
    assert (ends.media_b.told, ends.media_a.told) == (["offer", "accept"], ["answer"])
    assert ends.seen[ends.a] == [Answered()] == ends.seen[ends.b]


@pytest.mark.rfc(3326, "2")
def test_why_a_call_ended_goes_with_bye_cancel_and_refusal() -> None:
    why = "Q.850;cause=16"
    ends, session = answered()
    session.hang_up(ends.wire.now, why=why)
    ends.run(0.5)
    assert ends.seen[ends.b][-1] == Ended(200, "BYE", by_remote=True, why=why)
    ends = Ends()
    session = ends.call()
    ends.run(0.3)
    session.hang_up(ends.wire.now, why=why)
    ends.run(0.5)
    last = ends.seen[ends.b][-1]
    assert isinstance(last, Ended) and (last.status, last.why) == (487, why)
    ends = Ends()
    ends.call()
    ends.run(0.3)
    ends.bob.hang_up(ends.wire.now, 486, why=why)
    ends.run(0.5)
    last = ends.seen[ends.a][-1]
    assert isinstance(last, Ended) and (last.status, last.why) == (486, why)


def test_quirks_are_known_by_name_or_refused_with_the_list() -> None:
    assert quirks(["no-update"]) == {"no-update"}
    with pytest.raises(ValueError, match="unknown quirk 'no-sip'; known are late-offer"):
        quirks(["no-sip"])
    assert all(sentence.endswith(")") for sentence in QUIRKS.values())
