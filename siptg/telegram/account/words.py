"""What Telegram's words mean to who signs in."""

from __future__ import annotations

from siptg.telegram.account.health import health_of
from siptg.telegram.people import TelegramRefused

WORDS = {
    "PHONE_CODE_INVALID": "that is not the code",
    "PHONE_CODE_EMPTY": "no code was given",
    "PHONE_CODE_EXPIRED": "the code is no longer good, a new one is sent",
    "PHONE_NUMBER_INVALID": "that is no phone number: write it with its country, +49301234567",
    "PHONE_NUMBER_UNOCCUPIED": "no Telegram account has this number: make one in a Telegram app",
    "PHONE_NUMBER_FLOOD": "codes for this number were asked for too often: try again tomorrow",
    "PHONE_PASSWORD_FLOOD": "there were too many tries to sign in: try again tomorrow",
    "PHONE_PASSWORD_PROTECTED": "this number can be signed in only with its password",
    "PASSWORD_HASH_INVALID": "that is not the password",
    "SRP_ID_INVALID": "the password came too late, or was changed meanwhile",
    "SESSION_PASSWORD_NEEDED": "the account has a two-step password, and none was given",
    "SEND_CODE_UNAVAILABLE": "Telegram has no further way to send the code: use the one that came",
    "QR_CODE_NOT_READ": "nobody has read the QR code",
    "AUTH_RESTART": "Telegram wants the sign-in to begin again: run the command again",
    "NOT_REACHED": "Telegram was not reached: is this machine on the network?",
}


def in_words(refused: TelegramRefused) -> str:
    """A sentence for a refusal, with Telegram's own word behind it."""
    word = refused.text
    if refused.seconds:
        return f"Telegram wants {_span(refused.seconds)} of rest before the next try [{word}]"
    health = health_of(word)
    if health is not None and word not in WORDS:
        return str(health)
    return f"{WORDS[word]} [{word}]" if word in WORDS else f"Telegram says {word}"


def _span(seconds: float) -> str:
    """90 → `90 seconds`, 3600 → `60 minutes`, 86400 → `24 hours`."""
    for size, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.0f} {name if seconds > size else name[:-1]}"
    return f"{seconds:.0f} seconds"
