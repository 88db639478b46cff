"""`siptg doctor`: every judgement by its facts, and the whole round against the lab."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from siptg.app.config import Config, LineConfig, MetricsConfig, TelegramConfig
from siptg.app.doctor import machine, telegram
from siptg.app.doctor.finding import Finding, Level, exit_code, fault, ok, warning
from siptg.telegram.account.survey import BotFacts, Device, Privacy, Trial, Who
from siptg.telegram.lab import Lab
from siptg.telegram.people import Person
from tests.support.cli import Install

BOT = Person(7, 8, "Cards", "cards_bot")


def by_check(findings: list[Finding]) -> dict[str, Level]:
    for finding in findings:
        assert finding.sentence and (finding.level is Level.OK or finding.remedy)
    return {finding.check: finding.level for finding in findings}


@pytest.mark.parametrize(
    ("calls", "level"),
    [
        (Who.EVERYBODY, Level.OK),
        (Who.CONTACTS, Level.WARNING),
        (Who.SOME, Level.WARNING),
        (Who.NOBODY, Level.FAULT),
    ],
)
def test_who_may_call(calls: Who, level: Level) -> None:
    found = list(telegram.privacy_findings(Privacy(calls, Who.NOBODY, Who.EVERYBODY)))
    assert by_check(found)["privacy: calls"] is level
    assert by_check(found)["privacy: number"] is Level.WARNING


def test_our_device_must_ring_and_others_should_not() -> None:
    ours, other = Device(0, "siptg", True, True), Device(1, "Pixel", False, True)
    levels = by_check(list(telegram.device_findings((ours, other))))
    assert levels == {"devices: ours": Level.OK, "devices: others": Level.WARNING}
    silent = Device(0, "siptg", True, False)
    assert by_check(list(telegram.device_findings((silent,))))["devices: ours"] is Level.FAULT


def test_the_bot_and_its_trial() -> None:
    good = by_check(list(telegram.bot_findings(BotFacts(BOT, True, False), found=True)))
    assert set(good.values()) == {Level.OK}
    bad = by_check(list(telegram.bot_findings(BotFacts(BOT, False, True), found=True)))
    assert bad["bot: inline mode"] is Level.FAULT and bad["bot: usable"] is Level.FAULT
    lost = by_check(list(telegram.bot_findings(BotFacts(BOT, True, False), found=False)))
    assert lost["bot: usable"] is Level.FAULT
    for trial, level in (
        (Trial(fed_back=True), Level.OK),
        (Trial(), Level.FAULT),
        (Trial("BOT_INLINE_DISABLED"), Level.FAULT),
        (Trial("BOT_RESPONSE_TIMEOUT"), Level.WARNING),
        (Trial("FLOOD_WAIT_3"), Level.WARNING),
    ):
        found = telegram.trial_finding(trial)
        assert by_check([found])[found.check] is level


@pytest.mark.parametrize(
    ("ahead", "level", "way"),
    [
        (0.8, Level.OK, ""),
        (12.0, Level.WARNING, "slow"),
        (-12.0, Level.WARNING, "fast"),
        (-90.0, Level.FAULT, "fast"),
    ],
)
def test_the_clock(ahead: float, level: Level, way: str) -> None:
    found = telegram.clock_finding(ahead)
    assert found.level is level and way in found.sentence


def test_api_and_password_and_exit_code() -> None:
    assert telegram.api_findings(1, "x", real=True).level is Level.FAULT
    assert telegram.api_findings(1, "0" * 32, real=True).level is Level.OK
    assert telegram.password_finding(False).level is Level.WARNING
    assert telegram.password_finding(True).level is Level.OK
    assert exit_code([ok("a", "b"), warning("a", "b", "c")]) == 0
    assert exit_code([ok("a", "b"), fault("a", "b", "c")]) == 1


def test_key_store_and_disk(tmp_path: Path) -> None:
    key = tmp_path / "key"
    assert machine.key_finding(key, {}).level is Level.FAULT
    assert machine.key_finding(key, {"SIPTG_KEY": "x"}).level is Level.OK
    key.write_bytes(bytes(32))
    key.chmod(0o644)
    assert "chmod 600" in machine.key_finding(key, {}).remedy
    key.chmod(0o600)
    assert machine.key_finding(key, {}).level is Level.OK
    assert machine.store_finding(tmp_path / "none.db").level is Level.FAULT
    assert machine.store_finding(key).level is Level.OK
    sizes = ((1 << 30, Level.OK), (100 << 20, Level.WARNING), (1 << 20, Level.FAULT))
    for free, level in sizes:
        assert machine.disk_finding(free, tmp_path).level is level


def test_ports_of_lines_and_of_the_metrics_are_free_or_not() -> None:
    telegram_part = TelegramConfig(1, "x")
    line = LineConfig("Office", "sip:a@b", "x", "ann", listen="[::1]:0")
    config = Config(telegram_part, (line,), metrics=MetricsConfig("127.0.0.1:0"))
    found = by_check(machine.ports_findings(config))
    assert found == {"port: Office": Level.OK, "port: metrics": Level.OK}
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        config = Config(telegram_part, (), metrics=MetricsConfig(taken))
        (finding,) = machine.ports_findings(config)
    assert finding.level is Level.WARNING
    assert finding.sentence == f"{taken} cannot be had: Address already in use"
    assert machine.ports_findings(Config(telegram_part, ())) == []


async def levels(on: Install, *arguments: str) -> tuple[int, dict[str, str]]:
    ran = await on.run("doctor", "--json", *arguments)
    return ran.code, {row["check"]: row["level"] for row in json.loads(ran.out)}


async def test_the_whole_round_before_and_after_each_step(tmp_path: Path) -> None:
    token = "777:token"
    async with Lab() as lab:
        user = lab.add_user("Phone", "+100", "phone")
        bot = lab.add_bot("Cards", "cards_bot", token)
        on = Install(tmp_path, lab)
        code, found = await levels(on)
        assert code == 1 and found["key"] == found["phone account"] == "fault"
        for _ in range(2):
            await _login(on)
        code, found = await levels(on)
        assert (code, found["phone account"], found["bot"]) == (0, "ok", "warning")
        assert found["devices: others"] == "warning" and found["two-step password"] == "warning"
        _, found = await levels(on, "--fix")
        assert found["devices: ours"] == found["devices: others"] == "ok"
        lab.set_password(user, "secret")
        await on.run("login", "--bot", SIPTG_BOT_TOKEN=token)
        code, found = await levels(on)
        assert (code, set(found.values())) == (0, {"ok", "warning"})
        assert [check for check, level in found.items() if level != "ok"] == ["privacy: number"]
        bot.inline = False
        code, found = await levels(on)
        assert code == 1 and found["bot: inline mode"] == "fault"
        bot.inline, user.calls_forbidden = True, True
        lab.sign_ins.clock_ahead = 100.0
        code, found = await levels(on)
        assert code == 1 and found["privacy: calls"] == found["clock"] == "fault"
        lab.revoke(user)
        ran = await on.run("doctor")
        assert ran.code == 1 and "Telegram knows this session no more" in ran.out
        assert "→ run `siptg login` again" in ran.out
        os.unlink(tmp_path / "siptg.key")
        ran = await on.run("doctor")
        assert ran.code == 1 and "the key is missing, but the store" in ran.out
        assert not (tmp_path / "siptg.key").exists()


async def _login(on: Install) -> None:
    import asyncio

    file = on.folder / "code"
    running = asyncio.create_task(on.run("login", "+100", SIPTG_CODE_FILE=str(file)))
    while not (code := on.lab.code_for("+100")):
        await asyncio.sleep(0.01)
    file.write_text(code)
    assert (await running).code == 0
    file.unlink()


async def test_feedback_that_is_off_is_found_by_trial(tmp_path: Path) -> None:
    async with Lab() as lab:
        lab.add_user("Phone", "+100", "phone")
        bot = lab.add_bot("Cards", "cards_bot", "777:token")
        on = Install(tmp_path, lab)
        await _login(on)
        await on.run("login", "--bot", SIPTG_BOT_TOKEN="777:token")
        bot.inline_feedback = False
        code, found = await levels(on)
        assert code == 1 and found["bot: inline feedback"] == "fault"
        assert found["bot: inline mode"] == "ok"
