"""What is shown and asked: the QR code as a camera would read it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import segno

from siptg.app.commands.questions import NoAnswer, Questions

URL = "tg://login?token=" + "A" * 43


async def test_the_code_on_the_screen_is_the_code_of_the_link(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await Questions({}, terminal=False).show(URL, datetime.now(UTC))
    lines = [line for line in capsys.readouterr().out.splitlines() if set(line) & set("▄▀█")]
    expected = [list(row) for row in segno.make_qr(URL, error="l").matrix_iter(border=2)]
    assert len(lines) <= 22, "it fits a terminal of 24 lines"
    assert len(lines) * 2 >= len(expected)


async def test_each_variable_answers_once_and_then_nobody_can() -> None:
    asked = Questions({"SIPTG_PASSWORD": "one"}, terminal=False)
    assert await asked.password("", "") == "one"
    with pytest.raises(NoAnswer, match="that is not the password"):
        await asked.password("", "that is not the password")
