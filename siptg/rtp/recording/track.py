"""One sound file that is being written: Ogg/Opus and MP3 by PyAV, WAV by hand.

What a track was given a second ago is in the kernel's hands, in a form that players read: an Ogg
page each half second, MP3 frames, a WAV header that is brought up to date. So `kill -9` takes the
last second only. A disk that refuses is an OSError to the caller, and the file is cut back to what
is whole.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import attrs
import av
import numpy as np
from numpy.typing import NDArray

if sys.platform != "win32":
    import fcntl

PAGE = 500_000
"""Microseconds of sound in an Ogg page, which is written as a whole."""
MOST_WAV = 2**32 - 2**20
"""Bytes: the sizes in a WAV header have 32 bits."""

Block = NDArray[np.int16]
"""Samples of all channels: one row a sample, one column a channel."""


class Track(Protocol):
    """A file of one format."""

    @property
    def bytes(self) -> int:
        """Written so far."""
        ...

    def write(self, block: Block) -> None:
        """OSError where the disk refuses, ValueError where the encoder does."""
        ...

    def close(self) -> None:
        """End the file as its format wants it, and bring it to the disk."""
        ...

    def abandon(self) -> None:
        """Let go of the file as it is, after an error: what was written stays readable."""
        ...


def open_track(path: Path, kind: str, rate: int, channels: int, tags: Mapping[str, str]) -> Track:
    """A new file, `kind` being a suffix of `FORMATS`. OSError where it cannot be made."""
    out = Out(path)
    try:
        return FORMATS[kind](out, rate, channels, tags)
    except (OSError, ValueError):
        out.let_go()
        path.unlink(missing_ok=True)
        raise


class Out:
    """A file for PyAV to write to. It does not raise into C: the first error is kept for
    `check`, and what comes after it is dropped.
    """

    def __init__(self, path: Path) -> None:
        # recordings are nobody else's business, and no other recording is overwritten
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._fd = os.open(path, flags, 0o600)
        self.size, self._deaf = 0, False
        self._error: OSError | None = None
        lock(self._fd)

    def write(self, data: bytes) -> int:
        if not self._deaf:
            try:
                self._write(data)
            except OSError as error:
                self._error, self._deaf = error, True
                with contextlib.suppress(OSError):
                    os.ftruncate(self._fd, self.size)  # away with half a page
        return len(data)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        self.size += len(data)

    def rewrite(self, data: bytes, at: int) -> None:
        """Over what stands there."""
        os.lseek(self._fd, at, os.SEEK_SET)
        os.write(self._fd, data)
        os.lseek(self._fd, 0, os.SEEK_END)

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def sync(self) -> None:
        self.check()
        os.fsync(self._fd)

    def turn_deaf(self) -> None:
        """Take nothing more: a container's last words would come after a hole."""
        self._deaf = True

    def let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@attrs.frozen
class _Encoding:
    """What PyAV is told."""

    container: Literal["ogg", "mp3"]
    codec: Literal["libopus", "libmp3lame"]
    bit_rates: tuple[int, int]
    """For one channel, and for two."""
    options: tuple[dict[str, str], dict[str, str]]
    """Likewise."""
    container_options: dict[str, str]


_OPUS = _Encoding(
    "ogg",
    "libopus",
    (24_000, 40_000),  # 10 and 19 MB an hour
    # the speech coder saves on what two channels have in common, and ours have nothing: for them
    # the other coder separates the sides better, leaves levels alone and costs a third
    (
        {"application": "voip", "compression_level": "5"},
        {"application": "audio", "compression_level": "5", "vbr": "constrained"},
    ),
    {"page_duration": str(PAGE), "flush_packets": "1"},
)
_MP3 = _Encoding(
    "mp3",
    "libmp3lame",
    (32_000, 48_000),  # 14 and 22 MB an hour
    ({"compression_level": "5"}, {"compression_level": "5"}),
    # the header that holds the length could only be written at the end, and there may be none
    {"write_xing": "0", "flush_packets": "1"},
)


