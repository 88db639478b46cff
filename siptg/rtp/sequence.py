"""Numbers that wrap: 16-bit sequence numbers and 32-bit timestamps (RFC 3550 §5.1)."""

from __future__ import annotations


def ahead(a: int, b: int, bits: int = 16) -> int:
    """How far `a` is ahead of `b` on a circle of 2**bits; negative where it is behind."""
    half = 1 << (bits - 1)
    return (a - b + half) % (1 << bits) - half


class Unwrapped:
    """Turns wrapping numbers into ones that go on: each is read as near to the last as can be."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._last: int | None = None

    def __call__(self, number: int) -> int:
        if self._last is None:
            self._last = number
        else:
            self._last += ahead(number, self._last % (1 << self._bits), self._bits)
        return self._last
