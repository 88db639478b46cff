"""Encrypted messages of one client: opened, checked, sealed (core.telegram.org/mtproto)."""

from __future__ import annotations

import gzip
import hmac
import os
import struct
import time
from collections import OrderedDict
from hashlib import sha256

import attrs
from telethon.crypto import AES, AuthKey
from telethon.extensions import BinaryReader
from telethon.tl.core import GzipPacked, MessageContainer
from telethon.tl.tlobject import TLObject
from telethon.tl.types import (
    BadMsgNotification,
    BadServerSalt,
    MsgsAck,
    NewSessionCreated,
    RpcError,
)

VECTOR, TRUE, FALSE = 0x1CB5C415, 0x997275B5, 0xBC799737
RPC_RESULT, GZIP_PACKED = 0xF35C6D01, 0x3072CFA1
ZIP_FROM = 512
"""Results of more bytes are sent as gzip."""
MOST_REMEMBERED = 500
MOST_INNER = 1020
"""Messages of one container."""
OLD, FUTURE = 300, 30
"""Seconds that a client's clock may be wrong by."""


@attrs.frozen
class Incoming:
    """A message of the client."""

    id: int
    content: bool
    """It wants to be acknowledged."""
    value: object


def packed(value: object) -> bytes:
    """A result as TL: an object, a bool, or a list of objects or numbers."""
    if isinstance(value, bool):
        return struct.pack("<I", TRUE if value else FALSE)
    if isinstance(value, list):
        body = b"".join(struct.pack("<q", v) if isinstance(v, int) else bytes(v) for v in value)
        return struct.pack("<Ii", VECTOR, len(value)) + body
    return bytes(value)  # type: ignore[call-overload,no-any-return]


class Session:
    """Keys and numbers of one connection under one auth key. `open` and `seal` are inverse in
    role.
    """

    def __init__(self, auth_key: AuthKey, salt: bytes) -> None:
        self.key_id = struct.pack("<Q", auth_key.key_id)
        self.answers: OrderedDict[int, bytes] = OrderedDict()
        """Message id → what was answered: a repeated query is answered again, not done again."""
        self._key, self._salt = auth_key.key, salt
        self._id, self._last_id, self._content = b"", 0, 0

    def open(self, payload: bytes) -> tuple[list[Incoming], list[bytes]]:
        """Messages to handle, and payloads to send at once (a wrong salt, a new session).

        ValueError when it was not sealed with our key: the connection is of no use then.
        """
        msg_key, body = payload[8:24], payload[24:]
        plain = AES.decrypt_ige(body[: len(body) // 16 * 16], *self._cipher(msg_key, 0))
        if not hmac.compare_digest(sha256(self._key[88:120] + plain).digest()[8:24], msg_key):
            raise ValueError("msg_key differs")
        salt, session_id = plain[:8], plain[8:16]
        msg_id, seq, size = struct.unpack_from("<qii", plain, 16)
        if not 0 <= size <= len(plain) - 32:
            raise ValueError("a message longer than its packet")
        at_once: list[bytes] = []
        if session_id != self._id:
            self._id = session_id
            unique, new_salt = int.from_bytes(os.urandom(7), "big"), self._salt_number
            at_once.append(self.plain(NewSessionCreated(msg_id, unique, new_salt)))
        error = self._wrong(msg_id)
        if error:
            at_once.append(self.plain(BadMsgNotification(msg_id, seq, error)))
            return [], at_once
        if salt != self._salt:
            at_once.append(self.plain(BadServerSalt(msg_id, seq, 48, self._salt_number)))
            return [], at_once
        return list(self._unpack(msg_id, seq, plain[32 : 32 + size])), at_once

    def seal(self, body: bytes, *, reply: bool) -> bytes:
        """A payload: message ids of replies end in 1, of updates in 3."""
        now = time.time()
        self._last_id = max(self._last_id + 4, int(now) << 32 | int(now % 1 * (1 << 32)) & ~3)
        self._content += 1
        head = struct.pack(
            "<qii", self._last_id | (1 if reply else 3), self._content * 2 - 1, len(body)
        )
        plain = self._salt + self._id + head + body
        plain += os.urandom(12 + -(len(plain) + 12) % 16)
        msg_key = sha256(self._key[96:128] + plain).digest()[8:24]
        sealed: bytes = AES.encrypt_ige(plain, *self._cipher(msg_key, 8))
        return self.key_id + msg_key + sealed

    def result(self, msg_id: int, value: object) -> bytes:
        """The answer to a query, remembered for its repetition."""
        body = packed(value)
        if len(body) > ZIP_FROM:
            zipped = gzip.compress(body)
            body = struct.pack("<I", GZIP_PACKED) + TLObject.serialize_bytes(zipped)
        whole = struct.pack("<Iq", RPC_RESULT, msg_id) + body
        self.answers[msg_id] = whole
        while len(self.answers) > MOST_REMEMBERED:
            self.answers.popitem(last=False)
        return self.seal(whole, reply=True)

    def error(self, msg_id: int, code: int, text: str) -> bytes:
        return self.result(msg_id, RpcError(code, text))

    def ack(self, ids: list[int]) -> bytes:
        return self.plain(MsgsAck(ids))

    def plain(self, value: TLObject) -> bytes:
        return self.seal(bytes(value), reply=True)

    @property
    def _salt_number(self) -> int:
        return struct.unpack("<q", self._salt)[0]  # type: ignore[no-any-return]

    def _cipher(self, msg_key: bytes, x: int) -> tuple[bytes, bytes]:
        a = sha256(msg_key + self._key[x : x + 36]).digest()
        b = sha256(self._key[x + 40 : x + 76] + msg_key).digest()
        return a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:]

    @staticmethod
    def _wrong(msg_id: int) -> int:
        """An error code of bad_msg_notification, 0 where the id is good."""
        age = time.time() - (msg_id >> 32)
        if msg_id % 4:
            return 18
        return 16 if age > OLD else 17 if age < -FUTURE else 0

    def _unpack(self, msg_id: int, seq: int, body: bytes) -> list[Incoming]:
        if len(body) < 4:
            raise ValueError("an empty message")
        (kind,) = struct.unpack_from("<I", body)
        if kind == MessageContainer.CONSTRUCTOR_ID:
            found: list[Incoming] = []
            at, count = 8, struct.unpack_from("<i", body, 4)[0]
            if not 0 <= count <= MOST_INNER:
                raise ValueError(f"a container of {count}")
            for _ in range(count):
                inner_id, inner_seq, size = struct.unpack_from("<qii", body, at)
                found += self._unpack(inner_id, inner_seq, body[at + 16 : at + 16 + size])
                at += 16 + size
            return found
        value = BinaryReader(body).tgread_object()
        if isinstance(value, GzipPacked):
            return self._unpack(msg_id, seq, value.data)
        return [Incoming(msg_id, bool(seq & 1), value)]
