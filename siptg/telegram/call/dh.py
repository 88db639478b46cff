"""Key agreement of a call: Diffie-Hellman with all checks that Telegram demands. Pure."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1, sha256

import attrs

from siptg.telegram.call.emoji import EMOJI

SIZE = 256
"""Bytes of p, of public values as numbers, and of the shared key."""
MARGIN = 1 << (2048 - 64)
ROUNDS = 20
"""Of Miller and Rabin: a composite p passes with a chance below 4**-20."""

Chance = Callable[[int], bytes]
"""So many bytes that nobody can guess."""

_proved: set[tuple[int, int]] = set()


class KeyRefused(Exception):
    """Something in the exchange is not as it must be: the call may not go on."""


@attrs.frozen
class Group:
    """p and g as the server gave them, and the version it gave them under."""

    p: int
    g: int
    version: int = 0

    def check(self, chance: Chance) -> None:
        """KeyRefused where p is no safe prime of 2,048 bits or g no generator of its subgroup.

        Groups that passed are remembered: the proof of p takes a good part of a second.
        """
        if (self.p, self.g) in _proved:
            return
        if self.p.bit_length() != 2048:
            raise KeyRefused(f"p has {self.p.bit_length()} bits, 2048 expected")
        p = self.p
        good = {
            2: p % 8 == 7,
            3: p % 3 == 2,
            4: True,
            5: p % 5 in (1, 4),
            6: p % 24 in (19, 23),
            7: p % 7 in (3, 5, 6),
        }
        if not good.get(self.g, False):
            raise KeyRefused(f"g is {self.g}, which does not fit p")
        if not (_is_prime(p, chance) and _is_prime((p - 1) // 2, chance)):
            raise KeyRefused("p is no safe prime")
        if len(_proved) < 16:
            _proved.add((self.p, self.g))

    def check_public(self, value: int) -> None:
        """g_a and g_b, ours and theirs: 1 < x < p − 1, and 2^1984 away from both ends."""
        if not MARGIN <= value <= self.p - MARGIN:
            raise KeyRefused("a public value out of range")


@attrs.frozen
class Secret:
    """Our half of an exchange."""

    group: Group
    exponent: int = attrs.field(repr=False)
    public: bytes
    """g^a, 256 bytes."""

    @classmethod
    def draw(cls, group: Group, chance: Chance, extra: bytes = b"") -> Secret:
        """`extra` is the server's chance, mixed into ours. Drawn anew until the public value is in
        range and has no leading zero byte, on whose form clients do not agree.
        """
        while True:
            own = int.from_bytes(chance(SIZE), "big") ^ int.from_bytes(extra[:SIZE], "big")
            public = pow(group.g, own, group.p)
            if MARGIN <= public <= group.p - MARGIN and public >> 2040:
                return cls(group, own, public.to_bytes(SIZE, "big"))

    @property
    def commitment(self) -> bytes:
        """What the caller says before it shows g_a."""
        return sha256(self.public).digest()

    def agree(self, theirs: bytes) -> SharedKey:
        """With the other public value as it travelled; KeyRefused where it is out of range."""
        value = int.from_bytes(theirs, "big")
        self.group.check_public(value)
        shared = pow(value, self.exponent, self.group.p)
        return SharedKey(shared.to_bytes(SIZE, "big"))


@attrs.frozen
class SharedKey:
    """What both know and nobody else."""

    key: bytes = attrs.field(repr=False)

    @property
    def fingerprint(self) -> int:
        """64 bits of SHA-1, signed, as the server carries them."""
        return int.from_bytes(sha1(self.key).digest()[12:20], "little", signed=True)

    def emoji(self, g_a: bytes) -> str:
        """Four signs that both users can compare by voice; `g_a` as it travelled."""
        digest = sha256(self.key + g_a).digest()
        words = [int.from_bytes(digest[n : n + 8], "big") & (1 << 63) - 1 for n in range(0, 32, 8)]
        return " ".join(EMOJI[word % len(EMOJI)] for word in words)


def check_commitment(g_a: bytes, g_a_hash: bytes) -> None:
    """The callee's check of what the caller promised; the bytes count, not the number."""
    if sha256(g_a).digest() != g_a_hash:
        raise KeyRefused("g_a is not what the caller promised")


def _is_prime(n: int, chance: Chance) -> bool:
    """Miller and Rabin's test."""
    for small in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        if n % small == 0:
            return n == small
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(ROUNDS):
        base = int.from_bytes(chance(SIZE), "big") % (n - 3) + 2
        x = pow(base, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True
