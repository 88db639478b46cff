"""Recordings that a crash left behind: found, made whole, named as they were to be."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import av

from siptg.rtp.recording.plan import Part, Recording, Sides, advice, free_name
from siptg.rtp.recording.track import FORMATS, Out, lock, wav_sizes

BROKEN = ".broken"
"""In place of `.part`, in the name of a file that cannot be made whole: it is told of once."""


def recover(folder: Path | str) -> list[Recording]:
    """Make every `….part` in a folder whole, but for those that a recorder still writes; the
    `error` of each says why it could not be. It takes as long as the disk does:
    `await asyncio.to_thread(recover, folder)`.
    """
    left = sorted(path for path in Path(folder).glob("*.part") if path.is_file())
    return [saved for part in left if (saved := _recover(part)) is not None]


def _recover(part: Path) -> Recording | None:
    wanted = part.with_suffix("")
    try:
        fd = os.open(part, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except OSError as error:
        return Recording(part, Sides.STEREO, error=advice(error, part))
    try:
        if not lock(fd):
            return None  # it is being written
        if wanted.suffix.lower() not in FORMATS:
            return _set_aside(part, f"{part}: none of our recordings")
        if wanted.suffix.lower() == ".wav":
            _mend_wav(fd)
            saved = _described(part, wanted)
        else:
            saved = _remuxed(part, wanted)
    except OSError as error:  # the disk may be better next time
        return Recording(part, Sides.STEREO, error=advice(error, part))
    except ValueError as error:
        return _set_aside(part, f"{part} cannot be made whole: {error}")
    finally:
        os.close(fd)
    return saved


def _mend_wav(fd: int) -> None:
    """Say in its header how long it is."""
    head = os.pread(fd, 65_536, 0)
    size = os.fstat(fd).st_size
    at = 12
    while head[at : at + 4] != b"data":
        if head[:4] != b"RIFF" or at + 8 > len(head):
            raise ValueError("its header is torn")
        length = int(struct.unpack_from("<I", head, at + 4)[0])
        at += 8 + length + length % 2
    for where, data in wav_sizes(at, size):
        os.pwrite(fd, data, where)


def _described(part: Path, wanted: Path) -> Recording:
    """Of a file that is whole: look into it, and give it its name."""
    try:
        with av.open(f"file:{part.absolute()}", "r") as container:
            stream = container.streams.audio[0]
            channels, tags = (
                stream.codec_context.channels,
                {**stream.metadata, **container.metadata},
            )
            seconds = (container.duration or 0) / av.time_base
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(getattr(error, "strerror", None) or "no sound in it") from None
    if not seconds:
        raise ValueError("no sound in it")
    name = free_name(wanted) if wanted.exists() else wanted
    whole = Part(name, seconds, part.stat().st_size)
    part.rename(name)
    sides = Sides.STEREO if channels == 2 else Sides.MIXED
    return Recording(name, sides, (whole,), tags.get("title", ""), tags.get("comment", ""))


def _remuxed(part: Path, wanted: Path) -> Recording:
    """Copied packet by packet, so that it ends as its format wants it."""
    whole = part.with_suffix(".whole")
    whole.unlink(missing_ok=True)
    out = Out(whole)
    kind = wanted.suffix.lower()[1:]
    try:
        with av.open(f"file:{part.absolute()}", "r", format=kind) as source:
            stream = source.streams.audio[0]
            with av.open(out, "w", format=kind) as target:
                target.metadata.update({**stream.metadata, **source.metadata})
                copy = target.add_stream_from_template(stream)
                for packet in source.demux(stream):
                    if packet.dts is not None:
                        packet.stream = copy
                        target.mux(packet)
        out.sync()
        saved = _described(whole, wanted)
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(getattr(error, "strerror", None) or "no sound in it") from None
    finally:
        out.let_go()
        whole.unlink(missing_ok=True)
    part.unlink()
    return saved


def _set_aside(part: Path, why: str) -> Recording:
    name = part.with_suffix(BROKEN)
    try:
        part.rename(name)
    except OSError as error:
        return Recording(part, Sides.STEREO, error=f"{why} ({advice(error, part)})")
    return Recording(name, Sides.STEREO, error=f"{why}; it is kept as {name}")
