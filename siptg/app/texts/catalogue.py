"""The texts of all languages: one TOML file a language, texts by ids as `card.ringing`.

A text is a string with `{places}`, or a table of plural forms chosen by the value of `count`.
What a language lacks is taken from English and counted; a third language is one more file.
"""

from __future__ import annotations

import string
import tomllib
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import attrs

from siptg.app.texts.plurals import form
from siptg.telegram.chat.text import Text, filled

FALLBACK = "en"
Entry = str | Mapping[str, str]


def places(entry: Entry) -> frozenset[str]:
    """The names of a text's places, in all of its forms."""
    forms = [entry] if isinstance(entry, str) else entry.values()
    return frozenset(
        name for text in forms for _, name, _, _ in string.Formatter().parse(text) if name
    )


class Texts:
    """All languages. `Texts.load()` reads the files that come with the product."""

    def __init__(self, languages: Mapping[str, Mapping[str, Entry]]) -> None:
        self.languages = languages
        self.missing: Counter[str] = Counter()
        """`language id` → how often the English text stood in for it."""

    @classmethod
    def load(cls, folder: Traversable | None = None) -> Texts:
        found = {}
        for file in (folder or files(__package__)).iterdir():
            if file.name.endswith(".toml"):
                table = tomllib.loads(file.read_text(encoding="utf-8"))
                found[file.name.removesuffix(".toml")] = {
                    f"{section}.{key}": entry
                    for section, texts in table.items()
                    for key, entry in texts.items()
                }
        return cls(found)

    def of(self, language: str) -> Words:
        """By a language tag as Telegram gives it (`ru`, `pt-br`); English for unknown ones."""
        bare = language.lower().replace("_", "-").partition("-")[0]
        return Words(self, bare if bare in self.languages else FALLBACK)

    def find(self, language: str, id: str) -> tuple[str, Entry]:
        """The language that has the text, and the text; KeyError where none has it."""
        entry = self.languages[language].get(id)
        if entry is not None:
            return language, entry
        self.missing[f"{language} {id}"] += 1
        return FALLBACK, self.languages[FALLBACK][id]


@attrs.frozen
class Words:
    """One language: `words("card.ringing", party=party)`."""

    texts: Texts = attrs.field(repr=False)
    language: str

    def __call__(self, id: str, **values: Any) -> Text:
        """KeyError for an id that no file has, or a place without a value: a mistake of ours."""
        language, entry = self.texts.find(self.language, id)
        if not isinstance(entry, str):
            chosen = form(language, int(values["count"]))
            entry = entry.get(chosen) or entry["other"]
        return filled(entry, values)


TEXTS = Texts.load()
"""What the product says."""
