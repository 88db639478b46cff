"""Framing of MTProto over TCP: full (Telethon's default), abridged, intermediate."""

from __future__ import annotations

import asyncio
import struct
import zlib

LARGEST = 1 << 22
"""Bytes of a payload; ours are far smaller, and memory is not a stranger's to take."""


class Wire:
    """One client's connection. The first bytes choose the framing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._reader = reader
        self._framing, self._sent, self._ahead = "", 0, b""

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
        if self._framing == "abridged":
            words = len(payload) // 4
            head = bytes([words]) if words < 0x7F else b"\x7f" + words.to_bytes(3, "little")
            self.writer.write(head + payload)
        elif self._framing == "intermediate":
            self.writer.write(struct.pack("<I", len(payload)) + payload)
        else:
            packet = struct.pack("<II", len(payload) + 12, self._sent) + payload
            self._sent += 1
            self.writer.write(packet + struct.pack("<I", zlib.crc32(packet)))

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
        return ready + await self._reader.readexactly(size - len(ready))
