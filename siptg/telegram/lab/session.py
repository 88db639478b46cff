"""A client's session: numbers of messages checked, what was sent kept until it is acknowledged.

After core.telegram.org/mtproto/description and …/service_messages_about_messages. Pure: time is an
argument. What is not acknowledged is sent again when the client returns and when it asks, and after
a while by itself (`resends.py`).
"""

from __future__ import annotations

import gzip
import struct
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any

import attrs
from telethon.tl.tlobject import TLObject

if TYPE_CHECKING:
    import asyncio

    from siptg.telegram.lab.link import Link

VECTOR, TRUE, FALSE = 0x1CB5C415, 0x997275B5, 0xBC799737
RPC_RESULT, GZIP_PACKED, CONTAINER = 0xF35C6D01, 0x3072CFA1, 0x73F1F8DC
ZIP_FROM = 512
"""Results of more bytes are sent as gzip."""
MOST_REMEMBERED = 500
"""Messages of either direction that a session remembers."""
MOST_INNER = 1020
"""Messages of one container."""
OLD, FUTURE = 300, 30
"""Seconds that a client's clock may be wrong by."""

TOO_LOW, TOO_HIGH, BAD_PARITY, CONTAINER_AGAIN, FORGOTTEN = 16, 17, 18, 19, 20
SEQ_TOO_LOW, SEQ_TOO_HIGH, SEQ_NOT_EVEN, SEQ_NOT_ODD = 32, 33, 34, 35
BAD_SALT, BAD_CONTAINER = 48, 64


@attrs.frozen
class Sent:
    """A message to the client, as it goes again where it was not acknowledged."""

    id: int
    seq: int
    body: bytes


def packed(value: object) -> bytes:
    """A result as TL: an object, a bool, or a list of objects or numbers."""
    if isinstance(value, bool):
        return struct.pack("<I", TRUE if value else FALSE)
    if isinstance(value, list):
        body = b"".join(struct.pack("<q", v) if isinstance(v, int) else bytes(v) for v in value)
        return struct.pack("<Ii", VECTOR, len(value)) + body
    return bytes(value)  # type: ignore[call-overload,no-any-return]


def result(msg_id: int, value: object) -> bytes:
    """The body of an rpc_result."""
    body = packed(value)
    if len(body) > ZIP_FROM:
        zipped = gzip.compress(body, 1)
        if len(zipped) < len(body):
            body = struct.pack("<I", GZIP_PACKED) + TLObject.serialize_bytes(zipped)
    return struct.pack("<Iq", RPC_RESULT, msg_id) + body


