"""Every codec at every rate and packet length: what goes in comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.audio import Samples
from siptg.rtp.codecs import CODECS, Codec
from siptg.rtp.codecs.codec import LONGEST_MS
from tests.support.sines import heard, sine, vowel

CASES = [
    pytest.param(codec, rate, ms, id=f"{key}-{rate}-{ms}ms")
    for key, codec in CODECS.items()
    for rate in codec.rates
    for ms in codec.packet_ms
]
SNR = {
    "pcmu": 35.0,
    "pcma": 35.0,
    "g722": 40.0,
    "opus": 25.0,
    "gsm": 22.0,
    "g726-16": 18.0,
    "g726-24": 24.0,
    "g726-32": 33.0,
    "l16/8000": 75.0,
    "l16/16000": 75.0,
    "l16/48000": 75.0,
}
"""dB that a tone of 1 kHz keeps over all that it was not."""
WAVEFORM = [key for key in CODECS if key != "opus"]
"""Codecs whose bits do not depend on how they are cut into packets."""


def packets(codec: Codec, rate: int, ms: int, samples: Samples) -> list[bytes]:
    encoder, size = codec.encoder(rate, ""), rate * ms // 1000
    return [
        encoder.encode(samples[at : at + size]) for at in range(0, len(samples) - size + 1, size)
    ]


def there_and_back(codec: Codec, rate: int, ms: int, samples: Samples) -> Samples:
    decoder, size = codec.decoder(rate), rate * ms // 1000
    parts = [decoder.decode(payload) for payload in packets(codec, rate, ms, samples)]
    assert decoder.rate == rate
    assert {len(part) for part in parts} == {size}
    assert {part.dtype for part in parts} == {np.dtype(np.int16)}
    return np.concatenate(parts)


@pytest.mark.parametrize(("codec", "rate", "ms"), CASES)
def test_a_tone_of_1_khz_keeps_its_level(codec: Codec, rate: int, ms: int) -> None:
    out = there_and_back(codec, rate, ms, sine(1000, rate, 1.2, -20.0))
    tone = heard(out[rate // 4 :], 1000, rate)
    # Opus alone speaks at 12 kHz, and no telephone; libopus 1.3 has few bits there in 10 ms
    assert tone.level == pytest.approx(-20.0, abs=0.5 if rate != 12_000 else 1.0)
    assert tone.snr > SNR[codec.key.removeprefix("aal2-")]


@pytest.mark.parametrize("hz", [3000, 6000])
@pytest.mark.parametrize(("codec", "rate", "ms"), [c for c in CASES if c.values[1] >= 16_000])  # type: ignore[operator]
def test_wideband_is_wide(codec: Codec, rate: int, ms: int, hz: int) -> None:
    out = there_and_back(codec, rate, ms, sine(hz, rate, 1.2, -20.0))
    tone = heard(out[rate // 4 :], hz, rate)
    assert tone.level == pytest.approx(-20.0, abs=0.5)
    assert tone.snr > 18


@pytest.mark.parametrize(("codec", "rate", "ms"), CASES)
def test_nothing_clicks_where_packets_meet(codec: Codec, rate: int, ms: int) -> None:
    size = rate * ms // 1000
    settled = -(-rate // 4 // size) * size
    out = there_and_back(codec, rate, ms, sine(1000, rate, 1.2, -20.0))[settled:]
    rest, near = heard(out, 1000, rate).rest, rate // 1000
    seams = [rest[at - near : at + near] for at in range(size, len(rest) - near, size)]
    tone = (32_768 / 10) ** 2 / 2
    snr = 10 * np.log10(tone / np.mean(np.concatenate(seams) ** 2))
    assert snr > SNR[codec.key.removeprefix("aal2-")] - 3


@pytest.mark.parametrize("key", WAVEFORM)
def test_the_cut_into_packets_changes_no_bit(key: str) -> None:
    codec = CODECS[key]
    rate, whole = codec.rates[0], vowel(codec.rates[0], 0.6)
    streams = {b"".join(packets(codec, rate, ms, whole)) for ms in (*codec.packet_ms, 20)}
    assert len(streams) == 1


@pytest.mark.parametrize("key", CODECS)
def test_lengths_that_fill_no_packet_are_refused_and_do_no_harm(key: str) -> None:
    codec = CODECS[key]
    if key[:3] in ("pcm", "l16"):  # which have no packets of their own
        return
    encoder = codec.encoder(codec.rates[0], "")
    for count in (0, 7, codec.rates[0]):
        with pytest.raises(ValueError):
            encoder.encode(np.zeros(count, np.int16))
    size = codec.rates[0] // 50
    assert len(codec.decoder(codec.rates[0]).decode(encoder.encode(vowel(16_000)[:size]))) == size


@pytest.mark.parametrize("key", CODECS)
def test_an_empty_payload_is_nobodys(key: str) -> None:
    with pytest.raises(ValueError):
        CODECS[key].decoder(CODECS[key].rates[0]).decode(b"")


@pytest.mark.parametrize("key", WAVEFORM)
def test_no_packet_unpacks_to_more_than_240_ms(key: str) -> None:
    codec = CODECS[key]
    rate = codec.rates[0]
    payload = codec.encoder(rate, "").encode(np.zeros(rate // 50, np.int16))
    most = LONGEST_MS // 20
    assert len(codec.decoder(rate).decode(payload * most)) == rate * LONGEST_MS // 1000
    with pytest.raises(ValueError):
        codec.decoder(rate).decode(payload * (most + 1))


@pytest.mark.parametrize("key", WAVEFORM)
def test_all_but_opus_leave_losses_to_the_playout(key: str) -> None:
    decoder = CODECS[key].decoder(CODECS[key].rates[0])
    assert decoder.conceal(160) is None and decoder.recover(b"\0" * 33, 160) is None


DECODERS = {
    (key, rate): codec.decoder(rate) for key, codec in CODECS.items() for rate in codec.rates
}


@given(st.sampled_from(sorted(DECODERS)), st.binary(max_size=400), st.integers(-5, 6000))
def test_garbage_is_refused_or_short_sound(
    which: tuple[str, int], payload: bytes, samples: int
) -> None:
    decoder, most = DECODERS[which], which[1] * LONGEST_MS // 1000
    try:
        out = decoder.decode(payload)
    except ValueError:
        pass
    else:
        assert out.dtype == np.int16 and out.ndim == 1 and 0 < len(out) <= most
    for made in (decoder.recover(payload, samples), decoder.conceal(samples)):
        assert made is None or (made.dtype == np.int16 and len(made) == samples)
