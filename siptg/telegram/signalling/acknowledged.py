"""Acknowledged framing of signalling messages: versions 8.0.0 and 9.0.0. Pure.

A packet is a row of records: `seq (u32) ‖ type ‖ content`. Messages are repeated until they are
acknowledged; what came twice is handled once.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict

import attrs

from siptg.telegram.signalling.cipher import SignallingCipher
from siptg.telegram.signalling.memory import Memory
from siptg.telegram.signalling.zipped import unzipped, zipped

SINGLE, WANTS_ACK, COUNTER = 1 << 31, 1 << 30, (1 << 30) - 1
MESSAGE, EMPTY, ACK = 0x7F, 0xFE, 0xFF
RESEND_NOT_BEFORE, RESEND_AFTER, ACK_WITHIN = 3.0, 5.0, 5.0
"""Seconds."""
LARGEST_PLAIN, LARGEST_OUT = 8 * 1024, 16 * 1024
"""Bytes: a longer text is zipped; a longer packet would not be read."""
MOST_UNACKED, MOST_RECORDS, MOST_ACKS = 64, 256, 1024
"""Messages of ours that wait for an acknowledgement; records of a packet that are read; those of
theirs that wait for one.
"""
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
    _acks: dict[int, None] = attrs.field(factory=dict)
    """Wanted, in the order in which they were."""
    _handled: Memory = attrs.field(factory=Memory)
    _packets: Memory = attrs.field(factory=Memory)
    _ready: list[bytes] = attrs.field(factory=list)
    _resend_at: float | None = None
    _ack_at: float | None = None

    def post(self, text: bytes, now: float) -> None:
        """Send a message, until it is acknowledged."""
        if len(self._unacked) >= MOST_UNACKED:
            self.counters["unacknowledged"] += 1
            return
        body = text if len(text) <= LARGEST_PLAIN else zipped(text)
        if len(body) > LARGEST_OUT // 2:
            self.counters["too_long"] += 1
            return
        seq = self._next() | WANTS_ACK
        record = _RECORD.pack(seq, MESSAGE) + struct.pack(">I", len(body)) + body
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
        found, fresh, at, records = [], False, 0, 0
        while at + _RECORD.size <= len(body):
            records += 1
            if records > MOST_RECORDS:
                self.counters["too_many_records"] += 1
                break
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
                if seq & WANTS_ACK and len(self._acks) < MOST_ACKS:
                    self._acks[seq] = None
                if self._handled.add(seq & COUNTER):
                    fresh = fresh or bool(seq & WANTS_ACK)
                    whole = unzipped(text)
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
        self._acks, self._ack_at = {}, None
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
