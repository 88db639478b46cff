"""Which form of a text goes with a number (CLDR 46, cardinal rules of whole numbers)."""

from __future__ import annotations

from collections.abc import Callable


def _english(n: int) -> str:
    return "one" if n == 1 else "other"


def _russian(n: int) -> str:
    ten, hundred = n % 10, n % 100
    if ten == 1 and hundred != 11:
        return "one"
    if 2 <= ten <= 4 and not 12 <= hundred <= 14:
        return "few"
    return "many"


RULES: dict[str, Callable[[int], str]] = {"en": _english, "ru": _russian}
FORMS = {"en": frozenset({"one", "other"}), "ru": frozenset({"one", "few", "many", "other"})}
"""The forms that a text with a number has in each language; `other` is for fractions in Russian."""


def form(language: str, count: int) -> str:
    """The CLDR name of the form; English rules for a language without own ones."""
    return RULES.get(language, _english)(abs(count))
