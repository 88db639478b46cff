"""Who has an account at the lab, and what was sent to them."""

from __future__ import annotations

import os
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
from telethon.tl import types as tl

if TYPE_CHECKING:
    from siptg.telegram.lab.link import Link

MOST_KEPT = 1000
"""Updates of an account that a difference can still tell."""


def random_id() -> int:
    return int.from_bytes(os.urandom(7), "big")


@attrs.define(eq=False)
class LabAccount:
    """A user or a bot of the lab."""

    id: int
    first_name: str
    phone: str = ""
    username: str | None = None
    bot_token: str = attrs.field(default="", repr=False)
    access_hash: int = attrs.field(factory=random_id, repr=False)
    calls_forbidden: bool = False
    """Privacy: nobody may call."""
    blocked: set[int] = attrs.field(factory=set)
    """Ids of whom this user has blocked."""
    inline: bool = True
    """A bot's inline mode is on (@BotFather /setinline)."""
    inline_feedback: bool = True
    """The bot is told which of its results were sent (@BotFather /setinlinefeedback 100%)."""
    language: str = ""
    """Language of the user's app; only bots are told."""
    pts: int = 1
    links: list[Link] = attrs.field(factory=list, repr=False)
    kept: deque[tuple[int, Any, tuple[LabAccount, ...]]] = attrs.field(
        factory=lambda: deque(maxlen=MOST_KEPT), repr=False
    )
    """(pts, update, people in it): messages and edits, for getDifference."""
    missed: deque[tuple[Any, tuple[LabAccount, ...]]] = attrs.field(
        factory=lambda: deque(maxlen=MOST_KEPT), repr=False
    )
    """News of calls, and presses, that came while no client was connected."""

    @property
    def is_bot(self) -> bool:
        return bool(self.bot_token)

    def user(self, seen_by: LabAccount | None = None) -> tl.User:
        """As another account sees this one."""
        return tl.User(
            self.id,
            is_self=self is seen_by,
            bot=self.is_bot,
            access_hash=self.access_hash,
            first_name=self.first_name,
            username=self.username,
            phone=self.phone or None,
            bot_info_version=1 if self.is_bot else None,
            bot_inline_placeholder="…" if self.is_bot and self.inline else None,
            lang_code=(self.language or None) if seen_by is not None and seen_by.is_bot else None,
        )

    def next_pts(self) -> int:
        self.pts += 1
        return self.pts

    def notify(self, update: Any, *people: LabAccount, pts: int | None = None) -> None:
        """Tell all clients of the account; what nobody hears now is kept for getDifference."""
        if pts is not None:
            self.kept.append((pts, update, people))
        elif not self.links and isinstance(
            update, tl.UpdatePhoneCall | tl.UpdateInlineBotCallbackQuery
        ):
            self.missed.append((update, people))
        ring = isinstance(getattr(update, "phone_call", None), tl.PhoneCallRequested)
        for link in list(self.links):
            if not ring or link.takes_calls:
                link.push(update, people)

    def state(self) -> tl.updates.State:
        return tl.updates.State(self.pts, 0, datetime.now(UTC), 0, 0)
