"""Records a call: both sides left and right, or as one, to Ogg/Opus, WAV or MP3.

The beat hands over two frames and goes on; a thread resamples, encodes and writes. Whatever the
disk or the encoder does ends the recording with a message, never the call.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections import deque
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.recording.plan import (
    Part,
    Pauses,
    Plan,
    Recording,
    Sides,
    advice,
    free_name,
    part_of,
)
from siptg.rtp.recording.track import FORMATS, MOST_WAV, Block, Track, open_track
from siptg.rtp.sounds.background import Background
from siptg.rtp.sounds.gain import MIDDLE, saturated
from siptg.rtp.sounds.resample import RATES, Resampler

log = logging.getLogger(__name__)

MOST_WAITING = 500
"""Frames (ten seconds) that wait for a disk that does not answer; then the recording ends."""
BATCH = 50
"""Frames that are written at a time: a long queue does not hold up the other recordings."""
LOOK_AT_DISK = 100
"""Frames between two looks at how much room is left."""

WRITERS = Background("recordings")


class Recorder:
    """Records from the moment it is made: `feed` it each beat, `stop` it; `finished` tells more.

    It may end by itself (a limit, a full disk): `finished` is done then, and `error` says why. A
    file is called `….part` until it is whole, and takes the next free name rather than another's.
    """

    def __init__(self, path: Path | str, plan: Plan | None = None) -> None:
        """ValueError for a format that is none of ours. All else is told by `finished`."""
        path = Path(path)
        if path.suffix.lower() not in FORMATS:
            raise ValueError(f"{path}: a name that ends in {', '.join(FORMATS)} expected")
        self._plan = plan or Plan()
        self._writer = _Writer(path, self._plan)
        self._waiting = self._writer.waiting
        self._paused = False
        WRITERS.add(self._writer)

    def feed(self, left: Frame, right: Frame) -> None:
        """20 ms of both sides, each at whatever rate; the frames may be used again at once."""
        if not self._writer.taking:
            return
        waiting = self._waiting
        if len(waiting) >= MOST_WAITING:
            self._writer.overrun()
        elif not self._paused:
            waiting.append((left.tobytes(), right.tobytes()))
        elif self._plan.pauses is Pauses.SILENCE:
            waiting.append(None)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def stop(self) -> Future[Recording]:
        """Write what is still waiting, and end: `await asyncio.wrap_future(recorder.stop())`."""
        self._writer.end()
        WRITERS.wake()
        return self.finished

    @property
    def finished(self) -> Future[Recording]:
        """Its callbacks are called in the thread that writes."""
        return self._writer.finished

    @property
    def live(self) -> bool:
        """False once nothing more is taken."""
        return self._writer.taking

    @property
    def error(self) -> str | None:
        return self._writer.error

    @property
    def seconds(self) -> float:
        """Written so far."""
        return self._writer.frames / 50

    def __del__(self) -> None:
        if hasattr(self, "_writer"):
            self._writer.end()


class _Side:
    """One voice, at the rate of the file."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: Resampler | None = None

    def __call__(self, pieces: list[bytes]) -> Samples:
        size = self._rate // 50
        if all(len(piece) == 2 * size for piece in pieces):
            return np.frombuffer(b"".join(pieces), np.int16)
        return np.concatenate([self._fitted(np.frombuffer(p, np.int16), size) for p in pieces])

    def _fitted(self, samples: Samples, size: int) -> Samples:
        if len(samples) == size:
            return samples
        rate = len(samples) * 50
        if self._resampler is None or self._resampler.source != rate:
            if rate not in RATES:
                return np.zeros(size, np.int16)  # no frame of ours
            self._resampler = Resampler(rate, self._rate)
        return self._resampler(samples)


