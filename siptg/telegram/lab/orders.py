"""What is typed at a lab phone, as values. Pure."""

from __future__ import annotations

import attrs

HELP = {
    "chat": ("NAME", "open the chat with a user name; lines without a colon go there"),
    "press": (
        "KEY",
        "press a button of the newest card, by label or number; `:5` for short",
    ),
    "call": ("[NAME]", "call who is in the open chat, or somebody by user name"),
    "answer": ("", "answer who calls"),
    "decline": ("", "decline who calls"),
    "hangup": ("", "end the call"),
    "say": ("SOUND", "say `tone:440/2000`, `busy:de`, or a sound file; `:say nothing` ends it"),
    "mute": ("on|off", "switch the microphone"),
    "hear": ("", "what is heard now: pitch and level"),
    "record": ("FILE", "record the call: left what is said here, right what is heard"),
    "wait": ("SECONDS", "do nothing for a while; for scripts"),
    "expect": ("TEXT", "wait until a line with this text was shown since the last order to wait"),
    "help": ("", "these lines"),
    "quit": ("", "hang up and leave"),
}
"""Verb → (what follows it, what it does)."""
_NEEDS = {verb for verb, (what, _) in HELP.items() if what and not what.startswith("[")}


class NotUnderstood(ValueError):
    """The text says what was expected."""


@attrs.frozen
class Order:
    verb: str
    """One of `HELP`, or `write` for a line of chat."""
    what: str = ""


def read(line: str) -> Order | None:
    """A typed line; None for an empty one, NotUnderstood for no order."""
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    if not line.startswith(":"):
        return Order("write", line.removeprefix("\\"))
    verb, _, what = line[1:].partition(" ")
    what = what.strip()
    if verb and not verb[0].isalpha():
        return Order("press", line[1:].strip())
    known = [name for name in HELP if name.startswith(verb.lower())] if verb else []
    if verb.lower() in HELP:
        known = [verb.lower()]
    if len(known) != 1:
        raise NotUnderstood(f":{verb}? One of {', '.join(f':{name}' for name in HELP)} expected")
    if known[0] in _NEEDS and not what:
        raise NotUnderstood(f":{known[0]} {HELP[known[0]][0]} expected")
    if known[0] == "mute" and what not in ("on", "off"):
        raise NotUnderstood(":mute on, or :mute off, expected")
    if known[0] == "wait":
        try:
            good = 0 <= float(what) <= 3600
        except ValueError:
            good = False
        if not good:
            raise NotUnderstood(":wait and up to 3600 seconds expected")
    return Order(known[0], what)


def lesson() -> list[str]:
    """What can be typed, a line each."""
    heads = {verb: f":{verb} {what}".strip() for verb, (what, _) in HELP.items()}
    width = max(map(len, heads.values()))
    return [f"{heads[verb]:{width}}  {does}" for verb, (_, does) in HELP.items()]
