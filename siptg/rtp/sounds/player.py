"""Sound files as frames: WAV, Ogg (Opus, Vorbis), MP3, FLAC, M4A, decoded ahead by PyAV.

A thread reads, decodes and resamples two seconds ahead, so the beat takes ready frames and never
waits for a disk, and an hour costs the memory of two seconds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self, cast

import av
import numpy as np

from siptg.rtp.audio import Frame, Samples, silence
from siptg.rtp.sounds.background import Background
from siptg.rtp.sounds.gain import amplified, factor

FORMATS = "wav,w64,aiff,au,ogg,mp3,flac,mov,matroska,aac,amr"
"""Demuxers that may open a file. No playlists: a path that a user gives must not lead elsewhere."""
KINDS = "WAV, Ogg, MP3, FLAC or M4A"
AHEAD = 100
"""Frames that are decoded ahead."""
AT_ONCE = 25
"""Frames that are decoded before the first is asked for: 2 to 5 ms of work for whoever opens."""
PROBED = 32_768
"""Bytes that are read to see what a file holds; the default reads five million of a WAV file."""

READERS = Background("sound files")


class Player:
    """The frames of a file at one rate, as an iterator.

    Opening reads the first half second, and says by ValueError what is wrong. On the beat nothing
    more is read: where the disk does not keep up, 20 ms of silence come instead, and `late` counts
    them. Who is not on the beat (a test, a converter) says `ahead=False` and waits for the rest.
    """

    def __init__(
        self,
        path: Path | str,
        rate: int,
        *,
        times: int | None = 1,
        gain: float = 0.0,
        ahead: bool = True,
    ) -> None:
        """`times` None plays for ever; `gain` in dB."""
        self.rate, self.late = rate, 0
        self._ahead = ahead
        self._reader = _Reader(Path(path), rate, times, factor(gain))
        self._reader.fill(AT_ONCE)
        if not self._reader.frames:
            self.close()
            raise ValueError(f"{path} cannot be played: {self._reader.error or 'it is empty'}")
        if ahead and not self._reader.over:
            READERS.add(self._reader)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        reader = self._reader
        # asked before the queue is: the last frame is in there before this is said
        over = reader.over and not reader.rewound
        try:
            return reader.frames.popleft()
        except IndexError:
            if over:
                raise StopIteration from None
        if not self._ahead:
            reader.fill(1)
            return self.__next__()
        self.late += 1
        return silence(self.rate)

    @property
    def error(self) -> str | None:
        """Why it ended before its end."""
        return self._reader.error

    @property
    def seconds(self) -> float | None:
        """How long the file says it is."""
        return self._reader.seconds

    def rewind(self) -> None:
        """Once it is over: from the beginning, as soon as that is read."""
        self._reader.rewound = True
        if self._ahead:
            READERS.add(self._reader)

    def close(self) -> None:
        """Let the file go; done by itself at its end, and when nobody holds the player."""
        self._reader.close()

    def __del__(self) -> None:
        if hasattr(self, "_reader"):
            self._reader.close()


class _Reader:
    """The half of a player that reads, in whichever thread has its lock."""

    def __init__(self, path: Path, rate: int, times: int | None, by: float) -> None:
        self.frames: deque[Frame] = deque()
        self.over = self.rewound = self._closed = False
        self.error: str | None = None
        self._path, self._rate, self._times, self._factor = path, rate, times, by
        self._lock = threading.Lock()
        self._rest = np.zeros(0, np.int16)
        self._container: av.container.InputContainer | None = _open(path)
        duration = self._container.duration
        self.seconds = duration / av.time_base if duration else None
        self._decoded = self._passes()

    def work(self) -> bool:
        with self._lock:
            return self._fill(AHEAD)

    def fill(self, most: int) -> None:
        with self._lock:
            self._fill(most)

    def close(self) -> None:
        self._closed = True
        # else a thread is at it, and closes when it sees the mark
        if self._lock.acquire(blocking=False):
            self._let_go()
            self._lock.release()

    def _fill(self, most: int) -> bool:
        if self.rewound and not self._closed:
            self._let_go()
            self._decoded, self.error, self.over = self._passes(), None, False
            self.rewound = False
        while len(self.frames) < most and not self.over and not self._closed:
            try:
                samples = next(self._decoded, None)
            except (av.FFmpegError, ValueError, OSError) as error:
                self.error = getattr(error, "strerror", None) or str(error)
                samples = None
            self._cut(samples)
        if self.over or self._closed:
            self._let_go()
        return not (self.over or self._closed)

    def _cut(self, samples: Samples | None) -> None:
        """Into frames; None is the end, where the last one is filled up with silence."""
        size = self._rate // 50
        if samples is None:
            if len(self._rest):
                self.frames.append(np.pad(self._rest, (0, size - len(self._rest))))
            self._rest = self._rest[:0]
            self.over = True
            return
        if self._factor != 1.0:
            samples = amplified(samples, self._factor)
        whole = np.concatenate((self._rest, samples))
        frames = len(whole) // size
        self._rest = whole[frames * size :].copy()
        self.frames.extend(whole[: frames * size].reshape(frames, size))

    def _passes(self) -> Iterator[Samples]:
        done, heard = 0, True
        while heard and (self._times is None or done < self._times):
            if done or self._container is None:
                self._let_go()
                self._container = _open(self._path)
            heard, done = False, done + 1  # a file that became empty ends, and does not spin
            for samples in self._pass(self._container):
                heard = True
                yield samples

    def _pass(self, container: av.container.InputContainer) -> Iterator[Samples]:
        resampler: av.AudioResampler | None = None
        shape: tuple[str, str, int] | None = None
        for packet in container.demux(container.streams.audio[0]):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue  # a torn packet: what follows may be whole
            for frame in frames:
                if not isinstance(frame, av.AudioFrame):
                    continue
                is_now = (frame.format.name, frame.layout.name, frame.sample_rate)
                if is_now != shape:
                    yield from _resampled(resampler, None)
                    shape, resampler = is_now, av.AudioResampler("s16", "mono", self._rate)
                frame.pts = None
                yield from _resampled(resampler, frame)
        yield from _resampled(resampler, None)

    def _let_go(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None


def _resampled(
    resampler: av.AudioResampler | None, frame: av.AudioFrame | None
) -> Iterator[Samples]:
    """None flushes."""
    for out in resampler.resample(frame) if resampler is not None else ():
        yield cast(Samples, out.to_ndarray()).ravel()  # "s16" was asked for


def _open(path: Path) -> av.container.InputContainer:
    options = {
        "format_whitelist": FORMATS,
        "protocol_whitelist": "file",
        "probesize": str(PROBED),
    }
    try:
        container = av.open(f"file:{path.absolute()}", "r", options=options)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise ValueError(f"{path} cannot be played: {error.strerror}") from None
    except (av.FFmpegError, ValueError):
        raise ValueError(f"{path} cannot be played: it is no {KINDS} file") from None
    if not container.streams.audio:
        container.close()
        raise ValueError(f"{path} cannot be played: it holds no sound")
    return container
