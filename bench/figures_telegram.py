"""What is measured of Telegram's calls by themselves, and against aiortc's own peer connection."""

from __future__ import annotations

from bench.figure import ROUNDS, Figure, compare
from bench.figures_media import PROBE, SECONDS, THEIR_CALLS, WINDOW, windows
from bench.foreign import Bench, ours


def first_sound(bench: Bench) -> Figure:
    return compare(
        "telegram.first_sound_ms",
        "ms",
        windows(lambda: ours("bench.telegram", str(ROUNDS))["first_sound_ms"]),
        {},
        note="from her answer until each end has heard the other: keys, ICE, DTLS; lab, server and "
        "both ends in one process",
        more_is_better=False,
        step=bench.step,
    )


def beat(bench: Bench) -> Figure:
    """CPU of a bridged call for each 20 ms."""
    them = str(THEIR_CALLS), str(ROUNDS), WINDOW

    def measure() -> float:
        found = ours("bench.calls", str(PROBE), str(SECONDS))
        return float(found["cpu"] / found["calls"] * 20_000)

    def theirs() -> list[float]:
        found = bench.peers.ask("aiortc_calls.py", *them)["calls_per_core"]
        return [20_000 / calls for calls in found]

    return compare(
        "telegram.call_20ms_us",
        "µs",
        measure,
        {"aiortc": windows(theirs)},
        note=f"CPU of a call bridged with G.711 for each 20 ms, by {PROBE} calls; aiortc's "
        "RTCPeerConnection on both legs, both encrypted",
        more_is_better=False,
        step=bench.step,
    )


BENCHES = {
    "telegram.first_sound_ms": (first_sound, ROUNDS),
    "telegram.call_20ms_us": (beat, ROUNDS * 2),
}
