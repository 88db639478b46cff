"""Framing of MTProto over TCP: full (Telethon's default), abridged, intermediate."""

from __future__ import annotations

import asyncio
import struct
import zlib

LARGEST = 1 << 22
"""Bytes of a payload; ours are far smaller, and memory is not a stranger's to take."""
MOST_UNREAD = 1 << 23
"""Bytes that may wait for a client that does not read; then it is dropped."""


class Wire:
    """One client's connection. The first bytes choose the framing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._reader = reader
        self._framing, self._sent, self._ahead = "", 0, b""
        self._left_in: int | None = None
        self._left_out: int | None = None

    async def read(self) -> bytes:
        """The next payload. IncompleteReadError when the client is gone, ValueError for no
        MTProto.
        """
        if not self._framing:
            await self._choose()
        if self._framing == "abridged":
            (size,) = await self._take(1)
            words = size if size < 0x7F else int.from_bytes(await self._take(3), "little")
            return await self._take(self._sane(words * 4))
        (size,) = struct.unpack("<I", await self._take(4))
        self._sane(size)
        if self._framing == "intermediate":
            return await self._take(size)
        if size < 12:
            raise ValueError(f"a payload of {size} bytes")
        packet = struct.pack("<I", size) + await self._take(size - 4)
        if zlib.crc32(packet[:-4]) != int.from_bytes(packet[-4:], "little"):
            raise ValueError("the checksum differs")
        return packet[8:-4]

    def write(self, payload: bytes) -> None:
        """Queue a payload; a client that is gone swallows it."""
        if self.writer.is_closing():
            return
        if self.writer.transport.get_write_buffer_size() > MOST_UNREAD:
            self.writer.transport.abort()
            return
        data = self._framed(payload)
        if self._left_out is not None:
            data, self._left_out = data[: self._left_out], self._left_out - len(data)
        self.writer.write(data)
        if self._left_out is not None and self._left_out <= 0:
            self.writer.close()  # what was written still goes, unlike with abort

    def cut(self, after_in: int | None, after_out: int | None) -> None:
        """Break off after so many more bytes from the client, or to it."""
        self._left_in, self._left_out = after_in, after_out

    def _framed(self, payload: bytes) -> bytes:
        if self._framing == "abridged":
            words = len(payload) // 4
            head = bytes([words]) if words < 0x7F else b"\x7f" + words.to_bytes(3, "little")
            return head + payload
        if self._framing == "intermediate":
            return struct.pack("<I", len(payload)) + payload
        packet = struct.pack("<II", len(payload) + 12, self._sent) + payload
        self._sent += 1
        return packet + struct.pack("<I", zlib.crc32(packet))

    @staticmethod
    def _sane(size: int) -> int:
        if size > LARGEST:
            raise ValueError(f"a payload of {size} bytes")
        return size

    async def _choose(self) -> None:
        first = await self._take(1)
        if first == b"\xef":
            self._framing = "abridged"
            return
        first += await self._take(3)
        if first == b"\xee" * 4:
            self._framing = "intermediate"
        else:
            self._framing, self._ahead = "full", first

    async def _take(self, size: int) -> bytes:
        ready, self._ahead = self._ahead[:size], self._ahead[size:]
        if self._left_in is not None:
            if size > self._left_in:
                self.writer.transport.abort()
                raise ConnectionAbortedError("cut on command")
            self._left_in -= size
        return ready + await self._reader.readexactly(size - len(ready))
