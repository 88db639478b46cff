"""Which way cards take to a chat: a way that failed is left alone for a while. Pure."""

from __future__ import annotations

import attrs

from siptg.telegram.people import TelegramRefused

FIRST_PAUSE, LONGEST_PAUSE = 30.0, 3600.0
"""Seconds; each failure in a row doubles the pause."""
MOST_CHATS = 10_000
EVERYWHERE = 0
"""Instead of a chat: what is wrong is wrong with the bot."""

OF_THE_BOT = frozenset(
    {
        "BOT_INLINE_DISABLED",
        "BOT_INVALID",
        "BOT_RESPONSE_TIMEOUT",
        "NO_FEEDBACK",
        "USERNAME_NOT_OCCUPIED",
    }
)
"""Refusals that would come in any other chat, too."""
AGAIN = frozenset(
    {"QUERY_ID_INVALID", "RESULT_ID_INVALID", "INLINE_RESULT_EXPIRED", "RESULT_ID_EMPTY"}
)
"""The query grew old before its result was sent: the next one will do."""


@attrs.define(eq=False)
class Ways:
    """Remembers where the inline way failed, for each chat and for the bot as a whole."""

    _resting: dict[int, tuple[float, float]] = attrs.field(factory=dict)
    """Chat → (until, pause)."""

    def usable(self, chat: int, now: float) -> bool:
        """Whether a card for this chat should be tried with buttons now."""
        return all(now >= self._resting.get(c, (0.0, 0.0))[0] for c in (EVERYWHERE, chat))

    def failed(self, chat: int, refused: TelegramRefused, now: float) -> None:
        where = EVERYWHERE if refused.text in OF_THE_BOT else chat
        _, last = self._resting.pop(where, (0.0, FIRST_PAUSE / 2))
        pause = min(max(last * 2, refused.seconds), LONGEST_PAUSE)
        self._resting[where] = now + pause, pause
        while len(self._resting) > MOST_CHATS:
            del self._resting[next(iter(self._resting))]

    def worked(self, chat: int) -> None:
        self._resting.pop(chat, None)
        self._resting.pop(EVERYWHERE, None)
