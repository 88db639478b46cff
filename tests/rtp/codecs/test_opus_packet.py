"""What is read off an Opus packet is what libopus reads."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from siptg.rtp.codecs.libopus import opuslib
from siptg.rtp.codecs.opus_packet import corrects, duration, frame_ticks, is_celt

SEVERAL = st.builds(
    lambda config, stereo, count, rest: bytes([config << 3 | stereo << 2 | 3, count]) + rest,
    st.integers(0, 31),
    st.booleans(),
    st.integers(0, 255),
    st.binary(max_size=700),
)
"""Packets of code 3: a count of frames, with padding and sizes or without."""
SIZES = (ctypes.c_int16 * 48)()
PACKETS = st.one_of(st.binary(max_size=300), SEVERAL)


def libopus() -> Any:
    return opuslib().api.libopus


@pytest.mark.rfc(6716, "3.1")
@given(PACKETS)
@example(b"")
@example(b"\x00")
@example(b"\x03")
@example(b"\xff\x3f")
def test_duration_is_libopuss(payload: bytes) -> None:
    asked = libopus()["opus_packet_get_nb_samples"](payload, len(payload), 48_000)
    assert duration(payload) == max(asked, 0)


@pytest.mark.rfc(6716, "4.2.4")
@given(PACKETS)
@example(b"\x0b\x82\xfc\x01" + b"\x7f" * 500)
@example(b"\x0b\xc2\xff\x03\x05" + b"\x7f" * 400)
def test_the_flag_of_correction_is_where_libopus_finds_it(payload: bytes) -> None:
    try:
        ask = libopus()["opus_packet_has_lbrr"]
    except AttributeError:
        pytest.skip("this libopus is older than 1.5")
    # libopus answers an error for what is no packet: that corrects nothing
    if libopus()["opus_packet_parse"](payload, len(payload), None, None, SIZES, None) > 0:
        assert corrects(payload) == (ask(payload, len(payload)) == 1)


@given(st.binary(max_size=50))
def test_garbage_is_read_without_a_stir(payload: bytes) -> None:
    assert 0 <= duration(payload) <= 5760
    assert corrects(payload) in (True, False)
    if payload:
        assert frame_ticks(payload) in (120, 240, 480, 960, 1920, 2880)
        assert is_celt(payload) == (payload[0] >> 3 >= 16)
