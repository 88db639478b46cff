"""The server's side of the authorization key exchange (core.telegram.org/mtproto/auth_key)."""

from __future__ import annotations

import os
import time
from hashlib import sha1
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from telethon.crypto import AES, AuthKey
from telethon.extensions import BinaryReader
from telethon.helpers import generate_key_data_from_nonce
from telethon.tl.functions import ReqDHParamsRequest, ReqPqMultiRequest, SetClientDHParamsRequest
from telethon.tl.types import DhGenOk, ResPQ, ServerDHInnerData, ServerDHParamsOk

# RFC 3526 group 14: a safe prime of 2048 bits, p mod 8 = 7, so that 2 is a right generator.
PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
GENERATOR = 2
MARGIN = 1 << (2048 - 64)
_PRIMES = (1229739323, 1402015859, 1511161531, 1650874907, 1839872689, 1931702357)
"""Pairs of these are the client's proof of work."""


def _random_int(size: int) -> int:
    return int.from_bytes(os.urandom(size), "little", signed=True)


class Handshake:
    """One exchange of one connection: `answer` each query, then look at `auth_key`."""

    def __init__(self, key: RSAPrivateKey, fingerprint: int) -> None:
        self._numbers, self._fingerprint = key.private_numbers(), fingerprint
        self._server_nonce = _random_int(16)
        self._new_nonce = 0
        self._exponent = 0
        self._temporary: tuple[bytes, bytes] = (b"", b"")
        self.auth_key: AuthKey | None = None

    def answer(self, payload: bytes) -> bytes:
        """ValueError for anything but the three queries in their order."""
        query = BinaryReader(payload).tgread_object()
        match query:
            case ReqPqMultiRequest():
                return bytes(self._pq(query))
            case ReqDHParamsRequest():
                return bytes(self._params(query))
            case SetClientDHParamsRequest() if self._exponent:
                return bytes(self._finish(query))
        raise ValueError(f"unexpected {type(query).__name__} before the key")

    def _pq(self, query: Any) -> ResPQ:
        at = os.urandom(2)
        p, q = sorted((_PRIMES[at[0] % 3], _PRIMES[3 + at[1] % 3]))
        pq = (p * q).to_bytes(8, "big")
        return ResPQ(query.nonce, self._server_nonce, pq, [self._fingerprint])

    def _params(self, query: Any) -> ServerDHParamsOk:
        n = self._numbers.public_numbers.n
        sealed = int.from_bytes(query.encrypted_data, "big")
        if sealed >= n:
            raise ValueError("encrypted data out of range")
        plain = pow(sealed, self._numbers.d, n).to_bytes(256, "big")[1:]
        inner = BinaryReader(plain[20:]).tgread_object()
        if sha1(bytes(inner)).digest() != plain[:20]:
            raise ValueError("the hash of the inner data differs")
        self._new_nonce = inner.new_nonce
        self._temporary = generate_key_data_from_nonce(self._server_nonce, self._new_nonce)
        self._exponent = int.from_bytes(os.urandom(256), "big")
        g_a = pow(GENERATOR, self._exponent, PRIME).to_bytes(256, "big")
        prime = PRIME.to_bytes(256, "big")
        data = bytes(
            ServerDHInnerData(
                query.nonce, self._server_nonce, GENERATOR, prime, g_a, int(time.time())
            )
        )
        sealed_answer = AES.encrypt_ige(sha1(data).digest() + data, *self._temporary)
        return ServerDHParamsOk(query.nonce, self._server_nonce, sealed_answer)

    def _finish(self, query: Any) -> DhGenOk:
        plain = AES.decrypt_ige(query.encrypted_data, *self._temporary)
        inner = BinaryReader(plain[20:]).tgread_object()
        if sha1(bytes(inner)).digest() != plain[:20]:
            raise ValueError("the hash of the client's data differs")
        g_b = int.from_bytes(inner.g_b, "big")
        if not MARGIN <= g_b <= PRIME - MARGIN:
            raise ValueError("g_b is out of range")
        self.auth_key = AuthKey(pow(g_b, self._exponent, PRIME).to_bytes(256, "big"))
        proof = self.auth_key.calc_new_nonce_hash(self._new_nonce, 1)
        return DhGenOk(query.nonce, self._server_nonce, proof)
