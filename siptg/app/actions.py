"""What the buttons of the product's cards do."""

from __future__ import annotations

import attrs

from siptg.telegram.chat.actions import Action, Actions


@attrs.frozen
class Key(Action):
    """A key of the keypad (SP-15)."""

    code = "k"
    symbol: str

    @property
    def typed(self) -> str:
        return self.symbol


@attrs.frozen
class HangUp(Action):
    """End the call."""

    code, word = "h", "end"


ACTIONS = Actions(Key, HangUp)
