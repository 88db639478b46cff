"""The registry lists what works, under the names and numbers of SDP."""

from __future__ import annotations

import numpy as np
import pytest

from siptg.rtp.codecs import (
    CODECS,
    OPUS,
    PCMA,
    PCMU,
    Codec,
    by_number,
    by_rtpmap,
    g722,
    g726,
    gsm,
    libopus,
    registry,
)
from siptg.rtp.codecs.library import load


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_what_is_listed_speaks(codec: Codec) -> None:
    for rate in codec.rates:
        decoder = codec.decoder(rate)
        for ms in codec.packet_ms:
            samples = np.zeros(rate * ms // 1000, np.int16)
            assert len(decoder.decode(codec.encoder(rate, "").encode(samples))) == len(samples)


def test_what_every_installation_has() -> None:
    assert list(CODECS)[:4] == ["pcmu", "pcma", "g722", "opus"]
    assert {"l16/8000", "l16/16000", "l16/48000"} < set(CODECS)


def test_payload_types_do_not_collide() -> None:
    numbers = [codec.payload_type for codec in CODECS.values()]
    assert len(set(numbers)) == len(numbers)
    assert not {13, 19, 101} & set(numbers)  # comfort noise old and new, and telephone-event


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_codec_is_found_by_its_own_rtpmap(codec: Codec) -> None:
    name, clock, *channels = codec.rtpmap.split("/")
    found = by_rtpmap(name.swapcase(), int(clock), *map(int, channels))
    assert found is codec and CODECS[codec.key] is codec


@pytest.mark.rfc(3551, "6")
@pytest.mark.parametrize(
    ("number", "name"), [(0, "PCMU"), (3, "GSM"), (8, "PCMA"), (9, "G722"), (2, None), (10, None)]
)
def test_static_numbers_mean_what_the_table_says(number: int, name: str | None) -> None:
    found = by_number(number)
    assert (found and found.name) == (name if name and name.lower() in CODECS else None)


def test_dynamic_numbers_mean_nothing_by_themselves() -> None:
    assert [by_number(n) for n in (*range(96, 128), -1, 128)] == [None] * 34


@pytest.mark.rfc(3551, "4.5.2")
def test_g722_counts_at_half_its_rate() -> None:
    found = by_rtpmap("G722", 8000)
    assert found is not None and (found.clock_rate, found.rates) == (8000, (16_000,))
    assert by_rtpmap("G722", 16_000) is None


@pytest.mark.rfc(7587, "7")
def test_opus_is_known_with_and_without_its_two_channels() -> None:
    assert by_rtpmap("opus", 48_000, 2) is OPUS and OPUS.rtpmap == "opus/48000/2"
    assert by_rtpmap("opus", 48_000) is OPUS
    assert by_rtpmap("opus", 48_000, 6) is None and by_rtpmap("opus", 16_000, 2) is None


def test_strangers_are_unknown() -> None:
    assert by_rtpmap("PCMU", 16_000) is None and by_rtpmap("PCMU", 8000, 2) is None
    assert by_rtpmap("L16", 44_100, 2) is None and by_rtpmap("iLBC", 8000) is None
    assert by_rtpmap("", 0, 0) is None


def test_what_is_not_installed_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gsm, "LIBRARY", None)
    monkeypatch.setattr(g726, "LIBRARY", None)
    monkeypatch.setattr(g722, "find_spec", lambda name: None)
    monkeypatch.setattr(libopus, "available", lambda: False)
    assert {codec.name for codec in registry.spoken()} == {"PCMU", "PCMA", "L16"}
    for absent in (gsm.GsmEncoder, gsm.GsmDecoder):
        with pytest.raises(OSError, match="libgsm"):
            absent()
    with pytest.raises(OSError, match="libspandsp"):
        g726.G726Encoder(4, g726.LOWER_FIRST)


def test_a_library_is_none_where_no_version_of_it_is() -> None:
    assert load("of-nobody", 1, 2) is None


def test_only_who_declares_more_answers_more() -> None:
    assert PCMU.answer_fmtp("x=1") == PCMA.fmtp == ""
    assert OPUS.answer_fmtp("") == OPUS.fmtp
