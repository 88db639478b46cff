"""The words and buttons that a person sees in the phone account's chat (SP-8, SP-15)."""

from __future__ import annotations

from typing import Protocol

from siptg.app.causes import Cause, words
from siptg.app.legs import Party, Sound
from siptg.telegram.chat.cards import Button, Card

KEYS = ("123", "456", "789", "*0#")
HANG_UP = "hangup"


class ShownCard(Protocol):
    """A card in a chat. Edits that Telegram slows down are caught up; none of them raises."""

    async def edit(self, card: Card) -> None: ...

    async def retire(self, text: str) -> None:
        """The last edit: buttons go, the text stays as the record."""
        ...


_END = (Button("✖ End", HANG_UP),)


def calling_you(number: str) -> Card:
    return Card(f"Calling you back to dial {number} …", (_END,))


def dialling(number: str, line: str) -> Card:
    return Card(f"Dialling {number} · {line} …", (_END,))


def ringing(party: Party) -> Card:
    return Card(f"It rings: {party}", (_END,))


SOUNDS = {
    Sound.GOOD: "",
    Sound.MUTED: "🔇 Your microphone is off.",
    Sound.NONE: "⚠️ No sound comes from your Telegram.",
    Sound.LOST: "⌛ Your connection is lost; I look for it.",
}


def talking(party: Party, keys: str = "", sound: Sound = Sound.GOOD) -> Card:
    """The keypad; what was pressed, and what is wrong with her sound, stands on it."""
    lines = (str(party), SOUNDS[sound], keys)
    return Card(
        "\n".join(line for line in lines if line),
        (*(tuple(Button(key, key) for key in row) for row in KEYS), _END),
    )


def ended(party: Party, incoming: bool, seconds: float | None, cause: Cause, detail: str) -> str:
    """The record that a card becomes: who, how long, why."""
    arrow = "↙" if incoming else "↗"
    length = "" if seconds is None else f" · {int(seconds) // 60}:{int(seconds) % 60:02}"
    shown = "" if cause is Cause.HANGUP and seconds is not None else f" · {words(cause, detail)}"
    return f"{arrow} {party}{length}{shown}"


def missed(party: Party, line: str, why: Cause) -> str:
    note = "" if why in {Cause.NO_ANSWER, Cause.CANCELLED} else f" · {words(why)}"
    return f"Missed call: {party} · {line}{note}"


ONE_CALL = "End this call first."
NO_LINE = "No line of yours can dial {number}."
NO_PENDING = "Send me a number first."
STRANGER = "This account makes calls for its own users only."
TOO_LATE = "This call is over."
MISSED_BY_US = (
    "I missed your call at {time:%H:%M} UTC ({time:%d.%m.}). Call me again, or send a number."
)
OLD_MESSAGE = "Your message waited while I was away. Send {number} again to dial it."
"""Texts of one line; `{}` are placeholders."""
