"""Our payload types: what a number once was it stays (RFC 3264 §8.3.2)."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from siptg.rtp.sdp import SdpError

DYNAMIC: tuple[int, ...] = (*range(96, 128), *range(35, 64))
"""In the order of RFC 5761 §4. From 64 to 95 a packet would look like one of RTCP."""


@attrs.define(eq=False)
class Numbers:
    """Those of one stream for the length of its session."""

    _keys: dict[int, str] = attrs.field(factory=dict)
    """Number → `RtpMap.key`. It only grows, to 128 at most."""
    _latest: dict[str, int] = attrs.field(factory=dict)
    """The number that a format has now."""

    def ours(self, key: str, wanted: int | None = None) -> int:
        """For an offer: the number it has, else the one it wants, else one that was never used.

        SdpError when all have been.
        """
        number = self._latest.get(key)
        if number is None:
            number = wanted if wanted is not None and self._free(key, wanted) else self._next()
        return self._bind(key, number)

    def like(self, key: str, theirs: int, wanted: int | None = None) -> int:
        """For an answer: their number (RFC 3264 §6.1) unless it has been something else here."""
        if self._free(key, theirs):
            return self._bind(key, theirs)
        return self.ours(key, wanted)

    def key(self, number: int) -> str | None:
        """What it is bound to."""
        return self._keys.get(number)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return iter(self._keys.items())

    def _free(self, key: str, number: int) -> bool:
        bound = self._keys.get(number)
        return bound == key if bound is not None else not 63 < number < 96

    def _next(self) -> int:
        for number in DYNAMIC:
            if number not in self._keys:
                return number
        raise SdpError("no payload type is left that was never used in this session")

    def _bind(self, key: str, number: int) -> int:
        self._keys[number] = key
        self._latest[key] = number
        return number
