"""What we encode, decoded by another library: the same sound."""

from __future__ import annotations

import ctypes
from typing import Any

import av
import numpy as np
import pytest

from siptg.rtp.audio import Samples
from siptg.rtp.codecs import CODECS
from siptg.rtp.codecs.library import load
from tests.support.sines import likeness, vowel

G726 = [key for key in CODECS if "g726" in key]


def spoken(key: str) -> tuple[list[bytes], Samples]:
    """A second of voice in packets of 20 ms, and what our own decoder makes of them."""
    codec = CODECS[key]
    rate = codec.rates[0]
    encoder, decoder = codec.encoder(rate, ""), codec.decoder(rate)
    payloads = [encoder.encode(frame) for frame in np.split(vowel(rate), 50)]
    return payloads, np.concatenate([decoder.decode(payload) for payload in payloads])


def by_pyav(name: str, payloads: list[bytes], **options: int) -> Samples:
    context: Any = av.CodecContext.create(name, "r")
    context.sample_rate, context.layout = 8000, "mono"
    context.options = {option: str(value) for option, value in options.items()}
    frames = [frame for data in payloads for frame in context.decode(av.Packet(data))]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


@pytest.mark.rfc(3551, "4.5.4")
@pytest.mark.parametrize("key", G726)
def test_g726_fills_octets_from_below_and_aal2_from_above(key: str) -> None:
    payloads, ours = spoken(key)
    bits = int(key[-2:]) // 8
    rfc3551, aal2 = (
        by_pyav(name, payloads, bits_per_coded_sample=bits) for name in ("g726le", "g726")
    )
    right, wrong = (aal2, rfc3551) if key.startswith("aal2") else (rfc3551, aal2)
    assert likeness(ours, right[: len(ours)]) > 0.99
    assert likeness(ours, wrong[: len(ours)]) < 0.9


@pytest.mark.skipif("g726-32" not in CODECS, reason="libspandsp is not installed")
def test_the_two_packings_of_g726_32_are_the_same_codes_the_other_way_round() -> None:
    lower, upper = (np.frombuffer(b"".join(spoken(k)[0]), np.uint8) for k in G726[::3])
    assert {len(lower), len(upper)} == {4000} and not np.array_equal(lower, upper)
    assert np.array_equal(lower << 4 | lower >> 4, upper)


@pytest.mark.skipif("gsm" not in CODECS, reason="libgsm is not installed")
def test_gsm_is_decoded_to_the_bit() -> None:
    payloads, ours = spoken("gsm")
    assert np.array_equal(by_pyav("gsm", payloads), ours)


def test_g722_is_decoded_to_the_bit() -> None:
    library = load("spandsp", 2, 3)
    if library is None:
        pytest.skip("libspandsp is not installed")
    payloads, ours = spoken("g722")
    library.g722_decode_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(library.g722_decode_init(None, 64_000, 0))
    heard = np.zeros(320, np.int16)
    for at, payload in enumerate(payloads):
        into = ctypes.c_void_p(heard.ctypes.data)
        assert library.g722_decode(state, into, payload, len(payload)) == 320
        assert np.array_equal(heard, ours[at * 320 : at * 320 + 320])
    library.g722_decode_free(state)
