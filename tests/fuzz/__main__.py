"""Runs atheris on one target: `python -m tests.fuzz stack --seconds 60 --corpus DIR`.

Exits 0 where nothing fell. An input that makes the target fall is written beside the corpus and its
traceback shown.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["siptg"]):
    from tests.fuzz.targets import TARGETS
from tests.fuzz import seeds

LONGEST = 8192
SLOW = 5
"""Seconds for one input: more is a hang."""
MEMORY = 1024
"""Megabytes: more is growth."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("target", choices=TARGETS)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--corpus", type=Path, help="kept there; left out, begun anew")
    given = options.parse_args()
    folder = given.corpus or Path(tempfile.mkdtemp()) / "corpus"
    words = seeds.write(folder, given.target)
    atheris.Setup(
        [
            sys.argv[0],
            str(folder),
            f"-dict={words}",
            f"-max_len={LONGEST}",
            f"-max_total_time={given.seconds}",
            f"-timeout={SLOW}",
            f"-rss_limit_mb={MEMORY}",
            f"-artifact_prefix={folder.parent}/",
            "-print_final_stats=1",
        ],
        TARGETS[given.target],
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
