"""What is measured of media and of Telegram's calls, and against whom."""

from __future__ import annotations

from collections.abc import Callable

from bench import codecs
from bench.figure import ROUNDS, Figure, Measure, compare
from bench.foreign import Bench, ours

OUR_CALLS, THEIR_CALLS, WINDOW = 10, 3, "3"
"""Few enough for a machine of two cores; seconds a window."""


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


BENCHES = {
    "media.pcmu_frame_us": (pcmu_frame, ROUNDS * 3),
    "media.opus_frame_us": (opus_frame, ROUNDS * 2),
    "media.calls_pcmu_opus_per_core": (calls, ROUNDS * 2),
    "telegram.call_setup_ms": (call_setup, ROUNDS),
}
