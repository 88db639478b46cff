"""The page of metrics of a running product, read as Prometheus reads it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import attrs
import prometheus_client
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from telethon.tl import functions as fn

from siptg.app import backlog, metrics
from siptg.app.account_keeper import AccountKeeper
from siptg.app.config import Config, MetricsConfig, StoreConfig, TelegramConfig
from siptg.app.demo.stage import PHONE_NUMBER, Stage, stage
from siptg.app.lines import Lines
from siptg.app.metrics_server import MetricsServer
from siptg.app.service import Service
from siptg.rtp.clock import MediaClock
from siptg.telegram.account.pace import Rates
from siptg.telegram.chat.shown import Cards
from tests.app.test_service import calling, settled

pytestmark = pytest.mark.world

PHONE, BOT = "phone account", "bot"


@contextlib.asynccontextmanager
async def house(folder: Path, **telegram: Any) -> AsyncIterator[Stage]:
    def change(config: Config) -> Config:
        return attrs.evolve(
            config,
            metrics=MetricsConfig("127.0.0.1:0"),
            telegram=attrs.evolve(config.telegram, **telegram),
        )

    async with stage(folder, change=change) as on:
        yield on


async def get(on: Stage, accept: str = "") -> tuple[str, str]:
    """The head of the answer, and the page."""
    server = on.service.metrics
    assert server is not None
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode())
    head, _, page = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return head, page


READERS: dict[bool, Callable[[str], Iterable[Metric]]] = {True: openmetrics, False: prometheus}
Samples = dict[tuple[str, frozenset[str]], float]


async def scrape(on: Stage, accept: str = metrics.OPENMETRICS) -> Samples:
    """Name and values of labels → the sample."""
    _, page = await get(on, accept)
    families = READERS[bool(accept)](page)
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def of(samples: Samples, name: str, *labels: str) -> float:
    return samples["siptg_" + name, frozenset(labels)]


async def until(on: Stage, name: str, *labels: str, above: float) -> Samples:
    key = "siptg_" + name, frozenset(labels)
    async with asyncio.timeout(20):
        while (samples := await scrape(on)).get(key, above) <= above:
            await asyncio.sleep(0.05)
    return samples


async def test_the_page_shows_accounts_lines_and_calls_in_both_formats(tmp_path: Path) -> None:
    async with house(tmp_path) as on:
        await settled(on)
        talking = await calling(on, "100")
        samples = await until(on, "conversations", "talking", above=0)
        assert of(samples, "telegram_calls", PHONE) == 1
        assert [of(samples, "telegram_connected", name) for name in (PHONE, BOT)] == [1, 1]
        assert of(samples, "telegram_account_state", PHONE, "ready") == 1
        assert of(samples, "telegram_account_state", PHONE, "banned") == 0
        assert of(samples, "lines", "ready") == of(samples, "line_registered", "Office") == 1
        assert of(samples, "lines", "refused") == 0
        phone = next(iter(on.service.lines)).phone
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"NO SIP\r\n\r\n", phone.address)
        samples = await until(on, "sip_events_total", "garbage", above=0)
        await talking.close()
        # one of the two accounts sent her the card
        plain = await scrape(on, "")
        sent = [of(plain, "telegram_queue_messages_total", name, "sent") for name in (PHONE, BOT)]
        assert sum(sent) >= 1
        assert of(plain, "telegram_queue_waiting_messages", PHONE) == 0
        assert of(plain, "media_failures_total") == 0


async def test_who_calls_and_is_called_is_not_on_the_page(tmp_path: Path) -> None:
    async with house(tmp_path) as on:
        await settled(on)
        talking = await calling(on, "100")
        await until(on, "conversations", "talking", above=0)
        head, page = await get(on)
        assert "text/plain; version=0.0.4" in head
        assert "\r\ncontent-length: " in head.lower()
        labels = {
            (name, value)
            for family in prometheus(page)
            for sample in family.samples
            for name, value in sample.labels.items()
        }
        assert {v for name, v in labels if name in ("account", "line")} == {PHONE, BOT, "Office"}
        others = [(name, v) for name, v in labels if name not in ("account", "line")]
        assert {name for name, _ in others} <= {"state", "outcome", "event"}
        assert [v for _, v in others if not re.fullmatch("[a-z0-9_]+", v)] == []
        people = [one.phone for one in on.lab.accounts.values() if one.phone] + [str(on.user.id)]
        assert [number for number in people if number in page] == []
        await talking.close()


async def test_an_account_that_is_gone_shows_why(tmp_path: Path) -> None:
    async with house(tmp_path) as on:
        phone = next(a for a in on.lab.accounts.values() if a.phone == PHONE_NUMBER.lstrip("+"))
        on.lab.revoke(phone)
        samples = await until(on, "telegram_account_state", PHONE, "revoked", above=0)
        assert of(samples, "telegram_account_state", PHONE, "ready") == 0
        assert of(samples, "telegram_account_state", BOT, "ready") == 1


async def test_a_queue_that_waits_for_telegram_is_seen_to_grow_and_to_shrink(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(metrics, "FRESH", 0.0)
    monkeypatch.setattr(backlog, "TOO_LONG", 1.0)
    monkeypatch.setattr(backlog, "WELL", 0.5)
    monkeypatch.setattr(backlog, "LOOK_EVERY", 0.02)
    rates = Rates(chat=100, chat_burst=50, overall=100, overall_burst=50)
    async with house(tmp_path, rates=rates) as on:
        account, phone = on.service.account, on.service.account.me.id
        assert account.queue.rates == rates
        person = await account.find("ann")
        sending = fn.messages.SendMessageRequest
        on.lab.faults.flood(on.lab.accounts[phone], sending, 5)
        before = await scrape(on)
        texts = [asyncio.create_task(account.send(person, str(n))) for n in range(5)]
        samples = await until(on, "telegram_queue_waiting_messages", PHONE, above=4)
        first = of(samples, "telegram_queue_oldest_seconds", PHONE)
        samples = await until(on, "telegram_queue_oldest_seconds", PHONE, above=first + 1)
        assert of(samples, "telegram_queue_waiting_messages", PHONE) == 5
        assert of(samples, "telegram_queue_waiting_messages", BOT) == 0
        assert of(samples, "telegram_queue_flood_waits_total", PHONE) == 1
        await asyncio.gather(*texts)
        after = await scrape(on)
        assert of(after, "telegram_queue_waiting_messages", PHONE) == 0
        assert of(after, "telegram_queue_oldest_seconds", PHONE) == 0
        sent = [
            of(samples, "telegram_queue_messages_total", PHONE, "sent")
            for samples in (before, after)
        ]
        assert sent[1] - sent[0] == 5
        async with asyncio.timeout(5):
            while len(told := lines_of(caplog)) < 2:
                await asyncio.sleep(0.01)
        grows = (
            r"messages of 'phone account' pile up: 5 wait, the oldest for \d s: Telegram asks to .*"
        )
        assert re.fullmatch(grows, told[0])
        assert told[1:] == ["messages of 'phone account' go out in time again"]


def lines_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == backlog.__name__ and record.levelno == logging.WARNING
    ]


async def test_configured_rates_come_to_the_account_and_to_the_bot(tmp_path: Path) -> None:
    rates = Rates(chat=2.0, chat_burst=3, overall=9.0, overall_burst=4, most_waiting=7)
    async with house(tmp_path, rates=rates) as on:
        assert on.service.account.queue.rates == rates
        async with contextlib.AsyncExitStack() as stack:
            bot = await AccountKeeper(on.service.config.telegram, on.service.store).enter_bot(stack)
            assert bot.connected and bot.queue.rates == rates


async def test_a_port_that_is_taken_ends_the_start_before_anything_else(tmp_path: Path) -> None:
    async with MetricsServer("127.0.0.1:0") as other:
        taken = "{}:{}".format(*other.address)
        store = StoreConfig(tmp_path / "siptg.db", tmp_path / "siptg.key")
        config = Config(TelegramConfig(1, "x"), (), store, metrics=MetricsConfig(taken))
        with pytest.raises(OSError, match=f"metrics.listen: {taken} cannot be had"):
            async with Service(config):
                pass
    assert list(tmp_path.iterdir()) == []


async def test_nothing_of_it_is_in_the_librarys_own_registry_and_off_it_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path) as on:
        assert (await scrape(on)).keys()
        assert b"siptg" not in prometheus_client.generate_latest()
        server = on.service.metrics
        assert server is not None and server.page is not None
    monkeypatch.setattr(metrics, "FRESH", 0.0)
    # who asks while it stops finds what is left, and no error in the log
    assert b'siptg_lines{state="closed"} ' in server.page("")[1]
    async with stage(tmp_path / "off") as on:
        assert on.service.metrics is None


async def test_who_asks_without_end_gets_one_page_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, cards = MediaClock(), cast(Cards, SimpleNamespace(counters=Counter()))
    made = metrics.Metrics({}, cards, {}, cast(Lines, []), clock)
    monkeypatch.setattr(metrics, "FRESH", 1e9)
    _, first = made.page()
    clock.skipped = 7
    assert made.page()[1] is first
    assert b"siptg_media_turns_skipped_total 7.0" in made.page(metrics.OPENMETRICS)[1]
    monkeypatch.setattr(metrics, "FRESH", 0.0)
    assert b"siptg_media_turns_skipped_total 7.0" in made.page()[1]
