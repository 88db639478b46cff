"""Cards where there are no buttons: the same card as text with commands, and what is typed back.

One command an action, listed under the card's text; keys of a keypad share one line and are typed
together, in order: `/1 2 3 #`, or `123#` where a star or a hash says that it is no number to call.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from siptg.telegram.chat.actions import Action
from siptg.telegram.chat.cards import Button, Card
from siptg.telegram.chat.text import Text, code

MOST_KEYS = 64
"""Keys of one message."""
_KEYS = re.compile(r"(?P<slash>/?)(?P<keys>[0-9*#A-Da-d ]+)")


def commands(card: Card) -> Iterator[tuple[str, Button]]:
    """Each button that is no key, and its command; commands that would be alike are numbered."""
    named = [button for button in card.buttons() if len(button.action.typed) > 1]
    often, seen = Counter(button.action.typed for button in named), Counter[str]()
    for button in named:
        word = button.action.typed
        seen[word] += 1
        yield (word if often[word] == 1 else f"{word}_{seen[word]}"), button


def keys(card: Card) -> dict[str, Action]:
    """The card's keypad: character → action."""
    return {b.action.typed: b.action for b in card.buttons() if len(b.action.typed) == 1}


def as_text(card: Card) -> Text:
    """The card for a chat without buttons."""
    lines = [code("/" + "".join(keys(card)))] if keys(card) else []
    lines += [Text(f"{command} — {button.label}") for command, button in commands(card)]
    made = card.text
    for n, line in enumerate(lines):
        made = made + ("\n" if n else "\n\n") + line
    return made


def read(card: Card, typed: str) -> tuple[Action, ...]:
    """The actions that a typed reply asks of a card; empty where it is no reply to it."""
    reply, pad = typed.strip(), keys(card)
    for command, button in commands(card):
        if reply.lower() == command.lower():
            return (button.action,)
    found = _KEYS.fullmatch(reply)
    if not pad or found is None or not (found["slash"] or "*" in reply or "#" in reply):
        return ()
    pressed = found["keys"].replace(" ", "").upper()
    if not 0 < len(pressed) <= MOST_KEYS or any(key not in pad for key in pressed):
        return ()
    return tuple(pad[key] for key in pressed)
