"""SIPp as a crowd: how many calls and registrations a second a server sustains, and what a call
that stands costs it.

The server has a core to itself, SIPp another. A rate is sustained when at most 0.1 % of its calls
failed, at most 1 % of the messages had to be sent again, and SIPp came to the end in time.
"""

from __future__ import annotations

import csv
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from bench.figure import Missing
from bench.foreign import ROOT
from tests.world.process import free_ports, udp_is_bound
from tests.world.sipp import scenario

FAILED, AGAIN = 0.001, 0.01
HOLD_MS = 100
FIRST, MOST = 400, 25_600
SECONDS = 3.0
"""Of a try; a server that only just keeps up fails within the second."""
WIDER = ("-buff_size", "4000000", "-max_recv_loops", "20000", "-max_sched_loops", "20000")
"""Else SIPp itself loses answers from some 2,000 calls a second on."""


@attrs.frozen
class Contestant:
    """A server program; `{port}` in its command is where it shall listen."""

    command: Sequence[str]
    kind: str = "calls"


def ours(kind: str) -> Contestant:
    more = ["guarded"] if kind == "registers" else []
    return Contestant([sys.executable, "-O", "-m", "bench.uas", "{port}", *more], kind)


class Server:
    """One run of it, on the first core."""

    def __init__(self, contestant: Contestant) -> None:
        self.port = free_ports()
        command = [part.format(port=self.port) for part in contestant.command]
        silent = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=silent, stdout=silent, stderr=silent, preexec_fn=_on_core(0)
        )
        until = time.monotonic() + 10
        while not udp_is_bound(self.port):
            if time.monotonic() > until or self._process.poll() is not None:
                self.stop()
                raise Missing(f"{' '.join(command[:4])} did not come up")
            time.sleep(0.02)
        time.sleep(0.3)

    def memory(self) -> int:
        """Bytes of its own, without what it shares with files."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(x.split()[1]) for x in status.splitlines() if "RssAnon" in x) * 1024

    def cpu(self) -> float:
        """Seconds of processor that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(3)


def _on_core(number: int) -> Callable[[], None]:
    def pin() -> None:
        if (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(0, {number})
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    return pin


def crowd(
    port: int, rate: int, calls: int, folder: Path, *, hold_ms: int = HOLD_MS, name: str
) -> subprocess.Popen[bytes]:
    """SIPp on the second core; its counts go to `stat.csv` each second."""
    if shutil.which("sipp") is None:
        raise Missing("apt-get install sip-tester")
    (folder / "stat.csv").unlink(missing_ok=True)
    file = folder / f"{name}.xml"
    file.write_text(scenario(name))
    own, media, seconds = free_ports(), free_ports(), calls // rate + hold_ms // 1000 + 5
    who = ("-s", "alice", "-au", "alice", "-ap", "secret") if "register" in name else ("-s", "bob")
    command = [
        *("sipp", f"127.0.0.1:{port}", "-sf", str(file), *who, "-i", "127.0.0.1"),
        *("-mi", "127.0.0.1", "-p", str(own), "-mp", str(media), "-r", str(rate)),
        *("-m", str(calls), "-l", "100000", "-d", str(hold_ms), "-timeout", str(seconds)),
        *("-nostdin", "-pause_msg_ign", *WIDER, "-trace_stat", "-stf", "stat.csv", "-fd", "1"),
    ]
    silent = subprocess.DEVNULL
    return subprocess.Popen(
        command, cwd=folder, stdin=silent, stdout=silent, stderr=silent, preexec_fn=_on_core(1)
    )


@attrs.frozen
class Try:
    """What became of one rate."""

    rate: int
    failed: int
    again: int
    seconds: float
    cpu: float
    """Of a core that the server used."""
    good: bool


def attempt(contestant: Contestant, rate: int, seconds: float, folder: Path) -> Try:
    """One rate against a fresh server: an overloaded one needs minutes to forget."""
    name = "uac_load" if contestant.kind == "calls" else "uac_register"
    server = Server(contestant)
    try:
        calls, begun, cpu = int(rate * seconds), time.monotonic(), server.cpu()
        sipp = crowd(server.port, rate, calls, folder, name=name)
        try:
            sipp.wait(seconds + 4)
        except subprocess.TimeoutExpired:  # SIPp waits half a minute for what it resends
            sipp.kill()
            sipp.wait()
            return Try(rate, calls, 0, seconds + 4, 1.0, False)
        took = time.monotonic() - begun
        used = (server.cpu() - cpu) / took
    finally:
        server.stop()
    with (folder / "stat.csv").open() as file:
        rows = list(csv.reader(file, delimiter=";"))
    last = dict(zip(rows[0], rows[-1], strict=False))
    failed, again = calls - int(last["SuccessfulCall(C)"]), int(last["Retransmissions(C)"])
    in_time = took < seconds / 0.95 + 0.8
    good = failed <= calls * FAILED and again <= calls * AGAIN and in_time
    return Try(rate, failed, again, took, used, good)


def best_rate(contestant: Contestant, folder: Path, *, near: float | None = None) -> float:
    """The highest rate that holds: doubled until one does not, then the gap is halved four times.
    With `near`, a rate found before, the search begins around it.
    """

    def holds(rate: int) -> bool:
        # twice, since something else may have run just then
        return any(attempt(contestant, rate, SECONDS, folder).good for _ in range(2))

    low, high = 0, FIRST
    if near:
        low, high = int(near * 0.8), int(near * 1.25)
        if not holds(low):
            low, high = 0, low
    while high < MOST and (not near or not low) and holds(high):
        low, high = high, high * 2
    for _ in range(3 if near else 4):
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    if not low:
        raise Missing(f"not even {high} a second")
    return low


def searcher(contestant: Contestant, folder: Path) -> Callable[[], float]:
    """For `compare`: the first turn searches widely, the others around what it found."""
    found: list[float] = []

    def search() -> float:
        found.append(best_rate(contestant, folder, near=found[0] if found else None))
        return found[-1]

    return search


def dialog_bytes(contestant: Contestant, folder: Path, dialogs: int = 2000) -> float:
    """Memory of a call that stands, from so many of them."""
    server, rate = Server(contestant), 200
    try:
        crowd(server.port, rate, 400, folder, hold_ms=0, name="uac_load").wait()
        time.sleep(0.5)
        before = server.memory()
        sipp = crowd(server.port, rate, dialogs, folder, hold_ms=60_000, name="uac_load")
        time.sleep(dialogs / rate + 1.5)
        after = server.memory()
        sipp.kill()
        sipp.wait()
    finally:
        server.stop()
    return (after - before) / dialogs


def main() -> None:
    """`python -m bench.load calls|registers RATE SECONDS` tries one rate against our own server."""
    import tempfile

    kind, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        print(attempt(ours(kind), rate, seconds, Path(folder)))


if __name__ == "__main__":
    main()