class _Encoded:
    """Through an encoder of PyAV, into a container of PyAV."""

    def __init__(
        self, how: _Encoding, out: Out, rate: int, channels: int, tags: Mapping[str, str]
    ) -> None:
        self._how, self._out, self._rate, self._samples = how, out, rate, 0
        self._layout = "stereo" if channels == 2 else "mono"
        with self._blamed():
            self._container = av.open(
                out, "w", format=how.container, container_options=how.container_options
            )
            self._container.metadata.update(tags)
            self._stream = self._container.add_stream(
                how.codec, rate=rate, options=dict(how.options[channels - 1])
            )
            self._stream.codec_context.layout = self._layout
            self._stream.bit_rate = how.bit_rates[channels - 1]
            self._container.start_encoding()
        out.check()

    @property
    def bytes(self) -> int:
        return self._out.size

    def write(self, block: Block) -> None:
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block).reshape(1, -1), "s16", self._layout
        )
        frame.sample_rate, frame.time_base = self._rate, Fraction(1, self._rate)
        frame.pts = self._samples
        self._samples += len(block)
        self._encode(frame)

    def close(self) -> None:
        try:
            self._encode(None)
            with self._blamed():
                self._container.close()
            self._out.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        self._out.turn_deaf()
        with contextlib.suppress(av.FFmpegError, ValueError):
            self._container.close()
        self._out.let_go()

    def _encode(self, frame: av.AudioFrame | None) -> None:
        with self._blamed():
            self._container.mux(self._stream.encode(frame))
        self._out.check()

    @contextlib.contextmanager
    def _blamed(self) -> Iterator[None]:
        try:
            yield
        except av.FFmpegError as error:
            raise ValueError(f"{self._how.codec} failed: {error.strerror}") from error


class _Wav:
    """Uncompressed (Microsoft's RIFF): 230 MB an hour for two sides at 16 kHz."""

    def __init__(self, out: Out, rate: int, channels: int, tags: Mapping[str, str]) -> None:
        self._out = out
        head = _wav_head(rate, channels, tags)
        self._head = len(head)
        out.write(head + struct.pack("<4sI", b"data", 0))
        out.check()

    @property
    def bytes(self) -> int:
        return self._out.size

    def write(self, block: Block) -> None:
        self._out.write(block.astype("<i2", copy=False).tobytes())
        self._out.check()
        for at, data in wav_sizes(self._head, self._out.size):
            self._out.rewrite(data, at)

    def close(self) -> None:
        try:
            self._out.sync()
        finally:
            self._out.let_go()

    def abandon(self) -> None:
        self._out.let_go()


FORMATS: dict[str, Callable[[Out, int, int, Mapping[str, str]], Track]] = {
    ".ogg": partial(_Encoded, _OPUS),
    ".mp3": partial(_Encoded, _MP3),
    ".wav": _Wav,
}
"""By suffix."""


def _wav_head(rate: int, channels: int, tags: Mapping[str, str]) -> bytes:
    """All that stands before the samples' own chunk; sizes are filled in by `wav_sizes`."""
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    head = b"RIFF\0\0\0\0WAVE" + struct.pack("<4sI", b"fmt ", len(form)) + form
    names = {"title": b"INAM", "comment": b"ICMT", "date": b"ICRD"}
    info = b"INFO"
    for tag, text in tags.items():
        if tag in names:
            value = text.encode() + b"\0"
            info += struct.pack("<4sI", names[tag], len(value)) + value + b"\0" * (len(value) % 2)
    return head + struct.pack("<4sI", b"LIST", len(info)) + info


def wav_sizes(at: int, size: int) -> list[tuple[int, bytes]]:
    """What stands where in a file of `size` bytes whose chunk of samples begins at `at`."""
    return [(4, struct.pack("<I", size - 8)), (at + 4, struct.pack("<I", size - at - 8))]


def lock(fd: int) -> bool:
    """Mark a file as being written, for as long as it is open; False where another has done so."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True
