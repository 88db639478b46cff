"""`siptg demo` from the command line; and a path that is silent or crossed makes it fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from siptg.app.bridge import Bridge
from siptg.app.demo.demo import run_demo
from siptg.app.demo.ladder import Step, merged, sip_step, telegram_step
from siptg.app.demo.report import CallResult, Report
from siptg.rtp.audio import join_rates, silence


@pytest.mark.world
def test_the_command_shows_both_calls_and_reports_what_was_measured(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "siptg", "demo", "--report", str(report)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-2000:]
    found = json.loads(report.read_text())
    assert found["ok"] is True
    out, back = found["calls"]
    assert (out["direction"], out["dtmf"], out["hangup"]) == ("out", "12#", "user")
    assert (back["direction"], back["hangup"]) == ("in", "pbx")
    for call in (out, back):
        assert call["user_heard_hz"] == pytest.approx(880, abs=5)
        assert call["pbx_heard_hz"] == pytest.approx(440, abs=5)
        assert 0 < call["setup_ms"] < 10_000
    assert "INVITE" in ran.stdout and "acceptCall" in ran.stdout


def silent(self: Bridge) -> None:
    """Both sides get nothing."""
    join_rates(self.a.audio, self.b.audio)
    for leg in (self.a, self.b):
        leg.audio.read()
        leg.audio.write(silence(leg.audio.rate))


def crossed(self: Bridge) -> None:
    """Each side hears itself."""
    join_rates(self.a.audio, self.b.audio)
    for leg in (self.a, self.b):
        leg.audio.write(leg.audio.read())


@pytest.mark.world
@pytest.mark.parametrize("tick", [silent, crossed])
async def test_a_broken_path_makes_the_demo_fail(
    tick: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Bridge, "tick", tick)
    with Path(tmp_path / "out").open("w") as file:
        assert not await run_demo(tmp_path / "r.json", Console(file=file))
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["ok"] is False and len(found["calls"]) == 2
    assert all(call["checks"]["she hears the PBX"] is False for call in found["calls"])


def test_a_report_is_good_only_if_everything_in_it_is() -> None:
    def result(**changes: object) -> CallResult:
        made = CallResult("out", 100, 880.0, 440.0, "12#", "user")
        for name, value in changes.items():
            setattr(made, name, value)
        made.judge(keys="12#", hangup="user")
        return made

    assert result().ok and Report([result(), result()], {"x": True}).ok
    bad: list[dict[str, object]] = [
        {"user_heard_hz": 440.0},
        {"pbx_heard_hz": 0.0},
        {"dtmf": "1#"},
        {"hangup": "pbx"},
        {"trouble": "x"},
    ]
    for change in bad:
        assert not result(**change).ok
        assert not Report([result(), result(**change)]).ok
    assert not Report([result()]).ok and not Report([result(), result()], {"x": False}).ok
    assert not Report([result(), result()], trouble="x").ok


def test_steps_are_read_from_messages_and_repetitions_are_counted() -> None:
    ok = sip_step("<", 1.0, b"SIP/2.0 200 OK\r\nCSeq: 7 BYE\r\n\r\n")
    assert (ok.source, ok.target, ok.text) == ("PBX", "siptg", "200 OK (BYE)")
    signal = telegram_step(2.0, True, "SendSignalingDataRequest")
    assert signal == Step(2.0, "Telegram user", "siptg", "signalling")
    assert telegram_step(2.0, True, "GetUsersRequest") is None
    assert merged([signal, ok, signal]) == [(ok, 1), (signal, 2)]
