"""`python -m bench [ID …]`: measure and print a table; a whole run writes benchmarks.json, as does
one of some figures with `--keep`.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import figures_media, figures_sip, figures_telegram, page, stations
from bench.figure import ROUNDS, Figure, Run
from bench.foreign import ROOT, Bench, Peers
from bench.page import REPORT

BENCHES: dict[str, tuple[Callable[[Bench], Figure], int]] = {
    **figures_sip.BENCHES,
    **figures_media.BENCHES,
    **figures_telegram.BENCHES,
}
"""By id: what measures it, and how many turns that takes."""


def table(figures: list[Figure]) -> Table:
    """Ours beside the peers that ran, best first; a ratio above one is in our favour."""
    shown = Table("measured", "siptg", "unit", "× best", "peers", show_lines=True)
    for figure in figures:
        sign = -1 if figure.more_is_better else 1
        there = [(value, who) for who, value in figure.peers.items() if value is not None]
        there.sort(key=lambda peer: sign * peer[0])
        ratio = "–"
        if there and figure.value:
            ratio = f"{(figure.value / there[0][0]) ** -sign:.2f}"
        value = "missing" if figure.value is None else f"{figure.value:,g}"
        peers = ", ".join(f"{who} {found:,g}" for found, who in there) or "–"
        shown.add_row(figure.id, value, figure.unit, ratio, peers)
    return shown


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("ids", nargs="*", metavar="ID", help="all, when none is named")
    options.add_argument("--rounds", type=int, default=ROUNDS, help="of each, default %(default)s")
    options.add_argument("--keep", action="store_true", help="write those named down, too")
    given = options.parse_args()
    chosen, Run.rounds = given.ids or list(BENCHES), given.rounds
    if unknown := set(chosen) - set(BENCHES):
        options.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {[*BENCHES]}")
    console, peers, figures = Console(), Peers(), []
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=sum(BENCHES[name][1] for name in chosen))
        peers.prepare(lambda what: progress.update(task, description=what))
        for name in chosen:
            progress.update(task, description=name)
            run, _ = BENCHES[name]
            figures.append(run(Bench(peers, Path(folder), lambda: progress.advance(task))))
    console.print(table(figures))
    for figure in figures:
        for missing in figure.note.split("; "):
            if " missing: " in missing:
                console.print(f"{figure.id}: {missing}", style="dim")
    if any(name.startswith("media.calls") for name in chosen):
        console.print(asyncio.run(stations.table()))
    if given.keep or chosen == list(BENCHES):
        page.keep([figure.as_json() for figure in figures], list(BENCHES))
        console.print(f"written to {REPORT.relative_to(ROOT)} and {page.PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
