"""What a hostile peer says to the framings, with the key and without: bounded, counted, borne."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.framings import framings, sctp, seeds

KNOWN = [seed for target in ("framings", "sctp") for seed in seeds(target)]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Good sequences with something cut out and something put in, a few times."""
    found = b"".join(draw(st.lists(st.sampled_from(KNOWN), min_size=1, max_size=4)))
    for _ in range(draw(st.integers(0, 4))):
        at, gone = draw(st.integers(0, len(found))), draw(st.integers(0, 12))
        found = found[:at] + draw(st.binary(max_size=12)) + found[at + gone :]
    return found


anything = st.binary(max_size=400) | damaged()


@settings(max_examples=150)
@given(anything)
def test_framings_bear_anything(said: bytes) -> None:
    framings(said)


@settings(max_examples=150)
@given(anything)
def test_an_association_bears_anything(said: bytes) -> None:
    sctp(said)
