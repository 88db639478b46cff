"""What is pressed on a telephone's keypad: keys in turn, each for its time, or held and let go."""

from __future__ import annotations

from collections import deque

import attrs

KEYS = "0123456789*#ABCD"
"""In the order of RFC 4733's events 0 to 15 (§3.2)."""
FLASH = "!"
"""The hook pressed for a moment: event 16 of RFC 2833, which telephones still send."""
TONE, PAUSE = 100, 60
"""Milliseconds that a key sounds, and that are silent behind it, where nothing else is said."""
SHORTEST, LONGEST = 40, 60_000
"""ITU-T Q.24: what sounds for less than 40 ms need not be heard. A key that is never let go is let
go after a minute, for no audio is sent meanwhile.
"""
MOST_QUEUED = 256


@attrs.frozen
class Key:
    """A key that was pressed and let go."""

    symbol: str
    milliseconds: int
    """How long it sounded, as far as that was heard."""


@attrs.define(eq=False)
class Press:
    """A key that waits for its turn, or has it."""

    symbol: str
    milliseconds: int
    """0: it is held until it is let go."""


@attrs.define(eq=False)
class Keypad:
    """The keys that are to be sent. How they sound is for those who inherit it: they take the first
    of `_queue`, keep `_sounded`, and call `_done` behind its pause.
    """

    pause: int = attrs.field(default=PAUSE, kw_only=True)
    _queue: deque[Press] = attrs.field(init=False, factory=deque)
    _held: Press | None = attrs.field(init=False, default=None)
    _sounded: int = attrs.field(init=False, default=0)
    """Milliseconds of the first key that are sent."""

    def press(self, digits: str, milliseconds: int = TONE) -> None:
        """One key behind the other. ValueError for what is no key, a length that is none of a key,
        and more keys than are sensible at once; then none of them is pressed.
        """
        if not SHORTEST <= milliseconds <= LONGEST:
            raise ValueError(f"a key sounds {SHORTEST} to {LONGEST} ms, not {milliseconds}")
        presses = [Press(self._symbol(digit), milliseconds) for digit in digits]
        self._room_for(len(presses))
        self._queue.extend(presses)

    def start(self, key: str) -> None:
        """Press a key and hold it until `stop`; ValueError as for `press`."""
        symbol = self._symbol(key)
        self._room_for(1)
        self.stop()
        self._held = Press(symbol, 0)
        self._queue.append(self._held)

    def stop(self) -> None:
        """Let go of what is held; if its turn has not come yet, it will sound as any other."""
        held, self._held = self._held, None
        if held is not None and not held.milliseconds:
            sounding = held is self._queue[0] and self._sounded
            held.milliseconds = max(self._sounded, SHORTEST) if sounding else TONE

    @property
    def busy(self) -> bool:
        """Something is to be sent still, be it the pause behind the last key."""
        return bool(self._queue)

    def _length(self, first: Press) -> int:
        """Milliseconds that the first key shall sound; one that is held has no end in sight."""
        if not first.milliseconds and self._sounded >= LONGEST:
            first.milliseconds = LONGEST
        return first.milliseconds or LONGEST

    def _done(self) -> None:
        self._queue.popleft()
        self._sounded = 0

    def _room_for(self, count: int) -> None:
        if len(self._queue) + count > MOST_QUEUED:
            raise ValueError(f"more than {MOST_QUEUED} keys at once")

    @staticmethod
    def _symbol(key: str) -> str:
        symbol = key.upper()
        if len(symbol) != 1 or symbol not in KEYS + FLASH:
            raise ValueError(f"not a key: {key!r}")
        return symbol