class Session:
    """It outlives its connections: `link` is the one that speaks for it now."""

    def __init__(self, key_id: bytes, id: bytes) -> None:
        self.key_id, self.id = key_id, id
        self.announced = False
        self.link: Link | None = None
        self.tasks: dict[int, asyncio.Task[None]] = {}
        """Queries that are being answered."""
        self.failed: deque[int] = deque(maxlen=MOST_REMEMBERED)
        """Queries that were answered by an error."""
        self.answers: OrderedDict[int, int] = OrderedDict()
        """Query → its answer, as long as that is not acknowledged."""
        self.unacked: OrderedDict[int, Sent] = OrderedDict()
        self._received: OrderedDict[int, int] = OrderedDict()
        self._forgotten, self._highest, self._highest_seq = 0, 0, -1
        self._last_id, self._content = 0, 0

    # from the client

    @staticmethod
    def wrong_id(msg_id: int, now: float) -> int:
        """An error code of bad_msg_notification, 0 where the id may be good."""
        if msg_id % 4:
            return BAD_PARITY
        age = now - (msg_id >> 32)
        return TOO_LOW if age > OLD else TOO_HIGH if age < -FUTURE else 0

    def seen(self, msg_id: int) -> bool:
        return msg_id in self._received

    def wrong_order(self, msg_id: int, seq: int, content: bool | None) -> int:
        """Whether number and id go together with those before; `content` None where both may be."""
        if msg_id <= self._forgotten:
            return FORGOTTEN
        if content is False and seq & 1:
            return SEQ_NOT_EVEN
        if content is True and not seq & 1:
            return SEQ_NOT_ODD
        if not seq & 1:
            return 0
        if msg_id > self._highest:
            return 0 if seq > self._highest_seq else SEQ_TOO_LOW
        for other, other_seq in self._received.items():
            if other_seq & 1 and other < msg_id and other_seq >= seq:
                return SEQ_TOO_LOW
            if other_seq & 1 and other > msg_id and other_seq <= seq:
                return SEQ_TOO_HIGH
        return 0

    def accept(self, msg_id: int, seq: int) -> None:
        self._received[msg_id] = seq
        if seq & 1 and msg_id > self._highest:
            self._highest, self._highest_seq = msg_id, seq
        if len(self._received) > MOST_REMEMBERED:
            oldest, _ = self._received.popitem(last=False)
            self._forgotten = max(self._forgotten, oldest)

    def acknowledged(self, ids: list[int]) -> None:
        for msg_id in ids[:MOST_REMEMBERED]:
            sent = self.unacked.pop(msg_id, None)
            if sent is not None and sent.body[:4] == struct.pack("<I", RPC_RESULT):
                self.answers.pop(struct.unpack_from("<q", sent.body, 4)[0], None)

    def state_of(self, msg_id: int, now: float) -> int:
        """A byte of msgs_state_info: 1 unknown, 2 and 3 not received, 4 received; 16 its answer
        is being made, 64 it was made.
        """
        if msg_id in self._received:
            if msg_id in self.tasks:
                return 4 + 16
            return 4 + 64 if msg_id in self.answers or self._received[msg_id] & 1 else 4
        if msg_id <= self._forgotten or now - (msg_id >> 32) > OLD:
            return 1
        return 3 if msg_id > max(self._received, default=0) else 2

    # to the client

    def message(self, body: bytes, now: float, *, reply: bool, content: bool = True) -> Sent:
        """A new message: ids of replies end in 1, of updates in 3. Kept until acknowledged."""
        self._last_id = max(self._last_id + 4, int(now) << 32 | int(now % 1 * (1 << 32)) & ~3)
        seq = self._content * 2 + content
        self._content += content
        sent = Sent(self._last_id | (1 if reply else 3), seq, body)
        if content:
            self.unacked[sent.id] = sent
            while len(self.unacked) > MOST_REMEMBERED:
                self.unacked.popitem(last=False)
        return sent

    def answer(self, msg_id: int, value: Any, now: float) -> Sent:
        """An rpc_result, given again where the query comes again."""
        sent = self.message(result(msg_id, value), now, reply=True)
        self.answers[msg_id] = sent.id
        while len(self.answers) > MOST_REMEMBERED:
            self.answers.popitem(last=False)
        return sent

    def together(self, messages: list[Sent], now: float) -> Sent:
        """One message, or a container of several."""
        if len(messages) == 1:
            return messages[0]
        parts = [struct.pack("<qii", m.id, m.seq, len(m.body)) + m.body for m in messages]
        body = struct.pack("<Ii", CONTAINER, len(parts)) + b"".join(parts)
        return self.message(body, now, reply=False, content=False)


def inner(body: bytes) -> list[tuple[int, int, bytes]] | None:
    """(id, number, body) of a container's messages; None for no container, ValueError for a bad
    one.
    """
    if body[:4] != struct.pack("<I", CONTAINER):
        return None
    at, count = 8, struct.unpack_from("<i", body, 4)[0]
    if not 0 <= count <= MOST_INNER:
        raise ValueError(f"a container of {count}")
    found = []
    for _ in range(count):
        msg_id, seq, size = struct.unpack_from("<qii", body, at)
        if size < 0 or size % 4 or at + 16 + size > len(body):
            raise ValueError(f"a message of {size} bytes in a container")
        part = body[at + 16 : at + 16 + size]
        if part[:4] == body[:4]:
            raise ValueError("a container in a container")
        found.append((msg_id, seq, part))
        at += 16 + size
    return found
