"""What an Opus packet says of itself before it is decoded (RFC 6716 §3)."""

from __future__ import annotations

TICKS_PER_MS = 48
MOST_TICKS = 120 * TICKS_PER_MS
_SILK, _HYBRID, _CELT = (480, 960, 1920, 2880), (480, 960), (120, 240, 480, 960)
_FRAME_TICKS = _SILK * 3 + _HYBRID * 2 + _CELT * 4
"""By the configuration number of RFC 6716 §3.1."""


def frame_ticks(payload: bytes) -> int:
    """Length of each of its frames, in ticks of 48 kHz."""
    return _FRAME_TICKS[payload[0] >> 3]


def duration(payload: bytes) -> int:
    """Of the whole packet, in ticks of 48 kHz; 0 where this is no Opus packet."""
    if not payload:
        return 0
    frames = (1, 2, 2)[payload[0] & 3] if payload[0] & 3 < 3 else _counted(payload)
    ticks = frames * _FRAME_TICKS[payload[0] >> 3]
    return ticks if ticks <= MOST_TICKS else 0


def is_celt(payload: bytes) -> bool:
    """No part of it is SILK's: neither corrects nor is corrected."""
    return payload[0] >= 0x80


def corrects(payload: bytes) -> bool:
    """Its first frame carries the frame before once more (LBRR, RFC 6716 §4.2.3, §4.2.4)."""
    if not payload or is_celt(payload):
        return False
    first = _first_byte(payload)
    if first is None:
        return False
    # activity of each 20 ms, then the LBRR flag; in stereo the same again for the side channel
    parts = max(frame_ticks(payload) // 960, 1)
    flags = 1 << 7 - parts
    if payload[0] & 4:
        flags |= 1 << 6 - 2 * parts
    return bool(first & flags)


def _counted(payload: bytes) -> int:
    return payload[1] & 0x3F if len(payload) > 1 else 0


def _first_byte(payload: bytes) -> int | None:
    """Of the first frame's data; None where it has none (RFC 6716 §3.2)."""
    code, at, size = payload[0] & 3, 1, 1
    try:
        if code == 2:
            size, at = _size(payload, at)
        elif code == 3:
            count, at = payload[1], 2
            if count & 0x40:
                while payload[at] == 255:
                    at += 1
                at += 1
            if count & 0x80:
                sizes = [1]
                for _ in range((count & 0x3F) - 1):
                    size, at = _size(payload, at)
                    sizes.insert(-1, size)
                size = sizes[0]
        return payload[at] if size else None
    except IndexError:
        return None  # cut short: decoding it fails as well


def _size(payload: bytes, at: int) -> tuple[int, int]:
    """A frame's size, and where what follows it begins (RFC 6716 §3.2.1)."""
    size = payload[at]
    if size < 252:
        return size, at + 1
    return size + 4 * payload[at + 1], at + 2
