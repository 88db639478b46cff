"""What a benchmark found, and how: medians of five rounds in which all take turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import attrs

ROUNDS = 5
Measure = Callable[[], float]


class Run:
    """What holds for all of one run."""

    rounds = ROUNDS


class Missing(Exception):
    """A contestant cannot run here; the text says why."""


@attrs.frozen
class Figure:
    """One row of benchmarks.json."""

    id: str
    value: float | None
    """Ours; None where it could not be measured, and the note says why."""
    unit: str
    peers: dict[str, float | None] = attrs.field(factory=dict)
    note: str = ""
    more_is_better: bool = True

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "value": self.value,
            "unit": self.unit,
            "peers": self.peers,
            "note": self.note,
        }


def brief(error: BaseException) -> str:
    """Why something is missing, in one line."""
    lines = str(error).strip().splitlines() or [""]
    name = "" if isinstance(error, Missing) else f"{type(error).__name__}: "
    return f"{name}{lines[-1]}"[:160]


def compare(
    name: str,
    unit: str,
    ours: Measure,
    peers: Mapping[str, Measure],
    *,
    note: str = "",
    more_is_better: bool = True,
    rounds: int = 0,
    step: Callable[[], None] = lambda: None,
) -> Figure:
    """Let all take turns for so many rounds, so that a busy minute hurts them alike; 0 stands for
    as many as the run has.

    Whoever fails is out with its reason; `step` is told of each turn.
    """
    contestants: dict[str, Measure] = {"": ours, **peers}
    found: dict[str, list[float]] = {who: [] for who in contestants}
    missing: dict[str, str] = {}
    for _ in range(rounds or Run.rounds):
        for who, measure in contestants.items():
            if who not in missing:
                try:
                    found[who].append(measure())
                except Exception as error:  # a broken contestant costs its row, not the run
                    missing[who] = f"{who or 'siptg'} missing: {brief(error)}"
            step()
    medians = {
        who: None if who in missing else rounded(statistics.median(values))
        for who, values in found.items()
    }
    notes = "; ".join(part for part in (note, *missing.values()) if part)
    return Figure(name, medians.pop(""), unit, medians, notes, more_is_better)


def rounded(value: float) -> float:
    """Three digits are all that a shared machine can tell."""
    return float(f"{value:.3g}")


def rate(run: Callable[[], object], seconds: float = 0.4, batch: int = 50) -> float:
    """How often a second `run` runs."""
    count, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds:
        for _ in range(batch):
            run()
        count += batch
    return count / took
