"""Keys as telephone events (RFC 4733): sent on the beat, received once each. Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import attrs

from siptg.rtp.digits.keypad import FLASH, KEYS, LONGEST, Key, Keypad
from siptg.rtp.packet import RtpPacket
from siptg.rtp.sequence import ahead

__all__ = ["KEYS", "DtmfReceiver", "DtmfSender", "Key"]

SYMBOLS = KEYS + FLASH
"""By event code."""
END_PACKETS = 3
"""The last report of an event is sent three times (§2.5.1.4)."""
LONGEST_SEGMENT = 0xFFFF
"""What the duration field holds; a longer event goes on in a new segment (§2.5.1.3)."""
END = 0x80
"""The E bit (§2.3.2)."""
_EVENT = struct.Struct(">BBH")


@attrs.define(eq=False)
class DtmfSender(Keypad):
    """Keys to press, one report each packet time; meanwhile no audio is sent."""

    clock_rate: int = 8000
    packet_ms: int = attrs.field(default=20, kw_only=True)
    volume: int = attrs.field(default=10, kw_only=True)
    """In dBm0 below zero, 0 to 63 (§2.3.4)."""
    _at: int = attrs.field(init=False, default=0)
    """Milliseconds since the first key's begin, counted in packets."""
    _started: int = attrs.field(init=False, default=0)
    _segment: int = attrs.field(init=False, default=0)
    """Ticks of the first key that lie in segments that are over."""
    _ends: int = attrs.field(init=False, default=0)

    def next(self, timestamp: int) -> tuple[int, bytes, bool] | None:
        """(timestamp, payload, marker) of the packet that is due now; None: in the pause none is.

        `timestamp` is the one that audio would have: it goes on while a key sounds. The reports of
        an event all have that of its begin, or of its segment's (§2.2.1).
        """
        if not self._queue:
            return None
        first, at = self._queue[0], self._at
        if at == 0:
            self._started, self._segment, self._ends = timestamp, 0, 0
        length = self._length(first)
        self._at = until = at + self.packet_ms
        flags = self.volume
        if at < length:
            self._sounded = min(until, length)
        elif self._ends < END_PACKETS:
            flags |= END
        else:
            if until >= length + self.pause:
                self._next_key()
            return None
        made = self._report(first.symbol, flags)
        if self._ends >= END_PACKETS and until >= length + self.pause:
            self._next_key()
        return made[0], made[1], at == 0

    def _report(self, symbol: str, flags: int) -> tuple[int, bytes]:
        stamp = (self._started + self._segment) & 0xFFFFFFFF
        duration = self._sounded * (self.clock_rate // 1000) - self._segment
        if duration > LONGEST_SEGMENT:  # told in full and without an end; the rest is told next
            duration = LONGEST_SEGMENT
            self._segment += LONGEST_SEGMENT
            flags &= ~END
        elif flags & END:
            self._ends += 1
        return stamp, _EVENT.pack(SYMBOLS.index(symbol), flags, duration)

    def _next_key(self) -> None:
        self._at = 0
        self._done()


@attrs.define(eq=False)
class _Event:
    """One key of the other end, as far as its packets have told."""

    symbol: str | None
    """None: an event that is no key."""
    code: int
    ssrc: int
    first: int
    """Timestamp of its begin."""
    total: int
    """Ticks that it lasted, all segments together."""
    sequence: int
    heard: float
    closed: bool = False
    """An end was received."""
    told: bool = False
    """Its end was told to the one who asks, be it for want of packets."""


@attrs.define(eq=False)
class DtmfReceiver:
    """Reports each key once, at its first packet to arrive, whichever that is (§2.5.2).

    What makes an event one and the same is its timestamp, not the marker: the first packet may be
    lost, and some telephones set the bit on all of them.
    """

    clock_rate: int = 8000
    flash: bool = False
    """Report the hook's flash as a key, `!`."""
    ends_after: float = attrs.field(default=0.5, kw_only=True)
    """Seconds without a packet after which a key is taken to be let go: its ends were lost."""
    garbage: int = 0
    """Payloads that are no events."""
    _events: dict[tuple[int, int, int], _Event] = attrs.field(init=False, factory=dict)
    """The latest by (SSRC, timestamp, code), of each of their segments."""
    _current: _Event | None = attrs.field(init=False, default=None)
    _ended: list[Key] = attrs.field(init=False, factory=list)

    MOST_REMEMBERED = 64
    MOST_TOGETHER = 8
    """Events in one payload (§2.5.1.5); more are no redundancy but an attack."""

    def receive(self, packet: RtpPacket, now: float = 0.0) -> str | None:
        """The key that begins with this packet, and more than one where a payload tells of several
        of which nothing was heard before; None for a packet that tells of no new one.
        """
        payload = packet.payload
        size = len(payload)
        if size == 4:
            return self._report(packet, payload, 0, packet.timestamp, packet.marker, now)
        if not size or size % 4 or size > 4 * self.MOST_TOGETHER:
            self.garbage += 1
            return None
        # consecutive events without a gap: each begins where the one before it ends (§2.5.1.5)
        keys, stamp, marker = "", packet.timestamp, packet.marker
        for offset in range(0, size, 4):
            keys += self._report(packet, payload, offset, stamp, marker, now) or ""
            stamp = (stamp + int.from_bytes(payload[offset + 2 : offset + 4])) & 0xFFFFFFFF
            marker = False
        return keys or None

    def ended(self, now: float) -> Sequence[Key]:
        """The keys that were let go since this was last asked, in turn."""
        current = self._current
        if current is not None and not current.told and now - current.heard >= self.ends_after:
            self._end(current)
        if not self._ended:
            return ()
        ended, self._ended = self._ended, []
        return ended

    def _report(
        self, packet: RtpPacket, payload: bytes, offset: int, stamp: int, marker: bool, now: float
    ) -> str | None:
        code, flags, duration = _EVENT.unpack_from(payload, offset)
        name = packet.ssrc, stamp, code
        event = self._events.get(name)
        ending = flags >= END
        if event is not None and marker and not ending and self._anew(event, packet, now):
            del self._events[name]
            if self._current is event:
                self._current = None
            event = None
        if not duration:
            return None  # "for ever" is for events that are states, and keys are none (§2.3.5)
        if event is None:
            event = self._continued(packet.ssrc, stamp, code, marker)
            if event is not None:
                self._remember(name, event)
        new = event is None
        if event is None:
            symbol = SYMBOLS[code] if code < len(KEYS) + self.flash else None
            event = _Event(symbol, code, packet.ssrc, stamp, duration, packet.sequence, now)
            self._remember(name, event)
            self._follow(event)
        event.heard = now
        if not event.closed:
            event.total = max(event.total, (stamp - event.first & 0xFFFFFFFF) + duration)
            if ahead(packet.sequence, event.sequence) > 0:
                event.sequence = packet.sequence
            if ending:
                event.closed = True
                self._end(event)
        return event.symbol if new else None

    def _continued(self, ssrc: int, stamp: int, code: int, marker: bool) -> _Event | None:
        """The event that goes on in this segment (§2.5.2.3), though packets between may be lost.

        Events do not overlap: a report from within the time of one of the same code belongs to it
        (some gateways move the timestamp on with each report).
        """
        event = self._current
        if event is None or marker or event.code != code or event.ssrc != ssrc:
            return None
        since = (stamp - event.first) & 0xFFFFFFFF
        if since < event.total:
            return event
        if event.closed or since > LONGEST * self.clock_rate // 1000:
            return None
        return event if since == event.total or since % LONGEST_SEGMENT == 0 else None

    @staticmethod
    def _anew(event: _Event, packet: RtpPacket, now: float) -> bool:
        """A begin behind the end, with the timestamp of before: some telephones and all players of
        captures press again without moving it on. A begin that was overtaken is older than that.
        """
        if not event.closed:
            return False
        return ahead(packet.sequence, event.sequence) > 0 or now - event.heard > 1.0

    def _follow(self, event: _Event) -> None:
        """What begins ends the one before it; what is older than that comes late, and is over."""
        before = self._current
        if before is not None:
            if before.ssrc == event.ssrc and ahead(event.first, before.first, 32) < 0:
                self._end(event)
                return
            self._end(before)
        self._current = event

    def _end(self, event: _Event) -> None:
        if event.told:
            return
        event.told = True
        if event.symbol is not None and len(self._ended) < self.MOST_REMEMBERED:
            milliseconds = event.total * 1000 // self.clock_rate
            self._ended.append(Key(event.symbol, milliseconds))

    def _remember(self, name: tuple[int, int, int], event: _Event) -> None:
        self._events[name] = event
        if len(self._events) > self.MOST_REMEMBERED:
            del self._events[next(iter(self._events))]
