"""Who has an account at the lab, and what was sent to them."""

from __future__ import annotations

import hmac
import os
from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs
from telethon.tl import types as tl

from siptg.telegram.lab.updates import Updates

if TYPE_CHECKING:
    from siptg.telegram.lab.link import Link

MOST_KEPT = 1000
"""Updates of an account that a difference can still tell."""


ALL, NOBODY = tl.PrivacyValueAllowAll, tl.PrivacyValueDisallowAll
CALLS, NUMBER = tl.InputPrivacyKeyPhoneCall, tl.InputPrivacyKeyPhoneNumber
FORWARDS, BY_PHONE = tl.InputPrivacyKeyForwards, tl.InputPrivacyKeyAddedByPhone


def random_id() -> int:
    return int.from_bytes(os.urandom(7), "big")


@attrs.frozen
class Contact:
    """Somebody in an account's contacts, by the names that it gave them."""

    first_name: str
    last_name: str = ""
    phone: str = ""
    """As it stands there; empty where they were added without it."""


@attrs.define(eq=False)
class LabAccount:
    """A user or a bot of the lab."""

    id: int
    first_name: str
    phone: str = ""
    username: str | None = None
    bot_token: str = attrs.field(default="", repr=False)
    secret: bytes = attrs.field(factory=lambda: os.urandom(16), repr=False)
    """What access hashes to this account are made of."""
    contacts: dict[int, Contact] = attrs.field(factory=dict, repr=False)
    privacy: dict[type, list[Any]] = attrs.field(factory=dict)
    """Input privacy key → rules, where they were set."""
    met: set[int] = attrs.field(factory=set, repr=False)
    """Ids of those whom this account knows by more than a mention: it wrote or called, or was
    written to or called, or looked them up.
    """
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
    updates: Updates = attrs.field(factory=Updates, repr=False)
    presses: deque[tuple[Any, tuple[LabAccount, ...]]] = attrs.field(
        factory=lambda: deque(maxlen=MOST_KEPT), repr=False
    )
    """Presses that came while no client of the bot was connected."""

    _hashes: dict[int, int] = attrs.field(factory=dict, repr=False)

    @property
    def is_bot(self) -> bool:
        return bool(self.bot_token)

    @property
    def calls_forbidden(self) -> bool:
        """Privacy: nobody may call."""
        return any(isinstance(rule, NOBODY) for rule in self.rules(CALLS)[:1])

    @calls_forbidden.setter
    def calls_forbidden(self, forbidden: bool) -> None:
        self.privacy[CALLS] = [NOBODY() if forbidden else ALL()]

    def rules(self, key: type) -> list[Any]:
        """Of a privacy key: what was set, or what Telegram begins with."""
        return self.privacy.get(key) or [tl.PrivacyValueAllowContacts() if key is NUMBER else ALL()]

    def allows(self, key: type, other: LabAccount) -> bool:
        """What a privacy key is about, to another account; the first rule that fits decides."""
        for rule in self.rules(key):
            match rule:
                case tl.PrivacyValueAllowAll():
                    return True
                case tl.PrivacyValueAllowContacts() if other.id in self.contacts:
                    return True
                case tl.PrivacyValueAllowUsers() if other.id in rule.users:
                    return True
                case tl.PrivacyValueDisallowAll():
                    return False
                case tl.PrivacyValueDisallowContacts() if other.id in self.contacts:
                    return False
                case tl.PrivacyValueDisallowUsers() if other.id in rule.users:
                    return False
        return False

    def hash_for(self, viewer: LabAccount) -> int:
        """The access hash to this account that another was given; worth nothing to a third."""
        found = self._hashes.get(viewer.id)
        if found is None:
            digest = hmac.digest(self.secret, viewer.id.to_bytes(8, "big"), sha256)
            found = self._hashes[viewer.id] = int.from_bytes(digest[:7], "big")
            if len(self._hashes) > MOST_KEPT:
                del self._hashes[next(iter(self._hashes))]
        return found

    def min_hash_for(self, viewer: LabAccount) -> int:
        """The access hash of a "min" user, which proves nothing."""
        digest = hmac.digest(self.secret, b"min" + viewer.id.to_bytes(8, "big"), sha256)
        return int.from_bytes(digest[:7], "big")

    def user(self, seen_by: LabAccount | None = None) -> tl.User:
        """As another account sees this one: "min" where it has not met it (core.telegram.org/
        api/min).
        """
        if seen_by is not None and seen_by is not self and self.id not in seen_by.met:
            return tl.User(
                self.id,
                min=True,
                bot=self.is_bot,
                access_hash=self.min_hash_for(seen_by),
                first_name=self.first_name,
                username=self.username,
                bot_info_version=1 if self.is_bot else None,
            )
        contact = seen_by.contacts.get(self.id) if seen_by is not None else None
        mine = self is seen_by
        shown = seen_by is not None and (mine or self._shows_number(seen_by, contact))
        return tl.User(
            self.id,
            is_self=mine,
            contact=contact is not None,
            mutual_contact=bool(contact and seen_by and seen_by.id in self.contacts),
            bot=self.is_bot,
            access_hash=self.hash_for(seen_by) if seen_by is not None else None,
            first_name=contact.first_name if contact else self.first_name,
            last_name=(contact.last_name or None) if contact else None,
            username=self.username,
            phone=(self.phone or None) if shown else None,
            bot_info_version=1 if self.is_bot else None,
            bot_inline_placeholder="…" if self.is_bot and self.inline else None,
            lang_code=(self.language or None) if seen_by is not None and seen_by.is_bot else None,
        )

    def _shows_number(self, other: LabAccount, contact: Contact | None) -> bool:
        """To who has it already, and to whom privacy allows it."""
        has_it = contact is not None and contact.phone == self.phone
        return has_it or self.allows(NUMBER, other)

    def next_pts(self) -> int:
        self.pts += 1
        return self.pts

    def notify(self, update: Any, *people: LabAccount, pts: int | None = None) -> None:
        """Tell all clients of the account; what nobody hears now is kept for getDifference."""
        if pts is not None:
            self.kept.append((pts, update, people))
        elif isinstance(update, tl.UpdatePhoneCall):
            self.updates.remember_call(update, people)
        elif not self.links and isinstance(update, tl.UpdateInlineBotCallbackQuery):
            self.presses.append((update, people))
        ring = isinstance(getattr(update, "phone_call", None), tl.PhoneCallRequested)
        for link in list(self.links):
            if not ring or link.takes_calls:
                link.push(update, people)
