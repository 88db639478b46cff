"""A process that records until it is killed, or until its disk refuses: for the tests of crashes.

python -m tests.support.recording_child beat FOLDER     records 440 Hz left, 880 Hz right, by the
                                                        beat, in three formats; a line a frame
python -m tests.support.recording_child fill PATH SIZE  no file may be larger than SIZE bytes
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from siptg.rtp.recording.plan import Plan
from siptg.rtp.recording.recorder import Recorder
from siptg.rtp.sounds.tones import sound
from tests.support.sides import FORMATS, LEFT, RIGHT


def beat(folder: Path) -> None:
    recorders = [Recorder(folder / f"call.{form}", Plan(title="cut off")) for form in FORMATS]
    left, right = sound(f"tone:{LEFT}@-20", 16_000), sound(f"tone:{RIGHT}@-20", 16_000)
    began = time.monotonic()
    for fed in range(1, 3000):
        one, other = next(left), next(right)
        for recorder in recorders:
            recorder.feed(one, other)
        print(fed, flush=True)
        time.sleep(max(0.0, began + fed / 50 - time.monotonic()))


def fill(path: Path, size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    recorder = Recorder(path)
    left, right = sound(f"tone:{LEFT}@-20", 16_000), sound(f"tone:{RIGHT}@-20", 16_000)
    while recorder.live:
        recorder.feed(next(left), next(right))
        time.sleep(0.0005)
    done = recorder.finished.result(30)
    print(done.seconds, done.bytes, done.error, sep="\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["beat", folder]:
            beat(Path(folder))
        case ["fill", path, size]:
            fill(Path(path), int(size))
