"""A message with buttons, as values."""

from __future__ import annotations

import attrs


@attrs.frozen
class Button:
    label: str
    data: str
    """What comes back when it is pressed; 20 characters at most."""


@attrs.frozen
class Card:
    text: str
    rows: tuple[tuple[Button, ...], ...] = ()
