"""What is measured of signalling, and against whom."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from bench import load, signalling
from bench.figure import ROUNDS, Figure, Measure, compare
from bench.foreign import SCRIPTS, Bench, ours
from bench.load import Contestant


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


def _peer(bench: Bench, script: str, *more: str) -> Contestant:
    """One of `bench/peers` as a server; without assertions, which one of them needs."""
    return Contestant([str(bench.peers.python), "-O", str(SCRIPTS / script), "{port}", *more])


def _servers(
    bench: Bench, measured: Callable[[Contestant], Measure]
) -> tuple[Measure, dict[str, Measure]]:
    peers = {
        "sippy": _peer(bench, "uas_sippy.py"),
        "aiosipua": _peer(bench, "uas_aiosipua.py"),
        "aiosipua+uvloop": _peer(bench, "uas_aiosipua.py", "uvloop"),
    }
    return measured(load.ours("calls")), {who: measured(peer) for who, peer in peers.items()}


def calls(bench: Bench) -> Figure:
    us, them = _servers(bench, lambda server: load.searcher(server, bench.folder))
    return compare(
        "sip.calls",
        "calls/s",
        us,
        them,
        note="served to SIPp over UDP by one process on uvloop, 100 ms held, < 0.1 % failed, "
        "< 1 % sent again",
        step=bench.step,
    )


def registers(bench: Bench) -> Figure:
    return compare(
        "sip.registers",
        "registrations/s",
        load.searcher(load.ours("registers"), bench.folder),
        {},
        note="each is challenged: two REGISTERs of SIPp, MD5",
        step=bench.step,
    )


def dialog_bytes(bench: Bench) -> Figure:
    def measured(server: Contestant) -> Measure:
        return lambda: load.dialog_bytes(server, bench.folder)

    us, them = _servers(bench, measured)
    return compare(
        "sip.dialog_bytes",
        "bytes",
        us,
        them,
        note="an established dialog with its session and what is left of its transactions",
        more_is_better=False,
        rounds=1,
        step=bench.step,
    )


def growth(bench: Bench) -> Figure:
    return compare(
        "sip.growth",
        "ratio",
        lambda: float(ours("bench.growth", seconds=600)["growth"]),
        {},
        note="memory after 100,000 calls over that after 10,000",
        more_is_better=False,
        rounds=1,
        step=bench.step,
    )


def accounts(bench: Bench) -> Figure:
    found: dict[str, float] = {}

    def measured() -> float:
        found.update(ours("bench.accounts", "1000", seconds=300))
        return found["mb"]

    figure = compare(
        "sip.accounts_mb",
        "MB",
        measured,
        {},
        more_is_better=False,
        rounds=1,
        step=bench.step,
    )
    if not found:
        return figure
    even = f"refreshes in the busiest second {found['peak']:.0f}, in the mean {found['mean']:.0f}"
    return attrs.evolve(figure, note=f"a process that holds 1,000 accounts over one socket; {even}")


BENCHES = {
    "sip.parse_touch_write": (parsing, ROUNDS * (len(signalling.PYTHON_PEERS) + 2)),
    "sip.core_dialogs": (dialogs, ROUNDS),
    "sip.calls": (calls, ROUNDS * 4),
    "sip.registers": (registers, ROUNDS),
    "sip.dialog_bytes": (dialog_bytes, 4),
    "sip.growth": (growth, 1),
    "sip.accounts_mb": (accounts, 1),
}
