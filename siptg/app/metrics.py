"""What monitoring reads: the state of the house as Prometheus metrics, looked at when asked for.

Nothing is counted here: what there is keeps its own counts. Labels name what is configured, an
account or a line, and nobody who calls.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector, CollectorRegistry

from siptg.app.conversation import Conversation, State
from siptg.app.lines import Lines
from siptg.rtp.clock import MediaClock
from siptg.sip.registration import RegistrationState
from siptg.telegram.account.client import Account
from siptg.telegram.account.health import AccountState
from siptg.telegram.account.queue import OUTCOMES
from siptg.telegram.chat.bot import Bot
from siptg.telegram.chat.shown import Cards

OPENMETRICS = "application/openmetrics-text"
FRESH = 0.5
"""Seconds for which a page is given again: who asks without end takes no time from calls."""


class Metrics(Collector):
    """The house's metrics; `page` writes them down."""

    def __init__(
        self,
        accounts: Mapping[str, Account | Bot],
        cards: Cards,
        conversations: Mapping[int, Conversation],
        lines: Lines,
        clock: MediaClock,
    ) -> None:
        """`accounts` by their names in the configuration."""
        self._accounts, self._cards = accounts, cards
        self._conversations, self._lines, self._clock = conversations, lines, clock
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._pages: dict[str, tuple[float, bytes]] = {}

    def page(self, accept: str = "") -> tuple[str, bytes]:
        """Content type and page: OpenMetrics for who accepts it, else Prometheus's text."""
        kind = exposition.CONTENT_TYPE_PLAIN_0_0_4
        write: Callable[[CollectorRegistry], bytes] = exposition.generate_latest
        if OPENMETRICS in accept:
            kind, write = openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest
        now = asyncio.get_running_loop().time()
        made, page = self._pages.get(kind, (-FRESH, b""))
        if now - made >= FRESH:
            page = write(self._registry)
            self._pages[kind] = now, page
        return kind, page

    def collect(self) -> Iterator[Metric]:
        yield from self._queues()
        yield from self._telegram()
        yield from self._sip()
        yield from self._calls()

    def _used(self) -> list[tuple[str, Account | Bot]]:
        """Without a bot that nobody has signed in."""
        known = self._accounts.items()
        return [one for one in known if one[1].health.state is not AccountState.UNKNOWN]

    def _queues(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "siptg_telegram_queue_waiting_messages",
            "Messages that wait for their turn.",
            labels=["account"],
        )
        oldest = GaugeMetricFamily(
            "siptg_telegram_queue_oldest_seconds",
            "How long the longest waiting message has waited.",
            labels=["account"],
        )
        outcomes = CounterMetricFamily(
            "siptg_telegram_queue_messages",
            "Messages by what became of them: sent, coalesced (a newer text went instead), same (it"
            " is shown already), full (refused, too much waited), failed (Telegram refused it).",
            labels=["account", "outcome"],
        )
        waits = CounterMetricFamily(
            "siptg_telegram_queue_flood_waits",
            "How often Telegram asked to wait (FLOOD_WAIT, SLOWMODE_WAIT).",
            labels=["account"],
        )
        again = CounterMetricFamily(
            "siptg_telegram_queue_retries",
            "Tries after Telegram's own troubles.",
            labels=["account"],
        )
        for name, account in self._used():
            queue = account.queue
            waiting.add_metric([name], queue.depth)
            oldest.add_metric([name], queue.oldest)
            for outcome in OUTCOMES:
                outcomes.add_metric([name, outcome], queue.counters[outcome])
            waits.add_metric([name], queue.counters["waits"])
            again.add_metric([name], queue.counters["again"])
        yield from (waiting, oldest, outcomes, waits, again)

    def _telegram(self) -> Iterator[Metric]:
        connected = GaugeMetricFamily(
            "siptg_telegram_connected",
            "1 while the account is connected to Telegram.",
            labels=["account"],
        )
        state = GaugeMetricFamily(
            "siptg_telegram_account_state",
            "1 for the state that the account is in: ready, or what ended it.",
            labels=["account", "state"],
        )
        calls = GaugeMetricFamily(
            "siptg_telegram_calls",
            "Calls on Telegram now; those that ring are among them.",
            labels=["account"],
        )
        happened = CounterMetricFamily(
            "siptg_telegram_account_events",
            "What is worth counting of people, messages and calls.",
            labels=["account", "event"],
        )
        for name, account in self._used():
            connected.add_metric([name], account.connected)
            for one in AccountState:
                state.add_metric([name, one.name.lower()], account.health.state is one)
            if isinstance(account, Account):
                calls.add_metric([name], account.calls_now)
                for event, count in sorted(account.happened.items()):
                    happened.add_metric([name, event], count)
        yield from (connected, state, calls, happened)
        yield _counts(
            "siptg_telegram_card_events",
            "What went wrong with cards and their buttons.",
            self._cards.counters,
        )

    def _sip(self) -> Iterator[Metric]:
        states = Counter(line.state for line in self._lines)
        yield _gauges(
            "siptg_lines",
            "Lines by how they stand with their PBX.",
            "state",
            ((state.value, states[state]) for state in RegistrationState),
        )
        yield _gauges(
            "siptg_line_registered",
            "1 while the line is registered.",
            "line",
            ((line.name, line.state is RegistrationState.READY) for line in self._lines),
        )
        happened: Counter[str] = Counter()
        for line in self._lines:
            happened.update(line.phone.agent.counters)
        yield _counts(
            "siptg_sip_events",
            "What came or went wrong on the SIP side of all lines.",
            happened,
        )

    def _calls(self) -> Iterator[Metric]:
        states = Counter(one.state for one in self._conversations.values())
        yield _gauges(
            "siptg_conversations",
            "People who are being called or talk.",
            "state",
            ((state.name.lower(), states[state]) for state in (State.CALLING, State.TALKING)),
        )
        clock = self._clock
        yield GaugeMetricFamily(
            "siptg_media_load_ratio",
            "Share of its time that the beat of all calls' audio takes.",
            clock.effort.load,
        )
        yield CounterMetricFamily(
            "siptg_media_turns_skipped",
            "Turns of 5 ms that the beat came too late for.",
            clock.skipped,
        )
        yield CounterMetricFamily(
            "siptg_media_failures",
            "Streams that broke and were taken off the beat.",
            clock.failures,
        )


def _gauges(
    name: str, told: str, label: str, values: Iterable[tuple[str, float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=[label])
    for value, number in values:
        family.add_metric([value], number)
    return family


def _counts(name: str, told: str, counters: Counter[str]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, told, labels=["event"])
    for event, count in sorted(counters.items()):
        family.add_metric([event], count)
    return family
