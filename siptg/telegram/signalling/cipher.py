"""The cipher of a call's signalling packets: AES-256-CTR, a key of its own for each. Pure."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

KEY_ID = 16
"""Bytes of msg_key before the sealed body."""
SMALLEST, LARGEST = 21, 128 * 1024
"""Bytes of a packet that may be opened."""


class SignallingCipher:
    """Seals what we send and opens what they send; each direction has its own part of the key."""

    def __init__(self, key: bytes, *, caller: bool) -> None:
        self._key = key
        self._ours, self._theirs = (128, 136) if caller else (136, 128)

    def seal(self, body: bytes) -> bytes:
        msg_key = self._digest(body, self._ours)
        return msg_key + self._stream(msg_key, self._ours).update(body)

    def open(self, packet: bytes) -> bytes | None:
        """The body; None for what nobody with the key has sent to us."""
        if not SMALLEST <= len(packet) <= LARGEST:
            return None
        msg_key = packet[:KEY_ID]
        body = self._stream(msg_key, self._theirs).update(packet[KEY_ID:])
        return body if hmac.compare_digest(self._digest(body, self._theirs), msg_key) else None

    def _digest(self, body: bytes, x: int) -> bytes:
        return hashlib.sha256(self._key[88 + x : 120 + x] + body).digest()[8:24]

    def _stream(self, msg_key: bytes, x: int) -> CipherContext:
        a = hashlib.sha256(msg_key + self._key[x : x + 36]).digest()
        b = hashlib.sha256(self._key[40 + x : 76 + x] + msg_key).digest()
        key, iv = a[:8] + b[8:24] + a[24:], b[:4] + a[8:16] + b[24:28]
        return Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
