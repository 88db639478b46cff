"""The server's side of the authorization key exchange (core.telegram.org/mtproto/auth_key).

Simpler than Telegram: a new key costs the client a small factorization; exponents have 256 bits;
no temporary keys; the padding is the older one, with SHA-1, as Telethon makes it.
"""

from __future__ import annotations

import os
import time
from hashlib import sha1
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from telethon.crypto import AES, AuthKey
from telethon.helpers import generate_key_data_from_nonce
from telethon.tl.functions import ReqDHParamsRequest, ReqPqMultiRequest, SetClientDHParamsRequest
from telethon.tl.types import DhGenOk, ResPQ, ServerDHInnerData, ServerDHParamsOk

from siptg.telegram.lab.reading import read

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
_PRIMES = (1230000047, 1400000023, 1510000003, 1650000049, 1840000007, 1930000001)
"""Pairs of these are the client's proof of work."""


def _random_int(size: int) -> int:
    return int.from_bytes(os.urandom(size), "little", signed=True)


class Handshake:
    """One exchange of one connection: `answer` each query, then look at `auth_key`."""

    def __init__(self, key: RSAPrivateKey, fingerprint: int) -> None:
        self._numbers, self._fingerprint = key.private_numbers(), fingerprint
        self._nonce, self._server_nonce = 0, _random_int(16)
        self._new_nonce, self._factors = 0, (b"", b"")
        self._exponent = 0
        self._temporary: tuple[bytes, bytes] = (b"", b"")
        self.auth_key: AuthKey | None = None

    def answer(self, payload: bytes) -> bytes:
        """ValueError for anything but the three queries in their order."""
        query = read(payload)
        if isinstance(query, ReqPqMultiRequest):
            return bytes(self._pq(query))
        self._same(query)
        match query:
            case ReqDHParamsRequest() if self._factors == (query.p, query.q):
                return bytes(self._params(query))
            case SetClientDHParamsRequest() if self._exponent:
                return bytes(self._finish(query))
        raise ValueError(f"unexpected {type(query).__name__} before the key")

    def _pq(self, query: Any) -> ResPQ:
        at = os.urandom(2)
        p, q = sorted((_PRIMES[at[0] % 3], _PRIMES[3 + at[1] % 3]))
        pq = (p * q).to_bytes(8, "big")
        self._nonce, self._factors = query.nonce, (p.to_bytes(4, "big"), q.to_bytes(4, "big"))
        return ResPQ(query.nonce, self._server_nonce, pq, [self._fingerprint])

    def _params(self, query: Any) -> ServerDHParamsOk:
        if query.public_key_fingerprint != self._fingerprint:
            raise ValueError("another key's fingerprint")
        inner = _proved(self._decrypted(query.encrypted_data)[1:])
        self._same(inner)
        self._new_nonce = inner.new_nonce
        self._temporary = generate_key_data_from_nonce(self._server_nonce, self._new_nonce)
        self._exponent = int.from_bytes(os.urandom(32), "big") | 1 << 255
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
        if len(query.encrypted_data) % 16:
            raise ValueError("no whole blocks")
        inner = _proved(AES.decrypt_ige(query.encrypted_data, *self._temporary))
        self._same(inner)
        g_b = int.from_bytes(inner.g_b, "big")
        if not MARGIN <= g_b <= PRIME - MARGIN:
            raise ValueError("g_b is out of range")
        self.auth_key = AuthKey(pow(g_b, self._exponent, PRIME).to_bytes(256, "big"))
        proof = self.auth_key.calc_new_nonce_hash(self._new_nonce, 1)
        return DhGenOk(query.nonce, self._server_nonce, proof)

    def _same(self, value: Any) -> None:
        """The numbers that name this exchange, in each of its messages."""
        if (value.nonce, value.server_nonce) != (self._nonce, self._server_nonce):
            raise ValueError("the nonces of another exchange")

    def _decrypted(self, data: bytes) -> bytes:
        """RSA, by the two primes: a quarter of the work."""
        own, sealed = self._numbers, int.from_bytes(data, "big")
        if sealed >= own.public_numbers.n:
            raise ValueError("encrypted data out of range")
        a, b = pow(sealed, own.dmp1, own.p), pow(sealed, own.dmq1, own.q)
        return ((a - b) * own.iqmp % own.p * own.q + b).to_bytes(256, "big")


def _proved(plain: bytes) -> Any:
    """What stands behind its own SHA-1."""
    inner = read(plain[20:])
    if sha1(bytes(inner)).digest() != plain[:20]:
        raise ValueError("the hash of the inner data differs")
    return inner
