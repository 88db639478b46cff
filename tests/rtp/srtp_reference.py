"""SRTP a second time, straight from the RFCs and slow: what libsrtp seals is compared with it.

Protects only. The vectors of RFC 3711, 6188 and 7714 are held against this; then it may judge.
"""

from __future__ import annotations

import hashlib
import hmac

import attrs
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

GCM = ("AEAD_AES_128_GCM", "AEAD_AES_256_GCM")


def keystream(key: bytes, iv: int, length: int) -> bytes:
    """AES in counter mode (RFC 3711 §4.1.1)."""
    cipher = Cipher(algorithms.AES(key), modes.CTR(iv.to_bytes(16, "big")))
    return cipher.encryptor().update(bytes(length))


def derive(key: bytes, salt: bytes, label: int, length: int) -> bytes:
    """RFC 3711 §4.3.1, of a key derivation rate of 0; short salts as in RFC 7714 §11."""
    x = int.from_bytes(salt.ljust(14, b"\0"), "big") ^ label << 48
    return keystream(key, x << 16, length)


@attrs.frozen
class Keys:
    """Of a session: for RTP, or for RTCP."""

    cipher: bytes
    auth: bytes
    salt: bytes


@attrs.frozen
class Reference:
    suite: str
    rtp: Keys
    rtcp: Keys

    @classmethod
    def of(cls, suite: str, master: bytes) -> Reference:
        salted = 12 if suite in GCM else 14
        key, salt = master[:-salted], master[-salted:]

        def keys(label: int) -> Keys:
            return Keys(
                derive(key, salt, label, len(key)),
                derive(key, salt, label + 1, 20),
                derive(key, salt, label + 2, salted),
            )

        return cls(suite, keys(0), keys(3))

    def protect(self, packet: bytes, rollover: int = 0) -> bytes:
        """One without extension and CSRC."""
        header, payload = packet[:12], packet[12:]
        index, ssrc = rollover << 16 | int.from_bytes(packet[2:4], "big"), packet[8:12]
        if self.suite in GCM:  # RFC 7714 §8
            return header + self._gcm(self.rtp, index, ssrc, payload, header)
        sealed = header + self._counter(self.rtp, index, ssrc, payload)
        tag = self._tag(self.rtp, sealed + rollover.to_bytes(4, "big"))
        return sealed + tag[: 4 if self.suite.endswith("_32") else 10]

    def protect_rtcp(self, packet: bytes, index: int) -> bytes:
        header, body, ssrc = packet[:8], packet[8:], packet[4:8]
        word = (1 << 31 | index).to_bytes(4, "big")
        if self.suite in GCM:  # RFC 7714 §9
            return header + self._gcm(self.rtcp, index, ssrc, body, header + word) + word
        sealed = header + self._counter(self.rtcp, index, ssrc, body) + word
        return sealed + self._tag(self.rtcp, sealed)[:10]

    def _counter(self, keys: Keys, index: int, ssrc: bytes, data: bytes) -> bytes:
        iv = int.from_bytes(keys.salt, "big") << 16
        iv ^= int.from_bytes(ssrc, "big") << 64 ^ index << 16
        stream = keystream(keys.cipher, iv, len(data))
        return bytes(a ^ b for a, b in zip(data, stream, strict=True))

    def _gcm(self, keys: Keys, index: int, ssrc: bytes, data: bytes, header: bytes) -> bytes:
        iv = bytes(2) + ssrc + index.to_bytes(6, "big")
        nonce = bytes(a ^ b for a, b in zip(iv, keys.salt, strict=True))
        return AESGCM(keys.cipher).encrypt(nonce, data, header)

    def _tag(self, keys: Keys, data: bytes) -> bytes:
        return hmac.new(keys.auth, data, hashlib.sha1).digest()
