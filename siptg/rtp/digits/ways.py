"""One digit out of the several ways in which a key may come, and the way to send one. Pure."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable

import attrs


class Way(enum.StrEnum):
    """How a key travels; the values are what accounts write."""

    RFC4733 = "rfc4733"
    """An event in the RTP stream."""
    INFO = "info"
    """A SIP request."""
    INBAND = "inband"
    """Tones in the audio."""


def way(preferences: Iterable[str], events_agreed: bool, info_allowed: bool) -> Way | None:
    """The first of the ways preferred that the other end takes; None where it takes none of them.

    Tones are audio and go wherever a call goes. ValueError for a name that is none of a way.
    """
    taken = {Way.RFC4733: events_agreed, Way.INFO: info_allowed, Way.INBAND: True}
    return next((name for name in map(Way, preferences) if taken[name]), None)


@attrs.define(eq=False)
class _Press:
    """A digit that was passed on, and by which ways it was heard."""

    symbol: str
    at: float
    ways: set[Way]


@attrs.define(eq=False)
class Digits:
    """Passes each press on once, by whichever ways it comes.

    Each way tells a press once; so two from the same way are two presses, and one from another way
    is the earliest that this way has not told yet.

    Once the other end has sent a key as an event or by INFO, tones are not listened to any more:
    who can send events has no need of tones, and what is left of them in its audio (a gateway's
    leak, music that resembles a key) could only be a double or a mistake. That lasts until
    `forget`.
    """

    window: float = attrs.field(default=2.0, kw_only=True)
    """Seconds within which two ways tell of the same press: an INFO may have to be sent again."""
    doubles: int = attrs.field(init=False, default=0)
    """Heard by a second way."""
    unheeded: int = attrs.field(init=False, default=0)
    """Tones of an end that sends events."""
    flooded: int = attrs.field(init=False, default=0)
    """More than fingers or diallers can press."""
    _events: bool = attrs.field(init=False, default=False)
    _recent: deque[_Press] = attrs.field(init=False, factory=lambda: deque(maxlen=64))
    _left: float = attrs.field(init=False, default=32.0)
    _filled: float | None = attrs.field(init=False, default=None)

    AT_ONCE, A_SECOND = 32.0, 16.0
    """Digits let through: those that a stalled network kept, and as Q.24's fastest dialler."""

    def heard(self, by: Way, symbols: str, now: float) -> str:
        """What of it is to be passed on: all, some or nothing."""
        if by is not Way.INBAND:
            self._events = True
        elif self._events:
            self.unheeded += len(symbols)
            return ""
        return "".join(symbol for symbol in symbols if self._is_new(by, symbol, now))

    def forget(self) -> None:
        """The other end is another one now, or has agreed to other ways (a re-INVITE to another
        address, or without events): what was heard says nothing about what will be.
        """
        self._events = False

    def _is_new(self, by: Way, symbol: str, now: float) -> bool:
        recent = self._recent
        while recent and now - recent[0].at > self.window:
            recent.popleft()
        for press in recent:
            if press.symbol == symbol and by not in press.ways:
                press.ways.add(by)
                self.doubles += 1
                return False
        if self._filled is not None:
            more = max(0.0, now - self._filled) * self.A_SECOND
            self._left = min(self.AT_ONCE, self._left + more)
        self._filled = now
        if self._left < 1:
            self.flooded += 1
            return False
        self._left -= 1
        recent.append(_Press(symbol, now, {by}))
        return True
