"""What is measured of media and of Telegram's calls, and against whom."""

from __future__ import annotations

from collections.abc import Callable

from bench import codecs
from bench.figure import ROUNDS, Figure, Measure, compare
from bench.foreign import Bench, ours

PROBE, SECONDS = 30, 6.0
"""Calls and seconds of the first look, from which the number to try is reckoned."""
COMPLEXITY = 5
"""Of Opus: a figure for which the engine had to lower it is none."""
THEIR_CALLS, WINDOW = 3, "3"
"""Few enough for aiortc on a machine of two cores; seconds a window."""
STEP = 0.93
"""Of the number of calls from one try to the next, until one holds."""
DELAY_SECONDS = "12"


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


def carried(*more: str) -> Measure:
    """Calls that one process on one core carries, no frame dropped and on time. The first round
    reckons from the CPU of a few and tries fewer until they hold; the others begin with what held.
    """
    found: list[int] = []

    def holds(calls: int) -> bool:
        tried = ours("bench.calls", str(calls), str(SECONDS), *more, seconds=300)
        return bool(tried["good"]) and ("through" in more or tried["complexity"] >= COMPLEXITY)

    def measure() -> float:
        calls = found[-1] if found else 0
        if not calls:
            first = ours("bench.calls", str(PROBE), str(SECONDS), *more)
            calls = int(PROBE / first["cpu"] * STEP)
        elif holds(up := int(calls / STEP)):
            found.append(up)
            return float(up)
        while calls > 1 and not holds(calls):
            calls = int(calls * STEP)
        found.append(calls)
        return float(calls)

    return measure


def calls(bench: Bench) -> Figure:
    them = str(THEIR_CALLS), str(ROUNDS), WINDOW
    return compare(
        "media.calls_pcmu_opus_per_core",
        "calls",
        carried(),
        {"aiortc": windows(lambda: bench.peers.ask("aiortc_calls.py", *them)["calls_per_core"])},
        note="a G.711 leg over RTP and an Opus leg over ICE and DTLS-SRTP bridged, complexity 5, "
        "no frame dropped, 99 % of beats late by less than 10 ms; aiortc's figure is reckoned from "
        f"the CPU of {THEIR_CALLS} calls, and its G.711 leg is encrypted as well, having no other",
        step=bench.step,
    )


def through(bench: Bench) -> Figure:
    return compare(
        "media.calls_opus_through_per_core",
        "calls",
        carried("through"),
        {},
        note="as above, Opus on both legs: payloads are carried, not decoded",
        step=bench.step,
    )


def two_cores(bench: Bench) -> Figure:
    def measure() -> float:
        one = ours("bench.calls", str(PROBE), str(SECONDS))
        two = ours("bench.calls", str(PROBE), str(SECONDS), "--workers", "2", seconds=240)
        # what a core carries by the CPU of a call, on two cores instead of one
        return float(2 * (one["cpu"] / one["calls"]) / (two["cpu"] / two["calls"]))

    return compare(
        "media.two_workers",
        "× one",
        measure,
        {},
        note=f"calls on two cores by two processes over those of one, by the CPU of {PROBE} each",
        step=bench.step,
    )


def bytes_per_call(bench: Bench) -> Figure:
    return compare(
        "media.bytes_per_call",
        "bytes",
        lambda: float(ours("bench.calls", "40", "1")["kilobytes"]) * 1024,
        {},
        note="memory of a bridged G.711 and Opus call: ICE, DTLS and SCTP state, both codecs",
        more_is_better=False,
        step=bench.step,
    )


def growth(bench: Bench) -> Figure:
    def measure() -> float:
        found = ours("bench.streams", seconds=900)
        if found["files"][1] > found["files"][0]:
            raise RuntimeError(f"open files grew: {found['files']}")
        return float(found["growth"])

    return compare(
        "media.growth",
        "ratio",
        measure,
        {},
        note="memory after 10,000 calls over that after 1,000; no socket or file is left open",
        more_is_better=False,
        rounds=1,
        step=bench.step,
    )


def _delay(kind: str, note: str) -> Callable[[Bench], Figure]:
    def run(bench: Bench) -> Figure:
        return compare(
            f"media.delay_ms_{kind}",
            "ms",
            lambda: float(ours("bench.delay", kind, DELAY_SECONDS)["delay_ms"]),
            {},
            note=note,
            more_is_better=False,
            step=bench.step,
        )

    return run


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


def keypad(bench: Bench) -> Figure:
    return compare(
        "telegram.key_to_pbx_ms",
        "ms",
        windows(lambda: ours("bench.keypad", str(4 * ROUNDS))["press_ms"]),
        {},
        note="from a press in her chat to the RFC 4733 event at the PBX, through the lab's bot",
        more_is_better=False,
        step=bench.step,
    )


BENCHES = {
    "media.pcmu_frame_us": (pcmu_frame, ROUNDS * 3),
    "media.opus_frame_us": (opus_frame, ROUNDS * 2),
    "media.calls_pcmu_opus_per_core": (calls, ROUNDS * 2),
    "media.calls_opus_through_per_core": (through, ROUNDS),
    "media.two_workers": (two_cores, ROUNDS),
    "media.delay_ms_calm": (_delay("calm", "G.711 decoded and encoded, by tone onset"), ROUNDS),
    "media.delay_ms_rough": (_delay("rough", "the same with 30 ms of jitter and 2 % loss"), ROUNDS),
    "media.bytes_per_call": (bytes_per_call, ROUNDS),
    "media.growth": (growth, 1),
    "telegram.call_setup_ms": (call_setup, ROUNDS),
    "telegram.key_to_pbx_ms": (keypad, ROUNDS),
}
