"""A message with buttons, as values."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from siptg.telegram.chat.actions import Action
from siptg.telegram.chat.text import Text, text_of


@attrs.frozen
class Button:
    label: str
    action: Action


@attrs.frozen
class Card:
    """Equal cards look equal: one that is shown already is not sent again."""

    text: Text = attrs.field(converter=text_of)
    rows: tuple[tuple[Button, ...], ...] = ()

    def buttons(self) -> Iterator[Button]:
        return (button for row in self.rows for button in row)
