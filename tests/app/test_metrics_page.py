"""docs/howto/metrics.md: its configuration is read, and what it shows is on the page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from siptg.app.config import MetricsConfig, read
from siptg.telegram.account.pace import Rates
from tests.app.test_backlog import said, watched
from tests.app.test_config import GOOD
from tests.app.test_metrics import get, house
from tests.app.test_service import settled

PAGE = (Path(__file__).parents[2] / "docs/howto/metrics.md").read_text()
NAME = re.compile(r"\bsiptg_[a-z_]+")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.S)


def test_the_configuration_of_the_page_is_read_and_shows_what_holds_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIPTG_TEST_HASH", "0123")
    (tmp_path / "token").write_text("1:a")
    table = tomllib.loads(GOOD)
    listen, rates = (tomllib.loads(block) for block in blocks("toml"))
    table |= listen
    table["telegram"] |= rates["telegram"]
    config = read(table, "page", tmp_path)
    assert config.metrics == MetricsConfig("127.0.0.1:9464")
    assert config.telegram.rates == Rates()
    assert rates["telegram"]["rates"].keys() == {a.name for a in Rates.__attrs_attrs__}


def test_the_log_says_what_the_page_quotes(caplog: pytest.LogCaptureFixture) -> None:
    paper, backlog = watched("phone account")
    paper.depth, paper.oldest, paper.counters["waits"] = 34, 10.4, 1
    backlog.look()
    paper.oldest = 0
    backlog.look()
    (quoted,) = blocks("text log")
    assert said(caplog) == quoted.splitlines()


@pytest.mark.world
async def test_the_scrape_of_the_page_and_its_names_are_those_of_a_running_house(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as on:
        await settled(on)
        _, scraped = await get(on)
    lines = scraped.splitlines()
    (quoted,) = blocks("text")
    for wanted in quoted.splitlines():
        pattern = re.compile(".*".join(map(re.escape, wanted.split("…"))))
        assert any(map(pattern.fullmatch, lines)), f"the page promises {wanted!r}"
    there = {
        family.name + ("_total" if family.type == "counter" else "") for family in families(scraped)
    }
    assert set(re.findall(r"^\| `(siptg_\w+)`", PAGE, re.M)) == there
    assert set(NAME.findall(PAGE)) == there
