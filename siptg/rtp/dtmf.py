"""Keys as RFC 4733 events: sent on the beat, received once each. Pure."""

from __future__ import annotations

import struct
from collections import deque

import attrs

from siptg.rtp.packet import RtpPacket

KEYS = "0123456789*#ABCD"
"""Event codes 0 to 15 (RFC 4733 §3.2)."""
BEATS, PAUSE_BEATS, END_PACKETS = 5, 3, 3
"""100 ms of tone, then three packets that end it, 60 ms in all before the next key."""
VOLUME = 10
"""−10 dBm0."""
MOST_QUEUED = 256
_EVENT = struct.Struct(">BBH")


@attrs.define(eq=False)
class DtmfSender:
    """Keys to press, one packet a beat; while one is pressed no audio is sent (§2.5.1.2)."""

    clock_rate: int = 8000
    _queue: deque[int] = attrs.field(factory=deque)
    _beat: int = 0
    _started: int = 0

    def press(self, digits: str) -> None:
        """ValueError for what is no key, or more than are sensible at once."""
        codes = [KEYS.find(digit.upper()) for digit in digits]
        if -1 in codes:
            raise ValueError(f"not a key: {digits[codes.index(-1)]!r}")
        if len(self._queue) + len(codes) > MOST_QUEUED:
            raise ValueError(f"more than {MOST_QUEUED} keys at once")
        self._queue.extend(codes)

    @property
    def busy(self) -> bool:
        return bool(self._queue)

    def next(self, timestamp: int) -> tuple[int, bytes, bool] | None:
        """(timestamp, payload, marker) of this beat's packet; None in the pause between keys.

        All packets of a key carry the timestamp of its beginning (§2.5.1.1).
        """
        if not self._queue:
            return None
        if self._beat == 0:
            self._started = timestamp
        beat = self._beat
        self._beat += 1
        per_beat = self.clock_rate // 50
        if beat < BEATS + END_PACKETS:
            ended = beat >= BEATS
            duration = min(beat + 1, BEATS) * per_beat
            flags = VOLUME | (0x80 if ended else 0)
            return self._started, _EVENT.pack(self._queue[0], flags, duration), beat == 0
        if beat + 1 >= BEATS + END_PACKETS + PAUSE_BEATS:
            self._queue.popleft()
            self._beat = 0
        return None


@attrs.define(eq=False)
class DtmfReceiver:
    """Reports each key once, however many of its packets come (§2.5.2.3)."""

    garbage: int = 0
    _seen: deque[tuple[int, int]] = attrs.field(factory=lambda: deque(maxlen=16))

    def receive(self, packet: RtpPacket) -> str | None:
        """The key, at its first packet to arrive: any may be lost, all share a timestamp."""
        if len(packet.payload) < 4:
            self.garbage += 1
            return None
        code, _, _ = _EVENT.unpack_from(packet.payload)
        name = packet.ssrc, packet.timestamp
        if name in self._seen:
            return None
        self._seen.append(name)
        if code >= len(KEYS):
            return None  # hook flash and tones of modems are no keys
        return KEYS[code]
