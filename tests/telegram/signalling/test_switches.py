"""Telegram's switches for a call: read from any text, believed only where they are plain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.telegram.signalling.switches import CallSwitches, read_switches


@pytest.mark.parametrize(
    ("custom", "switches"),
    [
        ("", CallSwitches()),
        ('{"network_use_mtproto": true}', CallSwitches(use_mtproto=True)),
        ('{"network_standalone_reflectors": true, "x": [1]}', CallSwitches(False, True)),
        ('{"network_use_mtproto": false}', CallSwitches()),
        ('{"network_use_mtproto": "yes"}', CallSwitches()),
        ("[true]", CallSwitches()),
        ("{", CallSwitches()),
        ("[" * 50_000, CallSwitches()),
        (" " * 70_000 + '{"network_use_mtproto": true}', CallSwitches()),
    ],
)
def test_switches_are_read(custom: str, switches: CallSwitches) -> None:
    assert read_switches(custom) == switches


@given(st.text())
def test_no_text_raises(custom: str) -> None:
    assert isinstance(read_switches(custom), CallSwitches)
