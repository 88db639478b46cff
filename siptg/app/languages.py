"""The language that a person chose: `/language ru` in the chat (BT-7)."""

from __future__ import annotations

import re

from siptg.app.texts import TEXTS

_CHOICE = re.compile(r"/lang(?:uage)?(?:[ _](?P<language>[A-Za-z]{2,3}))?\s*")


def chosen(text: str) -> str | None:
    """The language asked for, empty where the question is which there are; None for no such
    command.
    """
    found = _CHOICE.fullmatch(text.strip())
    if found is None:
        return None
    language = (found["language"] or "").lower()
    return language if language in TEXTS.languages else ""


def commands() -> str:
    return " ".join(f"/language_{language}" for language in sorted(TEXTS.languages))
