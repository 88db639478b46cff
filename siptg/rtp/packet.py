"""An RTP packet (RFC 3550 §5.1)."""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER = struct.Struct(">BBHII")
VERSION = 2


class RtpPacket(NamedTuple):
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    @classmethod
    def parse(cls, data: bytes) -> RtpPacket:
        """ValueError says what is wrong. CSRCs, extension and padding are taken off."""
        if len(data) < 12:
            raise ValueError(f"{len(data)} bytes are too few for RTP")
        first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        if first >> 6 != VERSION:
            raise ValueError(f"RTP version {first >> 6}")
        begin, end = 12 + 4 * (first & 15), len(data)
        if first & 0x10:
            if begin + 4 > end:
                raise ValueError("the header extension is cut off")
            begin += 4 + 4 * struct.unpack_from(">H", data, begin + 2)[0]
        if first & 0x20:
            end -= data[-1] if data[-1] else end
        if begin > end:
            raise ValueError("header or padding is longer than the packet")
        return cls(second & 0x7F, sequence, timestamp, ssrc, data[begin:end], bool(second & 0x80))

    def __bytes__(self) -> bytes:
        second = self.payload_type | (0x80 if self.marker else 0)
        head = HEADER.pack(0x80, second, self.sequence, self.timestamp, self.ssrc)
        return head + self.payload


def is_rtcp(data: bytes) -> bool:
    """On a port that both share: RTCP's packet types as RFC 5761 §4 tells them apart."""
    return len(data) >= 2 and 192 <= data[1] <= 223
