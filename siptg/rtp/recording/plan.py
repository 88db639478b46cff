"""How to record, and what became of it: the values of a recorder."""

from __future__ import annotations

import errno
from enum import Enum
from pathlib import Path

import attrs


class Sides(Enum):
    STEREO = "stereo"
    """Left and right."""
    MIXED = "mixed"
    """Both in one channel."""


class Pauses(Enum):
    """What a pause leaves in the file."""

    SILENCE = "silence"
    CUT = "cut"


@attrs.frozen(kw_only=True)
class Plan:
    """How to record, and how much."""

    sides: Sides = Sides.STEREO
    rate: int = attrs.field(default=16_000, validator=attrs.validators.in_((8000, 16_000, 48_000)))
    """Of the file; what the call speaks at is resampled, and may change."""
    pauses: Pauses = Pauses.SILENCE
    title: str = ""
    comment: str = ""
    most_seconds: float | None = None
    """Then the recording is over."""
    most_bytes: int | None = None
    part_seconds: float | None = None
    """Then the next part begins, without a gap."""
    part_bytes: int | None = None
    """No part is larger."""
    least_free: int = 64 * 2**20
    """Bytes that must stay free on the disk."""


@attrs.frozen
class Part:
    path: Path
    seconds: float
    bytes: int


@attrs.frozen
class Recording:
    """What became of it."""

    path: Path
    """Of its first part, or where that would have been."""
    sides: Sides
    parts: tuple[Part, ...] = ()
    title: str = ""
    comment: str = ""
    error: str | None = None
    """What went wrong, where, and what to do; what was recorded before is in `parts`."""
    limit: str | None = None
    """`seconds` or `bytes`, where one of the plan's limits ended it."""

    @property
    def seconds(self) -> float:
        return sum(part.seconds for part in self.parts)

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)


def part_of(path: Path) -> Path:
    """The name of a file while it is being written."""
    return path.with_name(path.name + ".part")


def free_name(path: Path) -> Path:
    """`call.ogg`, or `call.2.ogg` where that is taken."""
    number, name = 1, path
    while name.exists() or part_of(name).exists():
        number += 1
        name = path.with_name(f"{path.stem}.{number}{path.suffix}")
    return name


def advice(error: OSError, path: Path) -> str:
    """For people: what went wrong with a file, where, and what to do."""
    folder = path.parent
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return f"the folder {folder} is missing: make it, or record to another"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{folder} may not be written to: change its rights, or record to another folder"
        case errno.ENOSPC | errno.EDQUOT:
            return f"the disk of {folder} is full: make room, or record to another"
        case errno.EFBIG:
            return (
                f"{path} may not grow further: raise the limit (ulimit -f), or make shorter parts"
            )
        case _:
            return f"{path} cannot be written: {error.strerror or error}"
