"""`python -m bench [ID …]`: measure and print a table; a whole run writes benchmarks.json."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import attrs
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import codecs, signalling
from bench.figure import ROUNDS, Figure, Measure, compare
from bench.foreign import ROOT, Peers, ours

REPORT = ROOT / "benchmarks.json"
OUR_CALLS, THEIR_CALLS, WINDOW = 10, 3, "3"
"""Few enough for a machine of two cores; seconds a window."""


@attrs.frozen
class Bench:
    """What the benchmarks share: the peers, a folder, and whom to tell of each turn."""

    peers: Peers
    folder: Path
    step: Callable[[], None]


def parsing(bench: Bench) -> Figure:
    return compare(
        "sip.parse_touch_write",
        "messages/s",
        signalling.parsing,
        signalling.parsing_peers(bench.peers, bench.folder),
        note="one INVITE with SDP: parse, read six headers, write; libosip2 is C",
        step=bench.step,
    )


def dialogs(bench: Bench) -> Figure:
    return compare(
        "sip.core_dialogs",
        "dialogs/s",
        signalling.dialogs,
        {},
        note="INVITE to BYE, both ends in one thread, no sockets",
        step=bench.step,
    )


def pcmu_frame(bench: Bench) -> Figure:
    return compare(
        "media.pcmu_frame_us",
        "µs",
        lambda: codecs.frame_us("pcmu", 8000),
        codecs.peers_us(bench.peers, bench.folder, "pcmu", 8000, "aiortc", "audioop"),
        note="encode and decode 20 ms; audioop is C and left Python in 3.13",
        more_is_better=False,
        step=bench.step,
    )


def opus_frame(bench: Bench) -> Figure:
    wide = codecs.frame_us("opus", 48_000)
    return compare(
        "media.opus_frame_us",
        "µs",
        lambda: codecs.frame_us("opus", 8000),
        codecs.peers_us(bench.peers, bench.folder, "opus", 48_000, "aiortc"),
        note="encode and decode 20 ms; ours at 8 kHz, as in a bridge with G.711 (at 48 kHz "
        f"{wide:.0f} µs); aiortc only speaks 48 kHz stereo",
        more_is_better=False,
        step=bench.step,
    )


def windows(ask: Callable[[], list[float]]) -> Measure:
    """All rounds by one asking: where setting up takes longer than measuring."""
    found: list[float] = []

    def measure() -> float:
        if not found:
            found.extend(ask())
        return found.pop()

    return measure


def calls(bench: Bench) -> Figure:
    us = str(OUR_CALLS), str(ROUNDS), WINDOW
    them = str(THEIR_CALLS), str(ROUNDS), WINDOW
    return compare(
        "media.calls_pcmu_opus_per_core",
        "calls",
        windows(lambda: ours("bench.calls", *us)["calls_per_core"]),
        {"aiortc": windows(lambda: bench.peers.ask("aiortc_calls.py", *them)["calls_per_core"])},
        note=f"a G.711 and an Opus/DTLS-SRTP leg bridged, from the CPU of {OUR_CALLS} calls; "
        f"aiortc: of {THEIR_CALLS}, and its G.711 leg is encrypted as well, having no other",
        step=bench.step,
    )


def call_setup(bench: Bench) -> Figure:
    return compare(
        "telegram.call_setup_ms",
        "ms",
        windows(lambda: ours("bench.telegram", str(ROUNDS))["setup_ms"]),
        {},
        note="from dialling to media at both ends: keys, ICE, DTLS, through the lab on loopback",
        more_is_better=False,
        step=bench.step,
    )


BENCHES: dict[str, tuple[Callable[[Bench], Figure], int]] = {
    "sip.parse_touch_write": (parsing, ROUNDS * (len(signalling.PYTHON_PEERS) + 2)),
    "sip.core_dialogs": (dialogs, ROUNDS),
    "media.pcmu_frame_us": (pcmu_frame, ROUNDS * 3),
    "media.opus_frame_us": (opus_frame, ROUNDS * 2),
    "media.calls_pcmu_opus_per_core": (calls, ROUNDS * 2),
    "telegram.call_setup_ms": (call_setup, ROUNDS),
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
    chosen = options.parse_args().ids or list(BENCHES)
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
    if chosen == list(BENCHES):
        REPORT.write_text(json.dumps([figure.as_json() for figure in figures], indent=1) + "\n")
        console.print(f"written to {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
