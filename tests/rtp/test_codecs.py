"""Codecs: what goes in comes out, and where libopus is found."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from siptg.rtp.audio import Samples
from siptg.rtp.codecs import CODECS, OPUS, PCMA, PCMU, opus
from siptg.rtp.goertzel import level, loudest


def sine(hz: float, rate: int, seconds: float = 1.0) -> Samples:
    at = np.arange(int(rate * seconds)) / rate
    return (np.sin(2 * np.pi * hz * at) * 10_000).astype(np.int16)


@pytest.mark.parametrize(
    ("codec", "sample", "code"),
    [
        (PCMU, 0, 0xFF),
        (PCMU, 32_767, 0x80),
        (PCMU, -32_768, 0x00),
        (PCMA, 0, 0xD5),
        (PCMA, 32_767, 0xAA),
        (PCMA, -32_768, 0x2A),
    ],
    ids=lambda v: getattr(v, "name", str(v)),
)
def test_g711_has_the_codes_of_the_standard(codec: object, sample: int, code: int) -> None:
    encoded = CODECS[codec.name.lower()].encoder(8000)  # type: ignore[attr-defined]
    assert encoded.encode(np.array([sample], np.int16)) == bytes([code])


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=lambda c: c.name)
def test_every_g711_code_survives_a_round(codec: object) -> None:
    made = CODECS[codec.name.lower()]  # type: ignore[attr-defined]
    codes = bytes(range(256))
    values = made.decoder(8000).decode(codes)
    again = made.encoder(8000).encode(values)
    # μ-law has two zeros: all others come back as they were
    assert sum(a != b for a, b in zip(codes, again, strict=True)) <= 1
    assert np.array_equal(made.decoder(8000).decode(again), values)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_a_tone_comes_out_as_the_tone_it_was(name: str, rate: int) -> None:
    codec = CODECS[name]
    if rate not in codec.rates:
        return
    encoder, decoder, samples = codec.encoder(rate), codec.decoder(rate), sine(440, rate)
    size = rate // 50
    out = [
        decoder.decode(encoder.encode(samples[n : n + size])) for n in range(0, len(samples), size)
    ]
    heard = np.concatenate(out)
    assert len(heard) == len(samples)
    assert loudest(heard[rate // 4 :], rate)[0] == pytest.approx(440, abs=2)
    assert level(heard[rate // 4 :], 440, rate) == pytest.approx(level(samples, 440, rate), abs=1.5)


def test_garbage_is_no_opus_and_says_so() -> None:
    decoder = OPUS.decoder(8000)
    with pytest.raises(ValueError, match="empty"):
        decoder.decode(b"")
    with pytest.raises(ValueError, match="not Opus"):
        decoder.decode(b"\xff\xff\xff")
    assert len(decoder.conceal(160)) == 160


def test_the_systems_libopus_comes_first() -> None:
    assert opus.find_libopus(lambda name: f"lib{name}.so.0") == "libopus.so.0"


def test_else_the_one_inside_pyavs_wheel() -> None:
    found = opus.find_libopus(lambda name: None)
    assert Path(found).name.startswith("libopus") and Path(found).parent.name == "av.libs"


def test_else_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = ModuleSpec("av", None, origin=str(tmp_path / "av" / "__init__.py"))
    monkeypatch.setattr(opus, "find_spec", lambda name: empty)
    with pytest.raises(opus.LibopusMissing, match="apt-get install libopus0"):
        opus.find_libopus(lambda name: None)
    assert "opuslib" in sys.modules
