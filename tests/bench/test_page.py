"""The page of figures."""

from __future__ import annotations

from bench.figure import Figure
from bench.page import page, renewed


def test_a_row_names_ours_the_others_and_how_but_not_who_was_missing() -> None:
    figure = Figure(
        "x", 1234.0, "calls", {"a": 5.0, "gone": None}, "how; gone missing: apt-get install it"
    )
    last = page([figure.as_json()], "a machine").splitlines()[-1]
    assert last == "| `x` | **1,234** | calls | a 5 | how |"


def test_what_was_not_measured_anew_stays_in_its_place() -> None:
    old = [{"id": "a", "value": 1}, {"id": "b", "value": 2}, {"id": "gone", "value": 3}]
    new = [{"id": "c", "value": 5}, {"id": "a", "value": 4}]
    assert renewed(old, new, ["a", "b", "c"]) == [new[1], old[1], new[0]]
