"""Versions of calls: what is spoken, what is offered, and what is said where nothing fits."""

from __future__ import annotations

import pytest

from siptg.telegram.settings import TelegramSettings
from siptg.telegram.signalling.acknowledged import AcknowledgedFraming
from siptg.telegram.signalling.simple import SimpleFraming
from siptg.telegram.signalling.versions import (
    OFFERED,
    VERSIONS,
    agreed,
    nothing_in_common,
    unknown,
)
from tests.support.signals import cipher


def numbers(name: str) -> list[int]:
    return [int(part) for part in name.split(".")]


def test_all_that_works_is_offered_newest_first_and_experiments_are_not() -> None:
    assert {"13.0.0", "12.0.0", "9.0.0", "8.0.0", "7.0.0"} <= set(OFFERED)
    assert "14.0.0" in VERSIONS and "14.0.0" not in OFFERED
    for names in (OFFERED, tuple(VERSIONS)):
        assert list(names) == sorted(names, key=numbers, reverse=True)
    assert TelegramSettings(1, "hash").versions == OFFERED


@pytest.mark.parametrize("name", ["7.0.0", "8.0.0", "9.0.0", "12.0.0", "13.0.0", "14.0.0"])
async def test_a_version_opens_the_framing_that_it_has(name: str) -> None:
    sent: list[bytes] = []
    channel = VERSIONS[name].open(cipher(caller=True), True, sent.append, sent.append)
    channel.post(b"{}")
    (packet,) = sent
    them = cipher(caller=False)
    if numbers(name) >= [11]:
        assert packet.startswith(b"\x13\x88\x13\x88")
    else:
        reads = AcknowledgedFraming(them) if numbers(name) >= [8] else SimpleFraming(them)
        assert reads.receive(packet, 0.0) == [b"{}"]
    channel.close()


@pytest.mark.parametrize("name", ["13.0.0", "14.0.0"])
def test_muting_is_told_by_signalling_in_14_alone(name: str) -> None:
    told = VERSIONS[name].negotiate(True, 1).mute(True)
    assert len(told) == (name == "14.0.0")


def test_what_the_server_names_first_of_what_we_speak_is_agreed() -> None:
    first = agreed(("99.0.0", "9.0.0", "13.0.0"))
    assert first is not None and first.name == "9.0.0"
    assert agreed(("99.0.0",)) is None and agreed(()) is None


def test_a_list_that_cannot_be_offered_says_what_could_be() -> None:
    assert unknown(OFFERED) == ""
    assert unknown(("13.0.0", "3.0.0")) == f"'3.0.0' is not spoken; we speak {', '.join(VERSIONS)}"
    assert "at least one of" in unknown(())


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (("2.4.4", "2.7.7"), "her Telegram is too old for calls with us: it speaks 2.4.4, 2.7.7"),
        (("99.0.0",), "update siptg"),
        (("14.0.0",), "siptg speaks 14.0.0 too: let it, in telegram.versions"),
        (("2.4.4", "99.0.0"), "update her Telegram, or siptg"),
        ((), "we offer 13.0.0"),
        (("\x1b[31m\n",), r"it speaks \x1b[31m\n, we offer"),
        (("1.0.0",) * 1000, "1.0.0, …, we offer"),
        (("9" * 50,), "update"),
        (("²", "1..2", ""), "too old"),
    ],
)
def test_no_version_in_common_names_both_lists_and_what_to_update(
    theirs: tuple[str, ...], said: str
) -> None:
    text = nothing_in_common(theirs, OFFERED)
    assert said in text and "13.0.0" in text
    assert "update" in text or "let it" in text
    assert len(text) < 600 and text.isprintable()
