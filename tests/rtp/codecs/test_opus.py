"""Opus as RFC 7587 has it: the other end's wishes, packet lengths, stereo, pauses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from siptg.rtp.audio import Samples
from siptg.rtp.codecs import OPUS
from siptg.rtp.codecs.libopus import opuslib
from siptg.rtp.codecs.opus import (
    DTX_BYTES,
    FMTP,
    RATES,
    OpusDecoder,
    OpusEncoder,
    Wishes,
)
from siptg.rtp.codecs.opus_packet import duration, is_celt
from tests.support.sines import heard, sine, vowel


def encoded(encoder: OpusEncoder, samples: Samples, ms: int = 20) -> list[bytes]:
    size = encoder.rate * ms // 1000
    return [
        encoder.encode(samples[at : at + size]) for at in range(0, len(samples) - size + 1, size)
    ]


def bandwidth(payload: bytes) -> str:
    """RFC 6716 §3.1."""
    config = payload[0] >> 3
    if config < 12:
        return ("narrow", "medium", "wide")[config // 4]
    if config < 16:
        return ("superwide", "full")[(config - 12) // 2]
    return ("narrow", "wide", "superwide", "full")[(config - 16) // 4]


def bits_a_second(payloads: list[bytes], ms: int = 20) -> float:
    return 8000 * sum(map(len, payloads)) / (ms * len(payloads))


# what the other end wants


@pytest.mark.rfc(7587, "6.1")
@pytest.mark.parametrize(
    ("fmtp", "wishes"),
    [
        ("", Wishes()),
        ("useinbandfec=1", Wishes(corrects=True)),
        (" UseInbandFEC = 1 ; usedtx=1;cbr=1 ", Wishes(corrects=True, pauses=True, constant=True)),
        ("maxplaybackrate=8000; sprop-maxcapturerate=16000", Wishes(bandwidth_rate=8000)),
        ("maxplaybackrate=44100", Wishes()),
        ("maxplaybackrate=11025", Wishes(bandwidth_rate=12_000)),
        ("maxaveragebitrate=20000;stereo=1;sprop-stereo=1", Wishes(most_bits=20_000)),
        ("maxaveragebitrate=5999", Wishes()),
        ("maxaveragebitrate=510001", Wishes()),
        ("maxplaybackrate=96000", Wishes()),
        ("maxplaybackrate=0;cbr=2;usedtx=;useinbandfec", Wishes()),
        ("=;;;x==1;useinbandfec=1=1;cbr=-1;maxaveragebitrate=" + "9" * 5000, Wishes()),
        ("maxaveragebitrate=٢٠٠٠٠;usedtx=¹", Wishes()),
    ],
)
def test_the_other_ends_fmtp_is_read_and_nonsense_asks_for_nothing(
    fmtp: str, wishes: Wishes
) -> None:
    assert Wishes.parse(fmtp) == wishes


@pytest.mark.rfc(7587, "6.1")
@pytest.mark.parametrize(
    ("playback", "width"),
    [(8000, "narrow"), (16_000, "wide"), (24_000, "superwide"), (48_000, "full")],
)
def test_no_more_bandwidth_than_they_play(playback: int, width: str) -> None:
    encoder = OpusEncoder(48_000, f"maxplaybackrate={playback}")
    assert {bandwidth(payload) for payload in encoded(encoder, vowel(48_000, 0.4))} == {width}


@pytest.mark.rfc(7587, "6.1")
@pytest.mark.parametrize("most", [12_000, 20_000, 40_000])
def test_no_more_bits_than_they_allow(most: int) -> None:
    payloads = encoded(OpusEncoder(48_000, f"maxaveragebitrate={most}"), vowel(48_000, 2.0))
    assert 0.4 * most < bits_a_second(payloads) < 1.1 * most


@pytest.mark.rfc(7587, "6.1")
@pytest.mark.parametrize("fmtp", ["cbr=1", "cbr=1;maxaveragebitrate=12000"])
def test_constant_bit_rate_is_packets_of_one_size(fmtp: str) -> None:
    sizes = {len(payload) for payload in encoded(OpusEncoder(8000, fmtp), vowel(8000))}
    assert len(sizes) == 1
    free = OpusEncoder(8000, fmtp.replace("cbr=1", "cbr=0"))
    assert len({len(payload) for payload in encoded(free, vowel(8000, 2.0))}) > 1


@pytest.mark.rfc(7587, "7")
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("", FMTP),
        ("minptime=10;useinbandfec=1", FMTP),
        ("useinbandfec=1; stereo=1; sprop-stereo=1", FMTP + ";stereo=0;sprop-stereo=0"),
        ("STEREO=1", FMTP + ";stereo=0;sprop-stereo=0"),
    ],
)
def test_we_answer_what_we_want_ourselves_and_that_is_mono(theirs: str, ours: str) -> None:
    assert OPUS.answer_fmtp(theirs) == ours
    assert OPUS.fmtp == FMTP == "minptime=10;useinbandfec=1"


# packets


@pytest.mark.rfc(7587, "4.2")
@pytest.mark.parametrize("ms", OPUS.packet_ms)
@pytest.mark.parametrize("rate", RATES)
def test_an_encoded_packet_says_its_length(rate: int, ms: int) -> None:
    for fmtp in ("", "usedtx=1"):
        for payload in encoded(OpusEncoder(rate, fmtp), vowel(rate, 0.3), ms):
            assert duration(payload) == ms * 48


@pytest.mark.parametrize("count", [0, 1, 159, 161, 240, 481, 5000])
def test_other_lengths_are_refused(count: int) -> None:
    with pytest.raises(ValueError):
        OpusEncoder(8000).encode(np.zeros(count, np.int16))


@pytest.mark.rfc(7587, "4.2")
@pytest.mark.parametrize("ms", [2.5, 5, 10, 20, 40, 60, 80, 100, 120])
@pytest.mark.parametrize("rate", [8000, 48_000])
def test_every_packet_length_that_opus_has_is_decoded(rate: int, ms: float) -> None:
    size = int(48 * ms)
    foreign, decoder = opuslib().Encoder(48_000, 1, "audio"), OpusDecoder(rate)
    said = sine(1000, 48_000, 1.2)
    out = []
    for at in range(0, len(said) - size + 1, size):
        payload = foreign.encode(said[at : at + size].tobytes(), size)
        out.append(decoder.decode(payload))
        assert len(out[-1]) == int(rate * ms / 1000) and duration(payload) == size
    tone = heard(np.concatenate(out)[rate // 2 :], 1000, rate)
    assert tone.level == pytest.approx(-20, abs=0.5) and tone.snr > 20


def test_what_was_decoded_stays_as_it_was() -> None:
    first, *rest = encoded(OpusEncoder(8000), vowel(8000))
    decoder = OpusDecoder(8000)
    out = decoder.decode(first)
    kept = out.copy()
    for payload in rest:
        decoder.decode(payload)
    decoder.conceal(160)
    assert np.array_equal(out, kept)
    out[:] = 0


def stereo(left: Samples, right: Samples, signal: int) -> list[bytes]:
    opus: Any = opuslib()
    encoder = opus.Encoder(48_000, 2, "voip")
    for setting, value in (
        (opus.api.ctl.set_signal, signal),
        (opus.api.ctl.set_bitrate, 64_000 if signal == opus.SIGNAL_MUSIC else 24_000),
        (opus.api.ctl.set_force_channels, 2),
    ):
        opus.api.encoder.encoder_ctl(encoder.encoder_state, setting, value)
    both = np.stack([left, right], axis=1)
    return [encoder.encode(both[at : at + 960].tobytes(), 960) for at in range(0, len(both), 960)]


@pytest.mark.rfc(7587, "3.4")
@pytest.mark.parametrize("way", ["silk", "celt"])
@pytest.mark.parametrize("rate", [8000, 48_000])
def test_of_stereo_we_hear_the_mean(way: str, rate: int) -> None:
    tone, none = sine(1000, 48_000, dbfs=-14), np.zeros(48_000, np.int16)
    signal = opuslib().SIGNAL_MUSIC if way == "celt" else opuslib().SIGNAL_VOICE
    for left, right, level in ((tone, tone, -14.0), (tone, none, -20.0), (none, tone, -20.0)):
        payloads = stereo(left, right, signal)
        assert {is_celt(payload) for payload in payloads[5:]} == {way == "celt"}
        assert {payload[0] & 4 for payload in payloads[5:]} == {4}
        decoder = OpusDecoder(rate)
        out = np.concatenate([decoder.decode(payload) for payload in payloads])
        assert heard(out[rate // 2 :], 1000, rate).level == pytest.approx(level, abs=0.5)


@pytest.mark.rfc(7587, "3.1.3")
def test_who_wants_pauses_gets_packets_that_need_not_be_sent() -> None:
    hush = np.random.default_rng(1).normal(0, 20, 16_000).astype(np.int16)
    said = np.concatenate([vowel(8000), hush])
    encoder, decoder = OpusEncoder(8000, "usedtx=1"), OpusDecoder(8000)
    payloads = encoded(encoder, said)
    spared = [len(payload) <= DTX_BYTES for payload in payloads]
    assert not any(spared[:50]) and sum(spared[75:]) > 60
    assert all(payloads) and {len(decoder.decode(payload)) for payload in payloads} == {160}
    assert not any(len(p) <= DTX_BYTES for p in encoded(OpusEncoder(8000), said))


@pytest.mark.rfc(7587, "3.1.3")
def test_a_pause_of_a_second_is_filled_and_speech_comes_back() -> None:
    payloads = encoded(OpusEncoder(8000, "usedtx=1"), vowel(8000))
    decoder = OpusDecoder(8000)
    for payload in payloads[:30]:
        decoder.decode(payload)
    filled = [decoder.conceal(160) for _ in range(50)]
    loudness = [np.abs(made).max() for made in filled if made is not None]
    assert len(loudness) == 50 and loudness[-1] < 0.25 * loudness[0]
    after = np.concatenate([decoder.decode(payload) for payload in payloads[30:]])
    assert np.std(after[800:].astype(float)) > 500


# the two ways through Opus


def test_a_good_network_gets_celt_and_a_bad_one_silk() -> None:
    encoder, said = OpusEncoder(8000, FMTP), vowel(8000, 0.4)
    assert {is_celt(payload) for payload in encoded(encoder, said)} == {True}
    encoder.loss(5)
    assert {is_celt(payload) for payload in encoded(encoder, said)[1:]} == {False}
    encoder.loss(0)
    assert {is_celt(payload) for payload in encoded(encoder, said)[1:]} == {True}


@pytest.mark.parametrize(
    "fmtp", ["useinbandfec=0", "", "useinbandfec=1;maxaveragebitrate=16000", "usedtx=1"]
)
def test_what_they_cannot_use_or_carry_changes_the_way(fmtp: str) -> None:
    encoder, celt = OpusEncoder(16_000, fmtp), "useinbandfec=0" in fmtp or not fmtp
    encoder.loss(10 if celt else 0)
    assert {is_celt(p) for p in encoded(encoder, vowel(16_000, 0.4))} == {celt}


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@pytest.mark.parametrize("hz", [440, 1000])
def test_changing_the_way_does_not_click(rate: int, hz: int) -> None:
    encoder, decoder = OpusEncoder(rate, FMTP), OpusDecoder(rate)
    out = []
    for number, frame in enumerate(np.split(sine(hz, rate, 3.0), 150)):
        if number in (50, 100):
            encoder.loss(10 if number == 50 else 0)
        out.append(decoder.decode(encoder.encode(frame)))
    for at in range(25, 149):
        two = heard(np.concatenate(out[at : at + 2]), hz, rate)
        assert two.level == pytest.approx(-20, abs=1.5) and two.snr > 10, at
        assert np.abs(np.diff(out[at].astype(int))).max() < 2 * np.pi * hz / rate * 3277 * 2


def test_complexity_can_be_changed_in_mid_call_and_is_kept() -> None:
    encoder, decoder = OpusEncoder(8000, complexity=9), OpusDecoder(8000)
    assert encoder.complexity == 9
    out = []
    for number, frame in enumerate(np.split(sine(1000, 8000, 1.0), 50)):
        encoder.complexity = number % 11
        assert encoder.complexity == number % 11
        out.append(decoder.decode(encoder.encode(frame)))
    assert heard(np.concatenate(out[25:]), 1000, 8000).level == pytest.approx(-20, abs=0.5)


@pytest.mark.parametrize("percent", [-5, 0, 1, 37, 100, 1000])
def test_any_report_of_loss_is_taken(percent: int) -> None:
    encoder = OpusEncoder(8000, FMTP)
    encoder.loss(percent)
    encoder.loss(percent)
    assert len(encoder.encode(vowel(8000)[:160])) > 3
