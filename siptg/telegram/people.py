"""People on Telegram, and how they can refuse us."""

from __future__ import annotations

import enum

import attrs


@attrs.frozen
class Person:
    """Somebody our account has met."""

    id: int
    access_hash: int = attrs.field(repr=False)
    """Telegram's proof that we met; worth nothing to another account."""
    name: str
    username: str | None = None
    language: str = ""
    """As Telegram tells it (IETF tag), or as they chose; empty where nobody told."""


class TelegramCause(enum.Enum):
    """Why a Telegram call ended, or did not begin."""

    HANGUP = "hangup"
    BUSY = "busy"
    """Busy, or declined: Telegram has one word for both."""
    NO_ANSWER = "no answer"
    UNREACHABLE = "no device was reached"
    ELSEWHERE = "answered or declined on another device"
    LOST = "connection lost"
    FAILED = "no media path"
    SECURITY = "the keys do not match"
    PRIVACY = "privacy settings forbid it"
    BLOCKED = "blocked"
    OLD_CLIENT = "no call protocol in common"
    FLOOD = "Telegram asks to wait"
    SILENT = "Telegram does not answer"
    UNKNOWN = "no such person"
    GONE = "our account is signed out, banned or deleted"
    INTERNAL = "our own fault"


class TelegramRefused(Exception):
    """Telegram said no to a request; the text is Telegram's own word for it."""

    def __init__(self, cause: TelegramCause, text: str, seconds: float = 0.0) -> None:
        super().__init__(text)
        self.cause, self.text = cause, text
        self.seconds = seconds
        """How long Telegram wants us to wait, where it said so."""
