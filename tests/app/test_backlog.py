"""A queue that grows is said once, and once when it is well again."""

from __future__ import annotations

from typing import cast

import attrs
import pytest

from siptg.app.backlog import Backlog
from siptg.telegram.account.queue import Queue


@attrs.define(eq=False)
class Paper:
    """A queue by its figures alone."""

    depth: int = 0
    oldest: float = 0.0
    counters: dict[str, int] = attrs.field(factory=lambda: {"waits": 0})


def watched(account: str = "second") -> tuple[Paper, Backlog]:
    paper = Paper()
    return paper, Backlog(account, cast(Queue, paper))


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return lines


def test_growing_is_said_once_with_who_how_deep_and_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    paper, backlog = watched()
    for paper.depth, paper.oldest in ((0, 0.0), (3, 9.9), (34, 10.4), (40, 11.4)):
        backlog.look()
    assert said(caplog) == [
        "messages of 'second' pile up: 34 wait, the oldest for 10 s: more is sent than "
        "[telegram.rates] lets out, or Telegram does not answer"
    ]


def test_where_telegram_asks_to_wait_the_rates_are_to_go_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    paper, backlog = watched()
    paper.counters["waits"] = 7  # long ago
    backlog.look()
    paper.depth, paper.counters["waits"] = 1, 8
    backlog.look()
    paper.oldest = 11.0
    backlog.look()
    (line,) = said(caplog)
    assert line.endswith(
        "Telegram asks to wait; where it stays, lower the rates in [telegram.rates]"
    )


def test_it_is_well_again_once_the_oldest_waits_little_and_may_grow_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    paper, backlog = watched()
    for paper.depth, paper.oldest in ((9, 12.0), (5, 6.0), (5, 11.0), (1, 4.0), (0, 0.0)):
        backlog.look()
    assert [line.split(":")[0] for line in said(caplog)] == [
        "messages of 'second' pile up",
        "messages of 'second' go out in time again",
    ]
    paper.depth, paper.oldest = 2, 11.0
    backlog.look()
    assert len(said(caplog)) == 1
