"""Whom messages name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siptg.telegram.lab.accounts import LabAccount
    from siptg.telegram.lab.server import Lab


def mentioned(message: Any) -> list[int]:
    """Ids: both sides, the bot it came through, its first author, and those in its text."""
    forwarded = getattr(message, "fwd_from", None)
    peers = message.from_id, message.peer_id, forwarded and forwarded.from_id
    named = getattr(message, "entities", None) or ()
    ids = [getattr(one, "user_id", None) for one in (*peers, *named)]
    return [n for n in (*ids, getattr(message, "via_bot_id", None)) if n]


def people_in(lab: Lab, messages: Iterable[Any]) -> tuple[LabAccount, ...]:
    """Everybody whom messages name and who has an account, each once."""
    ids = {number: None for message in messages for number in mentioned(message)}
    return tuple(found for n in ids if (found := lab.accounts.get(n)) is not None)
