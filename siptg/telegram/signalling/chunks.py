"""Chunks of an SCTP packet: whether their lengths can be true (RFC 9260 §3.2). Pure.

aiortc walks a chunk's parameters by their lengths; one of zero would keep it walking for ever.
"""

from __future__ import annotations

import struct

HEADER, MOST_CHUNKS = 12, 64
"""Bytes before the first chunk; chunks of a packet that are looked at."""
_PARAMETERS_AT = {1: 16, 2: 16, 4: 0, 5: 0, 6: 0, 9: 0, 130: 0}
"""Type of a chunk that has parameters → bytes of its content before them: INIT, INIT ACK,
HEARTBEAT, HEARTBEAT ACK, ABORT, ERROR, RE-CONFIG.
"""
_CHUNK, _PARAMETER = struct.Struct(">BBH"), struct.Struct(">HH")


def are_sound(packet: bytes) -> bool:
    """False where a length is none, or where there are too many chunks."""
    at = HEADER
    for _ in range(MOST_CHUNKS):
        if at + _CHUNK.size > len(packet):
            return True
        kind, _, length = _CHUNK.unpack_from(packet, at)
        if length < _CHUNK.size or at + length > len(packet):
            return False
        if kind in _PARAMETERS_AT:
            begin = at + _CHUNK.size + _PARAMETERS_AT[kind]
            if not _parameters_are_sound(packet[begin : at + length]):
                return False
        at += _padded(length)
    return at + _CHUNK.size > len(packet)


def _parameters_are_sound(content: bytes) -> bool:
    at = 0
    while at + _PARAMETER.size <= len(content):
        _, length = _PARAMETER.unpack_from(content, at)
        if length < _PARAMETER.size:
            return False
        at += _padded(length)
    return True


def _padded(length: int) -> int:
    return length + -length % 4
