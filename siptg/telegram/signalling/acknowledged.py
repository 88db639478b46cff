"""Acknowledged framing of signalling messages: versions 8.0.0 and 9.0.0. Pure.

A packet is a row of records: `seq (u32) ‖ type ‖ content`. Messages are repeated until they are
acknowledged; what came twice is handled once.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter, OrderedDict, deque

import attrs

from siptg.telegram.signalling.cipher import SignallingCipher

SINGLE, WANTS_ACK, COUNTER = 1 << 31, 1 << 30, (1 << 30) - 1
MESSAGE, EMPTY, ACK = 0x7F, 0xFE, 0xFF
RESEND_NOT_BEFORE, RESEND_AFTER, ACK_WITHIN = 3.0, 5.0, 5.0
"""Seconds."""
LARGEST_OUT, LARGEST_TEXT = 16 * 1024, 2 << 20
MOST_REMEMBERED, MOST_UNACKED = 4096, 64
_RECORD = struct.Struct(">IB")


@attrs.define
class _Sent:
    record: bytes
    at: float


@attrs.define(eq=False)
class AcknowledgedFraming:
    """After each call send `outgoing()` and wake at `deadline()` for `tick`."""

    cipher: SignallingCipher
    counters: Counter[str] = attrs.field(factory=Counter)
    _counter: int = 0
    _unacked: OrderedDict[int, _Sent] = attrs.field(factory=OrderedDict)
    """seq → record, oldest first."""
    _acks: list[int] = attrs.field(factory=list)
    _handled: _Memory = attrs.field(factory=lambda: _Memory())
    _packets: _Memory = attrs.field(factory=lambda: _Memory())
    _ready: list[bytes] = attrs.field(factory=list)
    _resend_at: float | None = None
    _ack_at: float | None = None

    def post(self, text: bytes, now: float) -> None:
        """Send a message, until it is acknowledged."""
        if len(self._unacked) >= MOST_UNACKED:
            self.counters["unacknowledged"] += 1
            return
        seq = self._next() | WANTS_ACK
        record = _RECORD.pack(seq, MESSAGE) + struct.pack(">I", len(text)) + text
        alone = not self._unacked
        self._unacked[seq] = _Sent(record, now)
        # behind others it follows them: the engine takes the first that wants an ack as
        # "all below is settled"
        self._send(record if alone else self._empty(), now, everything=not alone)

    def receive(self, packet: bytes, now: float) -> list[bytes]:
        """The new messages of a packet; doubles are acknowledged again and dropped."""
        body = self.cipher.open(packet)
        if body is None:
            self.counters["undecryptable"] += 1
            return []
        first = _RECORD.unpack_from(body)[0]
        if not self._packets.add(first & COUNTER):
            self.counters["repeated"] += 1
            return []
        found, fresh, at = [], False, 0
        while at + _RECORD.size <= len(body):
            seq, kind = _RECORD.unpack_from(body, at)
            at += _RECORD.size
            if kind == ACK:
                self._unacked.pop(seq, None)
            elif kind == MESSAGE and at + 4 <= len(body):
                (size,) = struct.unpack_from(">I", body, at)
                text = body[at + 4 : at + 4 + size]
                at += 4 + size
                if len(text) < size:
                    self.counters["cut_off"] += 1
                    break
                if seq & WANTS_ACK and seq not in self._acks:
                    self._acks.append(seq)
                if self._handled.add(seq & COUNTER):
                    fresh = fresh or bool(seq & WANTS_ACK)
                    whole = _unpacked(text)
                    if whole is None:
                        self.counters["bad_gzip"] += 1
                    else:
                        found.append(whole)
            elif kind != EMPTY:
                self.counters["unknown_record"] += 1
                break
        if not self._unacked:
            self._resend_at = None
        if self._acks and fresh:
            self._send(self._empty(), now)
        elif self._acks and self._ack_at is None:
            self._ack_at = now + ACK_WITHIN
        return found

    def tick(self, now: float) -> None:
        due = [t for t in (self._ack_at, self._resend_at) if t is not None and t <= now]
        if due:
            self._ack_at = self._resend_at = None
            if self._acks or self._unacked:
                self._send(self._empty(), now)

    def outgoing(self) -> list[bytes]:
        """Sealed packets, in the order to send them."""
        ready, self._ready = self._ready, []
        return ready

    def deadline(self) -> float | None:
        return min((t for t in (self._ack_at, self._resend_at) if t is not None), default=None)

    def _next(self) -> int:
        self._counter += 1
        return self._counter

    def _empty(self) -> bytes:
        return _RECORD.pack(self._next(), EMPTY)

    def _send(self, body: bytes, now: float, *, everything: bool = False) -> None:
        body += b"".join(_RECORD.pack(seq, ACK) for seq in self._acks)
        self._acks, self._ack_at = [], None
        if body[4] == EMPTY:
            for sent in self._unacked.values():
                due = everything or sent.at + RESEND_NOT_BEFORE <= now
                if not due or 16 + len(body) + len(sent.record) > LARGEST_OUT:
                    break
                body += sent.record
                sent.at = now
        if self._unacked and self._resend_at is None:
            self._resend_at = now + RESEND_AFTER
        self._ready.append(self.cipher.seal(body))


class _Memory:
    """The counters seen, the newest of them."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._order: deque[int] = deque()

    def add(self, number: int) -> bool:
        """False where it was seen before."""
        if number in self._seen:
            return False
        self._seen.add(number)
        self._order.append(number)
        if len(self._order) > MOST_REMEMBERED:
            self._seen.discard(self._order.popleft())
        return True


def _unpacked(text: bytes) -> bytes | None:
    """The text, gunzipped where it is gzip; None where that is broken or too long."""
    if text[:2] != b"\x1f\x8b":
        return text
    unzip = zlib.decompressobj(31)
    try:
        whole = unzip.decompress(text, LARGEST_TEXT)
    except zlib.error:
        return None
    return None if unzip.unconsumed_tail else whole
