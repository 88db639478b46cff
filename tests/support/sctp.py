"""SCTP packets as the other end, or somebody on the way, could make them, for tests."""

from __future__ import annotations

import struct

from aiortc import rtcsctptransport as sctp
from google_crc32c import value as crc32c

from siptg.telegram.signalling.sctp import SctpChannel


def forged(channel: SctpChannel, *chunks: sctp.Chunk | bytes, tag: int | None = None) -> bytes:
    """With the channel's own verification tag, which all on the way have seen."""
    known = channel._association._local_verification_tag
    header = struct.pack(">HHL", 5000, 5000, known if tag is None else tag)
    body = b"".join(map(bytes, chunks))
    return header + struct.pack("<L", crc32c(header + bytes(4) + body)) + body


def data(tsn: int, content: bytes = b"x", *, stream: int = 0, flags: int = 3) -> sctp.DataChunk:
    body = struct.pack("!LHHL", tsn % 2**32, stream, 0, 53) + content
    return sctp.DataChunk(flags, body)


def next_tsn(channel: SctpChannel) -> int:
    """The number that it waits for."""
    last = channel._association._last_received_tsn
    return 0 if last is None else (last + 1) % 2**32
