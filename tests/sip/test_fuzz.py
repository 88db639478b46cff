"""Fuzzing: hypothesis on whole stacks, and atheris for a bounded time on each target."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.media import SEPARATOR
from tests.fuzz.seeds import conversations
from tests.fuzz.targets import TARGETS, message, stack
from tests.machines import ROOT
from tests.sip.torture.test_ours import LEGAL, WRONG

SECONDS = int(os.environ.get("SIPTG_FUZZ_SECONDS", "5"))
KNOWN = [data for data, _ in (LEGAL | WRONG).values() if len(data) < 4000]
pieces = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([b"\r\n", b";", b",", b"<", b'"', b"\x00", b":", b"=", b" ", SEPARATOR]),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Good messages with something cut out and something put in, a few times."""
    parts = draw(st.lists(st.sampled_from(KNOWN + conversations()), min_size=1, max_size=4))
    data = SEPARATOR.join(parts)
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.integers(0, 40))
        data = data[:at] + draw(pieces) + data[at + gone :]
    return data


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged())
def test_a_stack_bears_damaged_messages(data: bytes) -> None:
    stack(data)


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_what_is_read_can_be_written_and_read_again(data: bytes) -> None:
    for part in data.split(SEPARATOR):
        message(part)


@pytest.mark.parametrize("data", conversations())
def test_good_conversations_end_empty(data: bytes) -> None:
    stack(data)


@pytest.mark.world
@pytest.mark.parametrize("target", TARGETS)
def test_atheris_finds_nothing(target: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        refuse = pytest.fail if os.environ.get("CI") and sys.version_info < (3, 12) else pytest.skip
        refuse("atheris is missing: pip install atheris")
    command = (sys.executable, "-m", "tests.fuzz", target, "--seconds", str(SECONDS))
    done = subprocess.run(
        [*command, "--corpus", str(tmp_path / "corpus")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS * 3 + 100,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    units = re.search(r"number_of_executed_units:\s*(\d+)", said)
    assert units is not None and int(units[1]) > 100, said[-2000:]
