"""How benchmarks are put together: turns, medians, and contestants that are not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.figure import Figure, Missing, compare


def test_all_take_turns_and_medians_of_three_digits_are_told() -> None:
    turns: list[str] = []
    values = iter([5.0, 1.0, 1234.567, 3.0, 2000.0])

    def ours() -> float:
        turns.append("ours")
        return next(values)

    def peer() -> float:
        turns.append("peer")
        return 2.0

    figure = compare("x", "calls", ours, {"peer": peer}, step=lambda: turns.append("."))
    assert turns == ["ours", ".", "peer", "."] * 5
    assert figure == Figure("x", 5.0, "calls", {"peer": 2.0})


def test_a_peer_that_is_missing_is_named_with_its_reason() -> None:
    def absent() -> float:
        raise Missing("apt-get install libosip2-dev")

    def broken() -> float:
        raise ValueError("first line\nno such module")

    figure = compare("x", "calls", lambda: 1.0, {"c": absent, "old": broken}, note="a note")
    assert figure.peers == {"c": None, "old": None}
    assert figure.note == (
        "a note; c missing: apt-get install libosip2-dev; old missing: ValueError: no such module"
    )


def test_ours_may_be_missing_too() -> None:
    def absent() -> float:
        raise ImportError("no room yet")

    figure = compare("x", "calls", absent, {"peer": lambda: 3.14159})
    assert figure.value is None
    assert figure.peers == {"peer": 3.14}
    assert figure.note == "siptg missing: ImportError: no room yet"


def test_a_peer_that_breaks_half_way_is_not_told_by_half() -> None:
    rounds: Iterator[float] = iter([1.0, 2.0])
    figure = compare("x", "calls", lambda: 1.0, {"peer": lambda: next(rounds)})
    assert figure.peers == {"peer": None}


@pytest.mark.parametrize("key", ["id", "value", "unit", "peers", "note"])
def test_a_row_of_the_report_has_its_keys(key: str) -> None:
    assert key in Figure("x", 1.0, "calls").as_json()
