"""TL of clients, read within bounds: how much gzip may unpack to, how deep things may nest."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from telethon.errors import TypeNotFoundError
from telethon.extensions import BinaryReader

GZIP_PACKED = 0x3072CFA1
LARGEST = 1 << 20
"""Bytes that a gzipped query may unpack to."""
DEEPEST = 50

MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    BufferError,
    EOFError,
    OverflowError,
    RecursionError,
    struct.error,
    zlib.error,
    TypeNotFoundError,
)
"""What reading may raise on garbage."""


class Reader(BinaryReader):  # type: ignore[misc]
    """Telethon's reader; it unpacks gzip itself, wherever in a query that is."""

    def __init__(self, data: bytes, depth: int = 0) -> None:
        super().__init__(data)
        self._depth = depth

    def tgread_object(self) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ValueError("nested too deep")
        try:
            at = self.tell_position()
            kind = self.read_int(signed=False)
            if kind == GZIP_PACKED:
                return Reader(unzipped(self.tgread_bytes()), self._depth).tgread_object()
            self.set_position(at)
            return super().tgread_object()
        finally:
            self._depth -= 1


def unzipped(data: bytes) -> bytes:
    """ValueError for what would unpack to more than `LARGEST`, before it does."""
    found = zlib.decompressobj(wbits=31)
    plain = found.decompress(data, LARGEST + 1)
    if len(plain) > LARGEST or found.unconsumed_tail:
        raise ValueError(f"gzip of more than {LARGEST} bytes")
    return plain


def read(body: bytes) -> Any:
    """The value of a message's body; one of `MALFORMED` for garbage."""
    return Reader(body).tgread_object()
