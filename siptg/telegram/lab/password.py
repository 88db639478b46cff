"""Two-step passwords as Telegram checks them: SRP, so that the password itself never comes here
(core.telegram.org/api/srp).
"""

from __future__ import annotations

import hmac
import os
from hashlib import pbkdf2_hmac, sha256
from typing import Any

import attrs
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import Link, Refused

GENERATOR, SIZE = 3, 256
PRIME = int(
    "C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F48198A0AA7C14058229493D2"
    "2530F4DBFA336F6E0AC925139543AED44CCE7C3720FD51F69458705AC68CD4FE6B6B13ABDC97465129693284"
    "54F18FAF8C595F642477FE96BB2A941D5BCD1D4AC8CC49880708FA9B378E3C4F3A9060BEE67CF9A4A4A69581"
    "1051907E162753B56B0F6B410DBA74D8A84B2A14B3144E0EF1284754FD17ED950D5965B4B9DD46582DB1178D"
    "169C6BC465B0D6FF9CA3928FEF5B9AE4E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850C"
    "E929851F0D8115F635B105EE2E4E15D04B2454BF6F4FADF034B10403119CD8E3B92FCC5B",
    16,
)
"""Telegram's own: clients know it as proved."""
MOST_OPEN = 1000


def _hash(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def _bytes(number: int) -> bytes:
    return number.to_bytes(SIZE, "big")


_P, _G = _bytes(PRIME), _bytes(GENERATOR)
_K = int.from_bytes(_hash(_P, _G), "big")


@attrs.frozen
class Password:
    """What a server keeps of a password: two salts and a verifier."""

    salt1: bytes
    salt2: bytes
    verifier: int = attrs.field(repr=False)
    hint: str = ""

    @classmethod
    def of(cls, text: str, hint: str = "") -> Password:
        salt1, salt2 = os.urandom(40), os.urandom(16)
        inner = _hash(salt2, _hash(salt1, text.encode(), salt1), salt2)
        slow = pbkdf2_hmac("sha512", inner, salt1, 100_000)
        x = int.from_bytes(_hash(salt2, slow, salt2), "big")
        return cls(salt1, salt2, pow(GENERATOR, x, PRIME), hint)

    @property
    def algorithm(self) -> Any:
        return tl.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow(
            self.salt1, self.salt2, GENERATOR, _P
        )


@attrs.frozen
class Exchange:
    """One question for a password: our half of the exchange, good for one answer."""

    password: Password
    secret: int = attrs.field(repr=False)
    public: int

    @classmethod
    def begin(cls, password: Password) -> Exchange:
        secret = int.from_bytes(os.urandom(SIZE), "big")
        public = (_K * password.verifier + pow(GENERATOR, secret, PRIME)) % PRIME
        return cls(password, secret, public)

    def proved(self, a: bytes, m1: bytes) -> bool:
        """Whether who sent `a` knows the password: her M1 is ours."""
        number = int.from_bytes(a, "big")
        if len(a) != SIZE or not 1 < number < PRIME - 1:
            return False
        b = _bytes(self.public)
        u = int.from_bytes(_hash(a, b), "big")
        shared = pow(number * pow(self.password.verifier, u, PRIME) % PRIME, self.secret, PRIME)
        mixed = bytes(x ^ y for x, y in zip(_hash(_P), _hash(_G), strict=True))
        ours = _hash(
            mixed,
            _hash(self.password.salt1),
            _hash(self.password.salt2),
            a,
            b,
            _hash(_bytes(shared)),
        )
        return hmac.compare_digest(ours, m1)


@handles(fn.account.GetPasswordRequest)
def get_password(link: Link, _: Any) -> tl.account.Password:
    state = link.lab.sign_ins
    account = link.account or state.half_in.get(link.session.key_id)
    if account is None:
        raise Refused(401, "AUTH_KEY_UNREGISTERED")
    new = tl.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow(
        os.urandom(8), os.urandom(16), GENERATOR, _P
    )
    secure = tl.SecurePasswordKdfAlgoPBKDF2HMACSHA512iter100000(os.urandom(8))
    kept = state.passwords.get(account.id)
    if kept is None:
        return tl.account.Password(new, secure, os.urandom(256))
    number = int.from_bytes(os.urandom(7), "big")
    exchange = state.exchanges[number] = Exchange.begin(kept)
    while len(state.exchanges) > MOST_OPEN:
        del state.exchanges[next(iter(state.exchanges))]
    return tl.account.Password(
        new,
        secure,
        os.urandom(256),
        has_password=True,
        current_algo=kept.algorithm,
        srp_B=_bytes(exchange.public),
        srp_id=number,
        hint=kept.hint or None,
    )


@handles(fn.auth.CheckPasswordRequest)
def check_password(link: Link, query: Any) -> tl.auth.Authorization:
    state, key = link.lab.sign_ins, link.session.key_id
    account = state.half_in.get(key)
    if account is None:
        raise Refused(401, "AUTH_KEY_UNREGISTERED")
    exchange = state.exchanges.pop(getattr(query.password, "srp_id", 0), None)
    if exchange is None or exchange.password is not state.passwords.get(account.id):
        raise Refused(400, "SRP_ID_INVALID")
    if not exchange.proved(query.password.A, query.password.M1):
        state.wrong_passwords[account.id] += 1
        if state.wrong_passwords[account.id] >= state.most_passwords:
            raise Refused(420, "FLOOD_WAIT_3600")
        raise Refused(400, "PASSWORD_HASH_INVALID")
    state.wrong_passwords.pop(account.id, None)
    del state.half_in[key]
    return state.let_in(link, account)
