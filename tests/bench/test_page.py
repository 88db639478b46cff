"""The page of figures."""

from __future__ import annotations

from bench.figure import Figure
from bench.page import page


def test_a_row_names_ours_the_others_and_how_but_not_who_was_missing() -> None:
    figure = Figure(
        "x", 1234.0, "calls", {"a": 5.0, "gone": None}, "how; gone missing: apt-get install it"
    )
    last = page([figure.as_json()], "a machine").splitlines()[-1]
    assert last == "| `x` | **1,234** | calls | a 5 | how |"
