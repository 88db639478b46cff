"""What buttons do, as values, and as the few bytes that a button carries."""

from __future__ import annotations

from typing import ClassVar

import attrs

MOST_BYTES = 49
"""What a button's 64 bytes leave for its action (see `stamp`)."""
_BETWEEN = "\x1f"


@attrs.frozen
class Action:
    """A kind of action is a frozen class of its own; its fields are texts and whole numbers."""

    code: ClassVar[str] = ""
    """Its kind in the button's bytes; short, and never changed."""
    word: ClassVar[str] = ""
    """The command that does the same where there are no buttons, without its slash."""
    lasting: ClassVar[bool] = False
    """It may be pressed on a card that is no longer live, also after a restart."""

    @property
    def typed(self) -> str:
        """What a person types for it; one character alone is a key of a keypad."""
        return f"/{self.word or self.code}"


class Actions:
    """The kinds that an application knows: `Actions(Key, HangUp)`."""

    def __init__(self, *kinds: type[Action]) -> None:
        self._kinds = {kind.code: kind for kind in kinds}
        if len(self._kinds) != len(kinds):
            raise ValueError("two kinds of action have the same code")

    def encode(self, action: Action) -> bytes:
        """ValueError where it does not fit into a button, or its kind is not known here."""
        if self._kinds.get(action.code) is not type(action):
            raise ValueError(f"{type(action).__name__} is not among the known actions")
        values = [str(value) for value in attrs.astuple(action, recurse=False)]
        data = _BETWEEN.join([action.code, *values]).encode()
        if len(data) > MOST_BYTES or any(_BETWEEN in value for value in values):
            raise ValueError(f"{action} does not fit into a button")
        return data

    def decode(self, data: bytes) -> Action | None:
        """None for what none of our buttons carries."""
        code, *values = data.decode("utf-8", "replace").split(_BETWEEN)
        kind = self._kinds.get(code)
        fields = attrs.fields(kind) if kind is not None else ()
        if kind is None or len(fields) != len(values):
            return None
        try:
            given = [
                int(v) if f.type in (int, "int") else v for f, v in zip(fields, values, strict=True)
            ]
        except ValueError:
            return None
        return kind(*given)
