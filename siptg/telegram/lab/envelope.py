"""MTProto 2.0 encryption under one auth key (core.telegram.org/mtproto/description).

Pure: what is random comes in as an argument. Only the cloud's scheme: no temporary keys (PFS).
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from hashlib import sha256

import attrs
from telethon.crypto import AES, AuthKey

LEAST_PADDING, MOST_PADDING = 12, 1024
HEAD = 32
"""Bytes before a message's body: salt, session, id, number, length."""


@attrs.frozen
class Opened:
    """A packet of the client, decrypted and proved to be sealed with the key."""

    salt: bytes
    session: bytes
    id: int
    seq: int
    body: bytes


class Envelope:
    """`open` what a client sealed; `seal` what it will open."""

    def __init__(self, auth_key: AuthKey, random: Callable[[int], bytes]) -> None:
        self.key_id = struct.pack("<Q", auth_key.key_id)
        self._random, key = random, auth_key.key
        self._to_server = key[88:120], key[0:36], key[40:76]
        self._to_client = key[96:128], key[8:44], key[48:84]

    def open(self, payload: bytes) -> Opened:
        """ValueError for what was not sealed with this key, or not as it must be."""
        msg_key, sealed = payload[8:24], payload[24:]
        if len(sealed) < HEAD or len(sealed) % 16:
            raise ValueError(f"{len(sealed)} encrypted bytes")
        proof, a, b = self._to_server
        plain: bytes = AES.decrypt_ige(sealed, *_cipher(msg_key, a, b))
        if not hmac.compare_digest(sha256(proof + plain).digest()[8:24], msg_key):
            raise ValueError("msg_key differs")
        msg_id, seq, size = struct.unpack_from("<qii", plain, 16)
        padding = len(plain) - HEAD - size
        if size < 0 or size % 4 or not LEAST_PADDING <= padding <= MOST_PADDING:
            raise ValueError(f"a message of {size} bytes in a packet of {len(plain)}")
        return Opened(plain[:8], plain[8:16], msg_id, seq, plain[HEAD : HEAD + size])

    def seal(self, salt: bytes, session: bytes, msg_id: int, seq: int, body: bytes) -> bytes:
        plain = salt + session + struct.pack("<qii", msg_id, seq, len(body)) + body
        plain += self._random(LEAST_PADDING + -(len(plain) + LEAST_PADDING) % 16)
        proof, a, b = self._to_client
        msg_key = sha256(proof + plain).digest()[8:24]
        sealed: bytes = AES.encrypt_ige(plain, *_cipher(msg_key, a, b))
        return self.key_id + msg_key + sealed


def _cipher(msg_key: bytes, first: bytes, second: bytes) -> tuple[bytes, bytes]:
    a = sha256(msg_key + first).digest()
    b = sha256(second + msg_key).digest()
    return a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:]
