"""What is lost of Opus: corrected in band (RFC 6716 §4.2.5), else concealed."""

from __future__ import annotations

import numpy as np
import pytest

from siptg.rtp.audio import Samples
from siptg.rtp.codecs.opus import FMTP, OpusDecoder, OpusEncoder
from siptg.rtp.codecs.opus_packet import corrects
from tests.support.sines import likeness, vowel

LOSSES = ([False] * 6 + [True]) * 20
"""One packet in seven."""


def packets(rate: int, ms: int, loss: int, seconds: float, fmtp: str = FMTP) -> list[bytes]:
    encoder, size = OpusEncoder(rate, fmtp), rate * ms // 1000
    encoder.loss(loss)
    said = vowel(rate, seconds)
    return [encoder.encode(said[at : at + size]) for at in range(0, len(said) - size + 1, size)]


def played(
    payloads: list[bytes], rate: int, ms: int, losses: list[bool], *, correct: bool
) -> list[Samples]:
    """Packet by packet; of the lost ones what the decoder makes of it."""
    decoder, size, out, missing = OpusDecoder(rate), rate * ms // 1000, list[Samples](), 0
    for payload, lost in zip(payloads, losses, strict=False):
        if lost:
            missing += size
            continue
        if missing:
            made = decoder.recover(payload, missing) if correct else None
            made = decoder.conceal(missing) if made is None else made
            assert made is not None and len(made) == missing
            out += np.split(made, missing // size)
            missing = 0
        out.append(decoder.decode(payload))
    return out


def fidelity(payloads: list[bytes], rate: int, ms: int, *, correct: bool) -> float:
    """How like what is heard in the place of lost packets is to what was lost."""
    losses = LOSSES[: len(payloads) - 1]
    whole = played(payloads, rate, ms, [False] * len(losses), correct=False)
    holed = played(payloads, rate, ms, losses, correct=correct)
    at = [number for number, lost in enumerate(losses) if lost and number < len(holed)]
    return likeness(np.concatenate([whole[n] for n in at]), np.concatenate([holed[n] for n in at]))


@pytest.mark.rfc(7587, "3.3")
@pytest.mark.parametrize("ms", [10, 20, 40, 60])
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_correction_brings_back_what_concealment_can_only_guess(rate: int, ms: int) -> None:
    payloads = packets(rate, ms, 10, 2.8)
    assert sum(map(corrects, payloads)) > 0.7 * len(payloads)
    corrected = fidelity(payloads, rate, ms, correct=True)
    concealed = fidelity(payloads, rate, ms, correct=False)
    assert corrected > concealed + 0.03
    # of the longer packets at 48 kHz, which are several frames of 20 ms, only the last comes back
    assert corrected > 0.85 or (rate == 48_000 and ms > 20)


def test_without_loss_packets_carry_no_correction() -> None:
    assert not any(map(corrects, packets(8000, 20, 0, 2.0, FMTP + ";usedtx=1")))


def test_who_cannot_use_correction_is_sent_none() -> None:
    assert not any(map(corrects, packets(8000, 20, 20, 1.0, "")))


def test_celt_neither_corrects_nor_is_corrected() -> None:
    celt, silk = packets(8000, 20, 0, 1.0), packets(8000, 20, 10, 1.0)
    assert corrects(silk[30])
    decoder = OpusDecoder(8000)
    decoder.decode(silk[29])
    assert decoder.recover(celt[30], 160) is None
    assert decoder.recover(silk[30], 160) is not None
    decoder.decode(celt[30])
    assert decoder.recover(silk[31], 160) is None


def test_before_the_first_packet_there_is_nothing_to_correct() -> None:
    assert OpusDecoder(8000).recover(packets(8000, 20, 10, 1.0)[30], 160) is None


def test_two_packets_lost_are_one_guessed_and_one_corrected() -> None:
    payloads = packets(8000, 20, 10, 1.0)
    losses = [number in (29, 30) for number in range(40)]
    whole = played(payloads, 8000, 20, [False] * 40, correct=False)
    holed = played(payloads, 8000, 20, losses, correct=True)
    assert likeness(whole[30], holed[30]) > 0.9


def test_the_rest_of_a_packet_is_corrected_too() -> None:
    """40 of its 60 ms were concealed before the next packet came."""
    payloads = packets(8000, 60, 10, 1.0)
    decoder = OpusDecoder(8000)
    whole = played(payloads, 8000, 60, [False] * 12, correct=False)
    for payload in payloads[:8]:
        decoder.decode(payload)
    assert decoder.conceal(320) is not None
    rest = decoder.recover(payloads[9], 160)
    assert rest is not None and likeness(rest, whole[8][-160:]) > 0.8


@pytest.mark.parametrize("samples", [0, -160, 961, 48_000])
def test_impossible_lengths_are_not_mended(samples: int) -> None:
    payloads = packets(8000, 20, 10, 1.0)
    decoder = OpusDecoder(8000)
    for payload in payloads[:30]:
        decoder.decode(payload)
    assert decoder.recover(payloads[31], samples) is None
    assert decoder.conceal(samples) is None


@pytest.mark.parametrize("samples", [1, 19, 20, 21, 80, 160, 333, 960])
def test_any_other_length_is_concealed_exactly(samples: int) -> None:
    decoder = OpusDecoder(8000)
    for payload in packets(8000, 20, 0, 1.0):
        decoder.decode(payload)
    made = decoder.conceal(samples)
    assert made is not None and len(made) == samples and np.any(made)


def test_garbage_is_no_opus_and_says_so() -> None:
    decoder = OpusDecoder(8000)
    with pytest.raises(ValueError, match="empty"):
        decoder.decode(b"")
    with pytest.raises(ValueError, match="not Opus"):
        decoder.decode(b"\xff\xff\xff")
    made = decoder.conceal(160)
    assert made is not None and not np.any(made)
