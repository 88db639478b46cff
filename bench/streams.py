"""Memory, sockets and files after ten thousand calls, against those after a thousand.

    python -m bench.streams [CALLS]      prints {"growth": 1.00…, "mb": […], "files": […]}

Each call is two streams that offer, answer, talk for a few beats (one in ten is recorded) and end.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import tempfile
from pathlib import Path

from bench.foreign import loop_runner
from bench.growth import resident
from siptg.rtp.recording.recorder import Recorder
from siptg.rtp.sounds.tones import tone
from siptg.rtp.stream import MediaStream

CALLS, EARLY, BEATS = 10_000, 0.1, 6
CODECS = ["opus"], ["pcmu"], ["g722"]


async def call(number: int, folder: Path) -> None:
    codecs = CODECS[number % len(CODECS)]
    a = await MediaStream.open("127.0.0.1", codecs=codecs)
    b = await MediaStream.open("127.0.0.1", codecs=codecs)
    a.accept(b.answer(a.offer()))
    recorder = Recorder(folder / f"{number}.ogg") if number % 10 == 0 else None
    said = tone([440.0], a.rate)
    for _ in range(BEATS):
        frame = next(said)
        a.write(frame)
        await asyncio.sleep(0)
        heard = b.read()
        b.write(heard)
        if recorder is not None:
            recorder.feed(frame, heard)
    a.close()
    b.close()
    if recorder is not None:
        made = await asyncio.wrap_future(recorder.stop())
        if made.error is not None:
            sys.exit(made.error)
        for part in made.parts:
            part.path.unlink()


async def measure(calls: int) -> dict[str, object]:
    megabytes, files, number = [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        for until in (round(calls * EARLY), calls):
            while number < until:
                await call(number, Path(folder))
                number += 1
            gc.collect()
            megabytes.append(resident())
            files.append(len(os.listdir("/proc/self/fd")))
    return {"growth": megabytes[1] / megabytes[0], "mb": megabytes, "files": files}


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    print(json.dumps(loop_runner()(measure(calls))))


if __name__ == "__main__":
    main()
