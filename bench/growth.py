"""Memory of the process after ten thousand calls and after a hundred thousand: both must be alike.

python -m bench.growth [CALLS]      prints {"growth": 1.00…, "mb": […]}
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

from bench.signalling import TwoStacks

CALLS, EARLY = 100_000, 0.1


def resident() -> float:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return next(int(x.split()[1]) for x in status.splitlines() if "RssAnon" in x) / 1024


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    stacks, found = TwoStacks(), []
    for count in (round(calls * EARLY), round(calls * (1 - EARLY))):
        for _ in range(count):
            stacks.dialog()
        found.append(resident())
    print(json.dumps({"growth": found[1] / found[0], "mb": found}))


if __name__ == "__main__":
    main()
