"""Texts: both languages say the same things, in forms that fit their numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from siptg.app import cards
from siptg.app.causes import Cause
from siptg.app.languages import chosen, commands
from siptg.app.legs import Party, Sound
from siptg.app.texts import TEXTS, Texts
from siptg.app.texts.catalogue import places
from siptg.app.texts.plurals import FORMS, form

APP = Path(cards.__file__).parent
EN, RU = TEXTS.languages["en"], TEXTS.languages["ru"]


@pytest.mark.product("BT-7")
def test_both_files_have_the_same_ids_and_places() -> None:
    assert EN.keys() == RU.keys()
    assert [id for id in EN if places(EN[id]) != places(RU[id])] == []


@pytest.mark.product("BT-7")
def test_texts_with_a_number_have_all_forms_of_their_language() -> None:
    for language, texts in TEXTS.languages.items():
        for id, entry in texts.items():
            if not isinstance(entry, str):
                assert entry.keys() == FORMS[language], (language, id)
                assert "count" in places(entry)


def test_every_id_that_the_code_names_is_there_and_every_cause_has_words() -> None:
    named = {
        found
        for path in APP.rglob("*.py")
        for found in re.findall(r'words\(\s*"([a-z_]+\.\w+)"', path.read_text())
    }
    assert len(named) > 10 and named <= EN.keys()
    assert {f"cause.{cause.value}" for cause in Cause} <= EN.keys()
    assert {f"card.sound_{s.value}" for s in Sound if s is not Sound.GOOD} <= EN.keys()


@pytest.mark.parametrize(
    "count, russian",
    [
        *((n, "many") for n in (0, 5, 11, 12, 14, 25, 111, 112)),
        *((n, "one") for n in (1, 21, 101)),
        *((n, "few") for n in (2, 4, 22)),
    ],
)
def test_russian_and_english_numbers(count: int, russian: str) -> None:
    assert form("ru", count) == russian
    assert form("en", count) == ("one" if count == 1 else "other")
    told = str(TEXTS.of("ru")("note.missed_while_away", count=count))
    ending = {"one": "пропущенный звонок", "few": "пропущенных звонка"}
    assert told.endswith(f"{count} {ending.get(russian, 'пропущенных звонков')}")


@pytest.mark.product("BT-7")
def test_a_missing_text_is_english_and_counted() -> None:
    texts = Texts({"en": {"a.b": "{n} of us"}, "ru": {}})
    assert str(texts.of("ru")("a.b", n=3)) == "3 of us"
    assert texts.missing == {"ru a.b": 1}
    with pytest.raises(KeyError):
        texts.of("ru")("a.c")


def test_a_language_is_found_by_its_tag_and_unknown_ones_are_english() -> None:
    assert [TEXTS.of(tag).language for tag in ("ru", "ru-RU", "RU_ru", "de", "")] == [
        "ru",
        "ru",
        "ru",
        "en",
        "en",
    ]


def test_a_language_is_chosen_by_a_command() -> None:
    typed = ("/language ru", "/language_en", "/lang RU", "/language", "/language xx", "ru")
    assert [chosen(text) for text in typed] == ["ru", "en", "ru", "", "", None]
    assert commands() == "/language_en /language_ru"


def test_cards_are_in_her_language() -> None:
    ru = TEXTS.of("ru")
    assert str(cards.ringing(ru, Party("")).text) == "Вызов идёт: номер скрыт"
    ended = cards.ended(ru, Party("100"), True, 61.0, Cause.BUSY, "486 Busy Here")
    assert str(ended) == "↙ 100 · 1:01 · занято; перезвоните позже [486 Busy Here]"
