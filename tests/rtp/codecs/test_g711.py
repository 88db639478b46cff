"""G.711 by the tables of the standard."""

from __future__ import annotations

import numpy as np
import pytest

from siptg.rtp.codecs import PCMA, PCMU, Codec

EVERY_SAMPLE = np.arange(-32_768, 32_768, dtype=np.int32).astype(np.int16)


@pytest.mark.rfc(3551, "4.5.14")
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
def test_g711_has_the_codes_of_the_standard(codec: Codec, sample: int, code: int) -> None:
    assert codec.encoder(8000, "").encode(np.array([sample], np.int16)) == bytes([code])


@pytest.mark.parametrize(
    ("codec", "codes"),
    [
        (PCMU, "1e0b0b1e9e8b8b9e"),
        (PCMA, "34212134b4a1a1b4"),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_the_digital_milliwatt_is_a_sine_of_1_khz_at_its_level(codec: Codec, codes: str) -> None:
    """G.711 tables 5 and 6: eight codes that are 0 dBm0, 3.17 (μ) or 3.14 dB (A) below the most."""
    wave = codec.decoder(8000).decode(bytes.fromhex(codes)).astype(float)
    assert np.array_equal(wave[4:], -wave[:4])
    most = 8159 * 4 if codec is PCMU else 4096 * 8
    below = 20 * np.log10(most / np.sqrt(2 * np.mean(wave**2)))
    assert below == pytest.approx(3.17 if codec is PCMU else 3.14, abs=0.02)


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=lambda c: c.name)
def test_every_code_survives_a_round(codec: Codec) -> None:
    encode, decode = codec.encoder(8000, "").encode, codec.decoder(8000).decode
    codes = bytes(range(256))
    again = encode(decode(codes))
    # μ-law has two zeros: all others come back as they were
    assert sum(a != b for a, b in zip(codes, again, strict=True)) <= 1
    assert np.array_equal(decode(again), decode(codes))


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=lambda c: c.name)
def test_every_sample_gets_the_nearest_value_and_keeps_it(codec: Codec) -> None:
    encode, decode = codec.encoder(8000, "").encode, codec.decoder(8000).decode
    values = np.sort(decode(bytes(range(256)))).astype(np.int32)
    codes = b"".join(encode(part) for part in np.split(EVERY_SAMPLE, 64))
    got = np.concatenate([decode(codes[at : at + 1024]) for at in range(0, 65_536, 1024)])
    wanted = np.abs(values[None, :] - EVERY_SAMPLE[::7, None].astype(np.int32)).min(axis=1)
    assert np.array_equal(np.abs(got[::7].astype(np.int32) - EVERY_SAMPLE[::7]), wanted)
    assert np.all(np.diff(got.astype(np.int32)) >= 0)
    assert np.array_equal(np.concatenate([decode(encode(part)) for part in np.split(got, 64)]), got)


def test_30_ms_and_odd_lengths_are_welcome() -> None:
    for count in (1, 7, 240, 1920):
        samples = np.full(count, 1000, np.int16)
        assert len(PCMU.decoder(8000).decode(PCMU.encoder(8000, "").encode(samples))) == count
