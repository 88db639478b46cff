"""L16: the samples themselves, most significant byte first."""

from __future__ import annotations

import numpy as np
import pytest

from siptg.rtp.codecs.l16 import L16


@pytest.mark.rfc(3551, "4.5.11")
@pytest.mark.parametrize("codec", L16, ids=lambda c: c.key)
def test_samples_travel_in_network_byte_order_unchanged(codec: object) -> None:
    made = next(c for c in L16 if c is codec)
    rate = made.rates[0]
    encode, decode = made.encoder(rate, "").encode, made.decoder(rate).decode
    assert encode(np.array([1, -2, 0x1234, -32_768], np.int16)).hex() == "0001fffe12348000"
    every = np.arange(-32_768, 32_768, dtype=np.int32).astype(np.int16)
    for part in np.split(every, 64):
        assert np.array_equal(decode(encode(part)), part)


@pytest.mark.parametrize("codec", L16, ids=lambda c: c.key)
def test_half_a_sample_is_refused(codec: object) -> None:
    made = next(c for c in L16 if c is codec)
    with pytest.raises(ValueError, match="no packet of L16"):
        made.decoder(made.rates[0]).decode(b"\0\0\0")


def test_packets_stay_below_what_networks_carry_in_one_piece() -> None:
    for codec in L16:
        assert max(codec.packet_ms) * codec.clock_rate * 2 // 1000 <= 1400
