"""Two ends of ours reach agreement in every dialect, whatever order their messages come in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.telegram.signalling.messages import OPUS_TYPE
from siptg.telegram.signalling.negotiation import Agreed, Malformed, Negotiation, Restart
from siptg.telegram.signalling.remote import MOST_CANDIDATES, MOST_GATHERINGS
from siptg.telegram.signalling.versions import VERSIONS
from tests.support.dialects import DIALECTS, LINE, End, carry, channels, joined, pair, sdp, web

Dialect = Callable[..., Negotiation]
every = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.__name__)


def assert_agreed(ends: tuple[End, End]) -> None:
    caller, callee = ends
    for here, there in (ends, (callee, caller)):
        assert here.agreed == Agreed(OPUS_TYPE, OPUS_TYPE)
        assert here.theirs is not None and here.theirs.ufrag == there.ufrag
        assert {*there.own_lines} <= {*here.lines}
        assert here.malformed == []


def assert_one_begins_the_handshake(ends: tuple[End, End]) -> None:
    clients = [
        end.talks.manners.is_client(end.theirs.fingerprints[0].setup, caller=end.caller)
        for end in ends
        if end.theirs is not None
    ]
    assert sorted(clients) == [False, True]


@every
def test_two_ends_agree(dialect: Dialect) -> None:
    ends = joined(dialect)
    assert_agreed(ends)
    assert_one_begins_the_handshake(ends)


@every
@given(chances=st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60))
def test_two_ends_agree_in_any_order_with_doubles(
    dialect: Dialect, chances: list[tuple[int, bool]]
) -> None:
    """An answer before its sender's setup, candidates before it, what was lost repeated late."""
    ends, coming = pair(dialect), iter(chances)
    while ends[0].out or ends[1].out:
        which, twice = next(coming, (0, False))
        here, there = ends if (which % 2 and ends[0].out) or not ends[1].out else ends[::-1]
        at = which // 2 % len(here.out)
        text = here.out[at] if twice else here.out.pop(at)
        there.hear(text)
    assert_agreed(ends)


@every
@pytest.mark.parametrize("who", [0, 1], ids=["the caller", "the callee"])
def test_an_ice_restart_brings_new_credentials_of_both_or_of_one(
    dialect: Dialect, who: int
) -> None:
    ends = joined(dialect)
    if ends[who].talks.manners.restart is Restart.NEVER:
        assert dialect is web and who == 1
        return
    ends[who].restart()
    carry(ends)
    assert ends[who].gathering == 2
    assert_agreed(ends)


@pytest.mark.parametrize("dialect", [channels, sdp], ids=lambda dialect: dialect.__name__)
@pytest.mark.parametrize("first", [0, 1])
def test_both_may_restart_at_once(dialect: Dialect, first: int) -> None:
    ends = joined(dialect)
    for end in ends:
        end.restart()
    carry(ends if first == 0 else ends[::-1])
    assert_agreed(ends)


@every
def test_what_comes_twice_is_no_news(dialect: Dialect) -> None:
    ends = pair(dialect)
    sent = list(ends[0].out)
    carry(ends)
    lines, gathering = list(ends[1].lines), ends[1].gathering
    for text in sent:
        ends[1].hear(text)
    assert (ends[1].lines, ends[1].gathering) == (lines, gathering)
    carry(ends)
    assert_agreed(ends)


@every
def test_candidates_and_restarts_are_bounded(dialect: Dialect) -> None:
    caller, callee = joined(dialect)
    before = len(callee.lines)
    for port in range(10_000):
        line = LINE.format(port=port, ufrag="x")
        if dialect is sdp:
            said: dict[str, Any] = {"@type": "candidate", "sdp": f"candidate:{line}", "mid": "0"}
        else:
            said = {"@type": "Candidates", "candidates": [{"sdpString": f"candidate:{line}"}]}
        callee.hear(json.dumps(said).encode())
    assert len(callee.lines) - before < MOST_CANDIDATES
    assert callee.malformed.count("too many candidates") > 9000
    for _ in range(MOST_GATHERINGS * 2):
        caller.restart()
        for text in caller.out:
            callee.hear(text)
        caller.out.clear()
    assert callee.gathering <= MOST_GATHERINGS
    assert "too many ICE restarts" in callee.malformed


@every
def test_her_microphone_is_known_by_signalling_in_both_spellings(dialect: Dialect) -> None:
    _, callee = joined(dialect)
    for said, muted in (({"muted": True}, True), ({"isMuted": False}, False)):
        callee.hear(json.dumps({"@type": "MediaState"} | said).encode())
        assert callee.muted is muted


@every
def test_ours_is_told_by_signalling_where_the_version_says_so(dialect: Dialect) -> None:
    caller, callee = joined(dialect)
    caller.out += caller.talks.mute(True)
    assert bool(caller.out) is (dialect is not sdp)
    carry((caller, callee))
    assert callee.muted is (None if dialect is sdp else True)


def test_each_version_has_its_dialect() -> None:
    kinds = {name: type(v.negotiate(True, 1)).__name__ for name, v in VERSIONS.items()}
    assert [n for n in kinds if kinds[n] == "SdpNegotiation"] == ["11.0.0", "10.0.0"]
    assert [n for n in kinds if kinds[n] == "WebNegotiation"] == ["4.0.1", "4.0.0"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = (
    *("ufrag", "pwd", "fingerprints", "candidates", "contents", "exchangeId", "muted", "sdp"),
    *("audio", "video", "screencast", "mid", "mline"),
)


@every
@given(
    kind=st.sampled_from(
        ["InitialSetup", "Candidates", "NegotiateChannels", "MediaState", "offer", "answer"]
    )
    | json_values,
    fields=st.dictionaries(st.sampled_from(FIELDS), json_values),
    caller=st.booleans(),
    late=st.booleans(),
)
def test_any_fields_leave_a_negotiation_whole(
    dialect: Dialect, kind: object, fields: dict[str, object], caller: bool, late: bool
) -> None:
    ends = pair(dialect)
    if late:
        carry(ends)
    ends[0 if caller else 1].hear(json.dumps({"@type": kind} | fields).encode())
    carry(ends)
    for end in ends:
        end.malformed.clear()
    assert ends[0].agreed is not None and ends[1].agreed is not None


@every
@given(data=st.data())
def test_a_message_with_a_field_gone_wrong_is_used_or_malformed(
    dialect: Dialect, data: st.DataObject
) -> None:
    """Any value anywhere in a good message may be any other."""
    ends = pair(dialect)
    value = json.loads(data.draw(st.sampled_from(ends[0].out)))
    spot: Any = value
    while True:
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(spot[key], dict | list) and spot[key] and data.draw(st.booleans()):
            spot = spot[key]
            continue
        spot[key] = data.draw(json_values)
        break
    outcome = ends[1].talks.receive(json.dumps(value).encode())
    assert all(isinstance(reply, bytes) for reply in outcome.replies)
    for news in outcome.news:
        assert not isinstance(news, Malformed) or news.why
