"""GSM full rate: frames of 33 bytes, each with its sign."""

from __future__ import annotations

import numpy as np
import pytest

from siptg.rtp.codecs import gsm
from tests.support.sines import vowel

pytestmark = pytest.mark.skipif(not gsm.available(), reason="libgsm is not installed")


@pytest.mark.rfc(3551, "4.5.8")
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_packet_holds_frames_of_33_bytes_that_begin_with_1101(frames: int) -> None:
    payload = gsm.GsmEncoder().encode(vowel(8000)[: 160 * frames])
    assert len(payload) == 33 * frames
    assert {byte >> 4 for byte in payload[::33]} == {0b1101}


def test_a_frame_without_its_sign_is_refused_and_does_no_harm() -> None:
    encoder, decoder, second = gsm.GsmEncoder(), gsm.GsmDecoder(), gsm.GsmDecoder()
    for number, frame in enumerate(np.split(vowel(8000), 50)):
        payload = encoder.encode(frame)
        if number % 5 == 4:
            with pytest.raises(ValueError, match="its sign"):
                decoder.decode(b"\0" + payload[1:])
        assert np.array_equal(decoder.decode(payload), second.decode(payload))


@pytest.mark.parametrize("size", [0, 32, 34, 65, 33 * 13])
def test_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="no packet of GSM"):
        gsm.GsmDecoder().decode(b"\xd0" * size)
