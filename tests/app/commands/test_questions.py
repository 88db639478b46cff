"""What is shown and asked: the QR code as a camera would read it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
import segno

from siptg.app.commands.questions import NoAnswer, Questions

URL = "tg://login?token=" + "A" * 43
HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
"""What a character shows in its upper and lower half."""


async def test_the_code_on_the_screen_is_the_code_of_the_link(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await Questions({}, terminal=False).show(URL, datetime.now(UTC))
    plain = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    lines = [line for line in plain.splitlines() if set(line) & set("▄▀█")]
    seen = [[HALVES[c][half] for c in line] for line in lines for half in (0, 1)]
    size = len(segno.make_qr(URL, error="l").matrix)
    wanted = [list(row) for row in segno.make_qr(URL, error="l").matrix]
    inverted = [[1 - cell for cell in row] for row in wanted]
    found = [
        [row[left : left + size] for row in seen[top : top + size]]
        for top in range(len(seen) - size + 1)
        for left in range(len(seen[0]) - size + 1)
    ]
    assert wanted in found or inverted in found
    assert len(lines) <= 22, "it fits a terminal of 24 lines"


async def test_each_variable_answers_once_and_then_nobody_can() -> None:
    asked = Questions({"SIPTG_PASSWORD": "one"}, terminal=False)
    assert await asked.password("", "") == "one"
    with pytest.raises(NoAnswer, match="that is not the password"):
        await asked.password("", "that is not the password")
