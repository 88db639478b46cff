"""State machines as tables: a row for each arc of the figure, and a picture from the rows."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any


class Symbol(enum.Enum):
    """A state, or what is given to a machine. Members are alone of their kind, so the hash of the
    object will do: an enum's own is a call in Python, and tables are looked up all the time.
    """

    __hash__ = object.__hash__


Action = Callable[..., None]
Table = Mapping[tuple[Any, Any], tuple[Any, tuple[Action, ...]]]
"""(state, given) → (next state, actions). Keys and next states are members of enums."""


def step(machine: Any, table: Table, given: enum.Enum, *args: Any) -> bool:
    """Take the row for `machine.state` and what came in; False where the figure has no such arc.

    The state changes first, then the actions run in order as `action(machine, *args)`: an action
    that feeds the machine again finds it in its new state.
    """
    row = table.get((machine.state, given))
    if row is None:
        return False
    machine.state, actions = row
    for action in actions:
        action(machine, *args)
    return True


def picture(table: Table, start: enum.Enum) -> str:
    """The table as a Mermaid state diagram: one arrow a row, labelled `given / actions`."""
    lines = ["stateDiagram-v2", f"    [*] --> {start.name}"]
    for (state, given), (then, actions) in table.items():
        did = ", ".join(action.__name__.strip("_") for action in actions) or "absorb"
        lines.append(f"    {state.name} --> {then.name}: {given.name} / {did}")
    return "\n".join(lines) + "\n"
