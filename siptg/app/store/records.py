"""What the store keeps, as values."""

from __future__ import annotations

from datetime import datetime

import attrs


@attrs.frozen
class KnownPerson:
    """Somebody on Telegram whom the phone account has met."""

    id: int
    access_hash: int = attrs.field(repr=False)
    """Telegram's proof that our account has met them; worth nothing to another account."""
    name: str
    username: str | None = None
    language: str = ""
    """What they read; empty where it is not known."""


@attrs.frozen
class CallRecord:
    """One call of one person. Times are UTC."""

    call: str
    person: int
    line: str
    direction: str
    """`out` or `in`, as the person sees it."""
    party: str
    party_name: str
    began: datetime
    answered: datetime | None
    ended: datetime
    cause: str
    detail: str


@attrs.frozen
class AccountRecord:
    """What is known of a Telegram account of ours. Times are UTC."""

    name: str
    """Of its session."""
    kind: str
    """`phone` or `bot`."""
    user: int
    """Its id at Telegram."""
    title: str
    """Name and user name, for people."""
    state: str
    """A value of `AccountState`."""
    word: str
    """Telegram's word behind the state; empty where all is well."""
    seen: datetime | None
    """When Telegram last knew it."""
