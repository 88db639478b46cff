"""G.722 through PyAV: packets of any length, no delay but its filters'."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from siptg.rtp.codecs.g722 import G722, RATE, G722Decoder, G722Encoder
from tests.support.sines import heard, likeness, sine, vowel


@pytest.mark.rfc(3551, "4.5.2")
@pytest.mark.parametrize("ms", G722.packet_ms)
def test_a_packet_comes_out_at_once_with_an_octet_for_two_samples(ms: int) -> None:
    encoder, size = G722Encoder(), RATE * ms // 1000
    assert [len(encoder.encode(np.zeros(size, np.int16))) for _ in range(5)] == [size // 2] * 5


def test_it_delays_by_its_filters_alone() -> None:
    said, encoder, decoder = vowel(RATE), G722Encoder(), G722Decoder()
    out = np.concatenate([decoder.decode(encoder.encode(f)) for f in np.split(said, 50)])
    alike = [likeness(said[: RATE - late], out[late:]) for late in range(320)]
    assert int(np.argmax(alike)) == 22 and max(alike) > 0.99


def test_packets_may_change_their_length_in_mid_call() -> None:
    said, encoder, decoder, at = sine(1000, RATE, 3.0), G722Encoder(), G722Decoder(), 0
    out = []
    for ms in [20] * 40 + [40] * 10 + [30] * 20 + [10] * 10 + [60, 50] * 5:
        size = RATE * ms // 1000
        out.append(decoder.decode(encoder.encode(said[at : at + size])))
        assert len(out[-1]) == size
        at += size
    whole = np.concatenate(out)
    for begin in range(RATE // 2, at - 800, 800):
        tone = heard(whole[begin : begin + 800], 1000, RATE)
        assert tone.level == pytest.approx(-20.0, abs=0.5) and tone.snr > 30


def test_a_peer_may_change_it_too() -> None:
    encoder, decoder, said = G722Encoder(), G722Decoder(), sine(1000, RATE)
    stream = b"".join(encoder.encode(frame) for frame in np.split(said, 50))
    cuts = [0, 80, 81, 300, 1000, 2900, 4500, 6000, 7001, 8000]
    out = [decoder.decode(stream[a:b]) for a, b in itertools.pairwise(cuts)]
    whole = G722Decoder()
    again = np.concatenate([whole.decode(stream[at : at + 160]) for at in range(0, 8000, 160)])
    assert np.array_equal(np.concatenate(out), again)


def test_what_was_decoded_stays_as_it_was() -> None:
    encoder, decoder = G722Encoder(), G722Decoder()
    first = decoder.decode(encoder.encode(vowel(RATE)[:320]))
    kept = first.copy()
    for frame in np.split(sine(300, RATE), 50):
        decoder.decode(encoder.encode(frame))
    assert np.array_equal(first, kept)
    first[:] = 0  # and may be written to


@pytest.mark.parametrize("count", [0, 80, 159, 161, 4000])
def test_what_is_no_multiple_of_10_ms_is_refused_at_any_time(count: int) -> None:
    encoder = G722Encoder()
    for _ in range(2):
        with pytest.raises(ValueError, match="no packet"):
            encoder.encode(np.zeros(count, np.int16))
        assert len(encoder.encode(np.zeros(320, np.int16))) == 160
