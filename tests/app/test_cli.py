"""The command line: help with examples, mistakes in words, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def siptg(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "siptg", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, cwd=cwd, env=environment
    )


@pytest.mark.parametrize("command", ["demo", "run", "login"])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    ran = siptg(command, "--help")
    assert ran.returncode == 0 and f"siptg {command}" in ran.stdout


def test_a_missing_configuration_is_one_line_and_exit_2(tmp_path: Path) -> None:
    ran = siptg("run", "--config", "none.toml", cwd=tmp_path)
    assert ran.returncode == 2
    told = "none.toml: cannot be read: No such file or directory; --config names another"
    assert ran.stderr.strip() == told


def test_running_before_login_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "siptg.toml").write_text(
        '[telegram]\napi_id = 1\napi_hash = "x"\n[[lines]]\nname = "a"\n'
        'address = "sip:a@127.0.0.1"\npassword = "x"\nperson = "ann"\n'
    )
    ran = siptg("run", cwd=tmp_path)
    assert ran.returncode == 1
    assert "run `siptg login` first" in ran.stderr and "Traceback" not in ran.stderr


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "siptg.toml").write_text(
        '[telegram]\napi_id = 1\napi_hash = "x"\n[[lines]]\nname = "a"\n'
        'address = "sip:a@127.0.0.1"\npassword = "x"\nperson = "ann"\n'
        '[store]\npath = "siptg.toml"\n'
    )
    ran = siptg("run", cwd=tmp_path)
    assert (
        ran.returncode == 1 and "cannot be opened" in ran.stderr and "Traceback" not in ran.stderr
    )


def test_who_asks_for_help_does_not_wait_for_codecs_and_engines() -> None:
    slow = ("numpy", "av", "aiortc", "telethon", "sqlalchemy")
    asked = f"import sys, siptg.app.cli; print(*set({slow!r}) & sys.modules.keys())"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []
