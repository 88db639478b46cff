"""The peers: an environment of their own beside ours, and their scripts run in it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from bench.figure import Missing

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(__file__).parent / "peers"
REQUIREMENTS = SCRIPTS / "requirements.txt"


def answer(command: list[str], seconds: float) -> Any:
    """The last line that a program says, as JSON; Missing with its last complaint else."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        last = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        raise Missing(last[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(module: str, *arguments: str, seconds: float = 120.0) -> Any:
    """A measurement of ours that wants a process of its own."""
    return answer([sys.executable, "-m", module, *arguments], seconds)


class Peers:
    """`.venv-peers`, made once for a given list of requirements."""

    def __init__(self, folder: Path = ROOT / ".venv-peers") -> None:
        self.folder, self.python = folder, folder / "bin" / "python"
        self.why = ""

    def prepare(self, say: Callable[[str], None]) -> None:
        """Install what can be installed; a peer that cannot says so when it is asked to run."""
        wanted, stamp = REQUIREMENTS.read_text(), self.folder / ".made"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        try:
            say("making .venv-peers")
            self._run(sys.executable, "-m", "venv", str(self.folder))
            self.folder.mkdir(exist_ok=True)
            for line in wanted.splitlines():
                if line and not line.startswith("#"):
                    say(f"installing {line}")
                    self._run(
                        str(self.python), "-m", "pip", "install", "--quiet", line, strict=False
                    )
            stamp.write_text(wanted)
        except (OSError, subprocess.SubprocessError) as error:
            self.why = f"no environment for peers: {error}"

    def ask(self, script: str, *arguments: str, seconds: float = 120.0) -> Any:
        """What a script of `bench/peers` says as JSON; Missing with its last line else."""
        if self.why:
            raise Missing(self.why)
        return answer([str(self.python), str(SCRIPTS / script), *arguments], seconds)

    def compiled(self, source: str, library: str, package: str) -> Path:
        """A C peer, made ready; Missing without a compiler or its library."""
        made = self.folder / Path(source).stem
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None or shutil.which("pkg-config") is None:
            raise Missing(f"apt-get install gcc pkg-config {package}")
        asked = ["pkg-config", "--cflags", "--libs", library]
        flags = subprocess.run(asked, capture_output=True, text=True)
        if flags.returncode:
            raise Missing(f"apt-get install {package}")
        arguments = ["-O2", "-o", str(made), str(SCRIPTS / source), *flags.stdout.split()]
        self._run(compiler, *arguments)
        return made

    @staticmethod
    def _run(*command: str, strict: bool = True) -> None:
        clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        subprocess.run(command, check=strict, capture_output=True, env=clean)


@attrs.frozen
class Bench:
    """What the benchmarks share: the peers, a folder, and whom to tell of each turn."""

    peers: Peers
    folder: Path
    step: Callable[[], None]


def on_core(number: int) -> None:
    """Keep this process on one core, where there are several."""
    if (os.cpu_count() or 1) > 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {number})


def loop_runner() -> Any:
    """uvloop where it is installed, as `siptg run` does."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run
