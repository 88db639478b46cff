"""How long payloads are is known without decoding them."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from siptg.rtp.codecs import CODECS, OPUS, PCMU, Codec
from siptg.rtp.codecs.lengths import ticks_of


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_every_codec_of_ours_tells_it(codec: Codec) -> None:
    rate = codec.rates[0]
    for ms in codec.packet_ms:
        payload = codec.encoder(rate, "").encode(np.zeros(rate * ms // 1000, np.int16))
        ticks = ticks_of(codec)
        assert ticks is not None and ticks(payload) == codec.clock_rate * ms // 1000


def test_of_another_nobody_knows() -> None:
    assert ticks_of(attrs.evolve(PCMU, name="X", key="x")) is None


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_an_empty_payload_has_no_length(codec: Codec) -> None:
    ticks = ticks_of(codec)
    assert ticks is not None and ticks(b"") == 0


def test_what_is_no_opus_has_no_length() -> None:
    ticks = ticks_of(OPUS)
    assert ticks is not None and ticks(b"\xfb\x3f") == 0
