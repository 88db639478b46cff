"""Texts of messages as they travel: plain, or gzip; any version may send either. Pure."""

from __future__ import annotations

import gzip
import zlib

LARGEST_TEXT = 2 << 20
"""Bytes of an unpacked text; what would be longer is not unpacked."""
_MAGIC = b"\x1f\x8b"
_WITH_HEADER = 31
"""zlib's word for gzip."""


def zipped(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


def unzipped(text: bytes) -> bytes | None:
    """The text, unpacked where it is gzip; None where that is broken, cut off or too long."""
    if text[:2] != _MAGIC:
        return text
    unzip = zlib.decompressobj(_WITH_HEADER)
    try:
        whole = unzip.decompress(text, LARGEST_TEXT)
    except zlib.error:
        return None
    return whole if unzip.eof else None