class _Writer:
    """The half of a recorder that lives in the thread. The beat fills `waiting`, and reads or
    takes away `taking`.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self.waiting: deque[tuple[bytes, bytes] | None] = deque()
        self.taking = True
        self.finished: Future[Recording] = Future()
        # who waits for it and gives up must not cancel it: the file is written all the same
        self.finished.set_running_or_notify_cancel()
        self.error: str | None = None
        self.frames = 0
        """Written, in all parts."""
        self._path, self._plan = path, plan
        self._left, self._right = _Side(plan.rate), _Side(plan.rate)
        self._parts: list[Part] = []
        self._track: Track | None = None
        self._name = path
        self._before = 0
        """Frames in the parts that are whole."""
        self._step = 0
        """Bytes by which a write made the file longer at most."""

    def end(self) -> None:
        self.taking = False

    def overrun(self) -> None:
        self.taking = False
        seconds = MOST_WAITING // 50
        self.error = f"{self._path.parent} took nothing for {seconds} s: see what its disk does"

    def work(self) -> bool:
        try:
            return self._work()
        except OSError as error:
            self._fail(advice(error, self._name))
        except ValueError as error:
            self._fail(f"{self._name}: {error}; another format ({', '.join(FORMATS)}) may do")
        except Exception as error:  # whatever it was, the call goes on and who waits is told
            log.exception("! a recording broke")
            self._fail(f"{self._name}: {error!r}; please report this")
        return False

    def _work(self) -> bool:
        last = not self.taking  # asked before the queue is: nothing is added after that
        if self._track is None:
            self._begin()
        batch = [self.waiting.popleft() for _ in range(min(BATCH, len(self.waiting)))]
        while batch:
            size = min(len(batch), self._room())
            self._write(batch[:size])
            del batch[:size]
            limit = self._limit()
            if limit is not None:
                self._finish(limit)
                return False
            if self._part_is_full():
                self._close_part()
                self._begin()
        if self.waiting:
            WRITERS.wake()
        elif last:
            self._finish(None)
            return False
        return True

    def _begin(self) -> None:
        """The next part."""
        plan = self._plan
        self._look_at_disk()
        self._name = free_name(self._path)
        tags = {"title": plan.title, "comment": plan.comment}
        self._track = open_track(
            part_of(self._name),
            self._path.suffix.lower(),
            plan.rate,
            2 if plan.sides is Sides.STEREO else 1,
            {tag: text for tag, text in tags.items() if text},
        )
        self._before, self._step = self.frames, 0

    def _room(self) -> int:
        """Frames until the next limit of length."""
        room = BATCH
        if self._plan.most_seconds is not None:
            room = min(room, round(self._plan.most_seconds * 50) - self.frames)
        if self._plan.part_seconds is not None:
            room = min(room, round(self._plan.part_seconds * 50) - self.frames + self._before)
        return max(room, 1)

    def _write(self, batch: list[tuple[bytes, bytes] | None]) -> None:
        assert self._track is not None
        quiet = bytes(self._plan.rate // 50 * 2)
        left = self._left([pair[0] if pair else quiet for pair in batch])
        right = self._right([pair[1] if pair else quiet for pair in batch])
        block: Block
        if self._plan.sides is Sides.MIXED:
            block = saturated(np.add(left, right, dtype=np.intp) + MIDDLE)[:, None]
        else:
            block = np.stack((left, right), axis=1)
        before = self._track.bytes
        self._track.write(block)
        self._step = max(self._step, self._track.bytes - before)
        self.frames += len(batch)
        if self.frames // LOOK_AT_DISK != (self.frames - len(batch)) // LOOK_AT_DISK:
            self._look_at_disk()

    def _limit(self) -> str | None:
        plan, track = self._plan, self._track
        if plan.most_seconds is not None and self.frames >= round(plan.most_seconds * 50):
            return "seconds"
        size = sum(part.bytes for part in self._parts) + (track.bytes if track else 0)
        return (
            "bytes" if plan.most_bytes is not None and self._full(size, plan.most_bytes) else None
        )

    def _part_is_full(self) -> bool:
        plan, track = self._plan, self._track
        frames = self.frames - self._before
        if plan.part_seconds is not None and frames >= round(plan.part_seconds * 50):
            return True
        most = plan.part_bytes
        if self._path.suffix.lower() == ".wav":
            most = min(most or MOST_WAV, MOST_WAV)
        return most is not None and track is not None and self._full(track.bytes, most)

    def _full(self, size: int, most: int) -> bool:
        """Two steps before, for an encoder holds back some, and the end of a file costs some."""
        return size + 2 * self._step >= most

    def _look_at_disk(self) -> None:
        folder = self._path.parent
        if shutil.disk_usage(folder).free < self._plan.least_free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _close_part(self) -> None:
        track, self._track = self._track, None
        if track is None:
            return
        try:
            track.close()
        finally:
            self._keep(track)

    def _keep(self, track: Track) -> None:
        """Give the file its name; one that holds no sound is removed."""
        frames = self.frames - self._before
        if not frames:
            part_of(self._name).unlink(missing_ok=True)
            return
        part_of(self._name).rename(self._name)
        self._parts.append(Part(self._name, frames / 50, track.bytes))

    def _finish(self, limit: str | None) -> None:
        self.taking = False
        self._close_part()
        self._tell(limit)

    def _fail(self, why: str) -> None:
        self.taking, self.error = False, why
        track, self._track = self._track, None
        if track is not None:
            track.abandon()
            try:
                self._keep(track)
            except OSError as error:
                self.error = f"{why} ({part_of(self._name)} could not be renamed: {error.strerror})"
        log.warning("! the recording %s ended: %s", self._name, self.error)
        self._tell(None)

    def _tell(self, limit: str | None) -> None:
        plan, parts = self._plan, tuple(self._parts)
        path = parts[0].path if parts else self._name
        self.waiting.clear()
        self.finished.set_result(
            Recording(path, plan.sides, parts, plan.title, plan.comment, self.error, limit)
        )
