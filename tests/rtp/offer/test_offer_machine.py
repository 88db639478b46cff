"""Whose turn it is: every row of the table, glare, and what came to nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.codecs import PCMA, PCMU
from siptg.rtp.offer import Negotiator, OutOfTurn
from siptg.rtp.offer.negotiator import TABLE, Given, State
from siptg.rtp.sdp import SdpError
from tests.support.sdp import agreed, audio, end, version

VERBS: dict[Given, Callable[[Negotiator], object]] = {
    Given.OUR_OFFER: lambda one: one.offer(),
    Given.THEIR_OFFER: lambda one: one.answer(audio("0")),
    Given.ANSWER: lambda one: one.accept(audio("0")),
    Given.REFUSED: lambda one: one.refused(),
}
WAYS = {
    State.IDLE: [],
    State.OFFERED: [Given.OUR_OFFER],
    State.ACCEPTED: [Given.OUR_OFFER, Given.ANSWER],
    State.SETTLED: [Given.THEIR_OFFER],
    State.REOFFERED: [Given.THEIR_OFFER, Given.OUR_OFFER],
}


def in_state(state: State) -> Negotiator:
    one = end(PCMU)
    for verb in WAYS[state]:
        VERBS[verb](one)
    assert one.state is state
    return one


@pytest.mark.rfc(3264, "4")
@pytest.mark.rfc(6337, "2.2")
@pytest.mark.parametrize(("state", "verb"), list(product(State, Given)), ids=lambda x: x.name)
def test_every_verb_in_every_state_does_what_the_table_says(state: State, verb: Given) -> None:
    one = in_state(state)
    before = one.agreed
    row = TABLE.get((state, verb))
    if row is not None:
        VERBS[verb](one)
        assert one.state is row[0]
        return
    if verb is Given.REFUSED:
        one.refused()  # nothing was offered: nothing is taken back
    else:
        with pytest.raises(OutOfTurn, match=f"^{verb.value} is out of turn: {state.value}$"):
            VERBS[verb](one)
    assert (one.state, one.agreed) == (state, before)


@pytest.mark.rfc(3264, "4")
def test_an_offer_that_crosses_ours_is_no_broken_description() -> None:
    one = end(PCMU)
    one.offer()
    with pytest.raises(OutOfTurn) as glare:
        one.answer(audio("0"))
    assert not isinstance(glare.value, SdpError)


@pytest.mark.rfc(6337, "2.3")
def test_after_a_refusal_what_was_agreed_holds_and_their_offer_is_answered() -> None:
    one = end(PCMU)
    one.answer(audio("0"))
    before = agreed(one)
    one.offer()
    one.refused()
    assert agreed(one) == before and one.offered is None
    one.answer(audio("0"))
    assert agreed(one) == before


@pytest.mark.rfc(6337, "2.3")
@pytest.mark.parametrize(
    "broken", [b"", b"v=0", audio("3"), audio("0", protocol="RTP/SAVP"), b"\xff" * 100]
)
def test_what_is_refused_changes_nothing_and_the_right_one_may_still_come(broken: bytes) -> None:
    one, other = in_state(State.REOFFERED), in_state(State.SETTLED)
    before = agreed(one), agreed(other)
    with pytest.raises(SdpError):
        one.accept(broken)
    with pytest.raises(SdpError):
        other.answer(broken)
    assert (one.state, other.state) == (State.REOFFERED, State.SETTLED)
    assert (agreed(one), agreed(other)) == before
    one.accept(audio("0"))
    assert version(other.answer(audio("0"))) == 1


@pytest.mark.rfc(6337, "3.1.1")
def test_the_answers_of_several_forks_each_take_the_place_of_the_last() -> None:
    one = end(PCMU, PCMA)
    one.offer()
    one.accept(audio("0"))
    one.accept(audio("8").replace(b"4000", b"5000"))
    assert (agreed(one).codec, agreed(one).remote[1]) == (PCMA, 5000)


@given(st.lists(st.sampled_from(list(Given)), max_size=30))
def test_any_order_of_verbs_leaves_the_machine_alive(verbs: list[Given]) -> None:
    one = end(PCMU)
    for verb in verbs:
        try:
            VERBS[verb](one)
        except OutOfTurn:
            assert (one.state, verb) not in TABLE
        assert (one.agreed is None) == (one.state in (State.IDLE, State.OFFERED))
