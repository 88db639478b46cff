"""What all tests share: where each one runs, and a last word on those that did not."""

from __future__ import annotations

import asyncio
import collections

import hypothesis
import pytest

from tests.world import namespace

# how fast a machine makes examples says nothing about the code
hypothesis.settings.register_profile(
    "siptg", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("siptg")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "netns: runs itself in a network namespace of its own")
    # looptime asks for the current loop around plain functions too, and asyncio would make one each
    # time that nobody closes; once a loop was set, be it none, it does not
    asyncio.set_event_loop(None)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not namespace.inside():
        items[:] = [
            namespace.InNamespace.around(item) if item.get_closest_marker("netns") else item
            for item in items
        ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = collections.Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in skipped
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        terminalreporter.section("not tried on this machine")
        for reason, count in reasons.most_common():
            terminalreporter.line(f"{count:4}  {reason}")
