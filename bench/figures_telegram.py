"""What is measured of Telegram's calls by themselves, and against aiortc's own peer connection."""

from __future__ import annotations

import functools
import itertools

from bench.figure import ROUNDS, Figure, compare
from bench.figures_media import PROBE, SECONDS, THEIR_CALLS, WINDOW, windows
from bench.foreign import Bench, ours

LAB_USERS, LAB_MESSAGES = 1000, 4000


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


def sign_ins(bench: Bench) -> Figure:
    return _lab(bench, "lab.sign_ins", "/s", "sign_in_ms", 1000.0, "signed in by code")


def messages(bench: Bench) -> Figure:
    return _lab(bench, "lab.messages", "/s", "message_us", 1e6, "sent, stored and told")


@functools.cache
def _load(_round: int) -> dict[str, float]:
    """Of one run both figures are taken: it signs a thousand users in."""
    found: dict[str, float] = ours(
        "bench.lab_load", str(LAB_USERS), str(LAB_MESSAGES), seconds=600.0
    )
    return found


def _lab(bench: Bench, name: str, unit: str, key: str, per_second: float, what: str) -> Figure:
    rounds = itertools.count()

    def measure() -> float:
        return per_second / float(_load(next(rounds))[key])

    clients = f"{LAB_USERS:,} real Telethon clients that stay connected"
    note = f"{what}, by the lab's own processor time, {clients}"
    return compare(name, unit, measure, {}, note=note, step=bench.step)


BENCHES = {
    "lab.sign_ins": (sign_ins, ROUNDS),
    "lab.messages": (messages, ROUNDS),
    "telegram.first_sound_ms": (first_sound, ROUNDS),
    "telegram.call_20ms_us": (beat, ROUNDS * 2),
}
