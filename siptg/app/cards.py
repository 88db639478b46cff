"""The words and buttons that a person sees in the phone account's chat (SP-8, SP-15)."""

from __future__ import annotations

from typing import Protocol

from siptg.app.actions import HangUp, Key
from siptg.app.causes import Cause
from siptg.app.legs import Party, Sound
from siptg.app.texts import Words
from siptg.telegram.chat.cards import Button, Card
from siptg.telegram.chat.text import Text

KEYS = ("123", "456", "789", "*0#")
_KEYPAD = tuple(tuple(Button(key, Key(key)) for key in row) for row in KEYS)


class ShownCard(Protocol):
    """A card in a chat. Edits that Telegram slows down are caught up; none of them raises."""

    async def edit(self, card: Card) -> None: ...

    async def retire(self, text: Text) -> None:
        """The last edit: buttons go, the text stays as the record."""
        ...


def _end(words: Words) -> tuple[Button, ...]:
    return (Button(str(words("label.END")), HangUp()),)


def _name(words: Words, party: Party) -> str:
    return str(party) if party.address or party.name else str(words("card.hidden"))


def calling_you(words: Words, number: str) -> Card:
    return Card(words("card.calling_you", number=number), (_end(words),))


def dialling(words: Words, number: str, line: str) -> Card:
    return Card(words("card.dialing", number=number, line=line), (_end(words),))


def ringing(words: Words, party: Party) -> Card:
    return Card(words("card.ringing", party=_name(words, party)), (_end(words),))


def talking(words: Words, party: Party, keys: str = "", sound: Sound = Sound.GOOD) -> Card:
    """The keypad; what was pressed, and what is wrong with her sound, stands on it."""
    text = words("card.talking", party=_name(words, party))
    if sound is not Sound.GOOD:
        text += "\n" + words(f"card.sound_{sound.value}")
    if keys:
        text += f"\n{keys}"
    return Card(text, (*_KEYPAD, _end(words)))


def ended(
    words: Words, party: Party, incoming: bool, seconds: float | None, cause: Cause, detail: str
) -> Text:
    """The record that a card becomes: who, how long, why."""
    text = words("card.ended", direction="↙" if incoming else "↗", party=_name(words, party))
    if seconds is not None:
        text += f" · {int(seconds) // 60}:{int(seconds) % 60:02}"
    if cause is not Cause.HANGUP or seconds is None:
        text += " · " + told(words, cause, detail)
    return text


def missed(words: Words, party: Party, line: str, why: Cause) -> Text:
    text = words("note.missed", party=_name(words, party), line=line)
    return text if why in {Cause.NO_ANSWER, Cause.CANCELLED} else text + " · " + told(words, why)


def told(words: Words, cause: Cause, detail: str = "") -> Text:
    """The sentence, and the other side's own code and words behind it."""
    shown = detail.strip()[:80]
    return words(f"cause.{cause.value}") + (f" [{shown}]" if shown else "")
