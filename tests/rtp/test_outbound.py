"""What we say as one even stream: numbers, markers, lengths of packets, keys, pauses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from siptg.rtp.codecs import CODECS, OPUS, PCMA, PCMU, Codec
from siptg.rtp.codecs.opus_packet import corrects, duration
from siptg.rtp.digits.tones import ToneReceiver
from siptg.rtp.effort import Effort
from siptg.rtp.outbound import Outbound
from siptg.rtp.rtcp.sender import Sender
from tests.support.outgoing import (
    EVENT,
    FIRST,
    SSRC,
    STAMP,
    Counting,
    counting,
    frames,
    talker,
    theirs,
    write,
)
from tests.support.sines import sine


def has(key: str) -> Codec:
    return CODECS.get(key) or pytest.skip(f"no {key} in this installation")


def test_nothing_leaves_before_it_is_known_how() -> None:
    sent: list[bytes] = []
    out = Outbound(sent.append, Sender(8000, 1), sequence=1, timestamp=1)
    out.write(frames(8000, 1)[0], 0.0)
    out.carry(list(theirs(b"x")), 0.0)
    out.prime(frames(8000, 1)[0])
    assert sent == []


@pytest.mark.rfc(3550, "5.1")
def test_sequence_and_timestamp_begin_by_chance_go_on_and_wrap() -> None:
    out, said = talker()
    write(out, frames(8000, 20))
    assert (said[0].sequence, said[0].timestamp, said[0].ssrc) == (FIRST, STAMP, SSRC)
    assert said.numbers == list(range(20))
    assert said.stamps == [n * 160 for n in range(20)]
    assert said[10].sequence == 4 and said[10].timestamp < 2000


@pytest.mark.rfc(3551, "4.1")
def test_the_marker_stands_where_talk_begins_and_after_each_pause() -> None:
    out, said = talker()
    write(out, frames(8000, 3))
    out.silent = True
    write(out, frames(8000, 10))
    out.silent = False
    write(out, frames(8000, 2))
    assert said.markers == [True, False, False, True, False]


def test_time_goes_on_while_nothing_is_sent() -> None:
    out, said = talker()
    write(out, frames(8000, 2))
    out.silent = True
    write(out, frames(8000, 50))
    out.silent = False
    write(out, frames(8000, 1))
    assert said.stamps == [0, 160, 52 * 160]
    assert said.numbers == [0, 1, 2]  # a pause is no loss


@pytest.mark.rfc(7587, "3.1.3")
def test_a_pause_of_opus_is_a_packet_each_400_ms_and_ends_with_a_marker() -> None:
    out, said = talker(OPUS, 16_000, fmtp="usedtx=1")
    write(out, frames(16_000, 20))
    write(out, [np.zeros(320, np.int16)] * 100)
    quiet = len(said)
    write(out, frames(16_000, 10))
    assert quiet < 60
    assert sum(len(one.payload) <= 2 for one in said) <= 100 * 20 // 400
    gaps = [b - a for a, b in itertools.pairwise(said.stamps)]
    assert max(gaps) <= 400 * 48
    assert said[0].marker and any(said.markers[quiet : quiet + 10])
    assert said.stamps[-1] == 129 * 960
    assert said.numbers == list(range(len(said)))


@pytest.mark.rfc(3551, "4.2")
@pytest.mark.parametrize("ms", [10, 20, 30, 40, 60])
@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=lambda codec: codec.name)
def test_packets_of_g711_hold_their_time_to_the_sample(codec: Codec, ms: int) -> None:
    out, said = talker(codec, ptime=ms)
    sound = sine(440, 8000, 1.2)
    write(out, list(sound.reshape(-1, 160)))
    assert {len(one.payload) for one in said} == {8 * ms}
    assert said.stamps == [n * 8 * ms for n in range(1200 // ms)]
    assert said.numbers == list(range(1200 // ms)) and said.markers.count(True) == 1
    assert b"".join(one.payload for one in said) == codec.encoder(8000, "").encode(sound)


@pytest.mark.parametrize("ms", [10, 20, 40, 60])
@pytest.mark.parametrize("rate", [8000, 48_000])
def test_packets_of_opus_hold_their_time(rate: int, ms: int) -> None:
    out, said = talker(OPUS, rate, ptime=ms)
    write(out, frames(rate, 60))
    assert {duration(one.payload) for one in said} == {48 * ms}
    assert said.stamps == [n * 48 * ms for n in range(1200 // ms)]


@pytest.mark.parametrize("ms", [20, 40, 60])
def test_packets_of_gsm_hold_their_time(ms: int) -> None:
    out, said = talker(has("gsm"), ptime=ms)
    write(out, frames(8000, 60))
    assert {len(one.payload) for one in said} == {33 * ms // 20}
    assert said.stamps == [n * 8 * ms for n in range(1200 // ms)]


@pytest.mark.rfc(3551, "4.5.2")
@pytest.mark.parametrize("ms", [10, 20, 30, 60])
def test_the_clock_of_g722_runs_at_half_its_rate(ms: int) -> None:
    out, said = talker(has("g722"), ptime=ms)
    write(out, frames(16_000, 60))
    assert {len(one.payload) for one in said} == {8 * ms}
    assert said.stamps == [n * 8 * ms for n in range(1200 // ms)]


def test_another_length_in_mid_call_keeps_the_encoder_and_the_clock() -> None:
    codec, made = counting()
    out, said = talker(codec)
    sound = (np.arange(160 * 36) % 20_000).astype(np.int16).reshape(-1, 160)
    for n, ms in enumerate((20, 60, 10, 30, 40, 20)):
        out.speak(codec, 96, 8000, ptime=ms)
        write(out, list(sound[6 * n : 6 * n + 6]))
    assert len(made) == 1
    assert np.array_equal(np.concatenate(made[0].given), sound.reshape(-1))
    ends = [at + len(one.payload) // 2 for at, one in zip(said.stamps, said, strict=True)]
    assert said.stamps[1:] == ends[:-1]


def test_the_encoder_is_another_where_codec_rate_or_their_wishes_are() -> None:
    codec, made = counting()
    out, _ = talker(codec)
    for rate, fmtp in ((8000, ""), (16_000, ""), (16_000, "x=1"), (16_000, "x=1")):
        out.speak(codec, 96, rate, fmtp=fmtp)
        write(out, frames(rate, 1))
    assert [encoder.rate for encoder in made] == [8000, 16_000, 16_000]


def test_another_codec_in_mid_call_goes_on_in_time_and_number() -> None:
    out, said = talker()
    write(out, frames(8000, 3))
    out.speak(OPUS, 111, 8000)
    write(out, frames(8000, 3))
    assert [one.payload_type for one in said] == [0, 0, 0, 111, 111, 111]
    assert said.numbers == list(range(6))
    assert said.stamps == [0, 160, 320, 480, 480 + 960, 480 + 1920]
    assert said.markers == [True, False, False, True, False, False]


def test_a_frame_or_a_rate_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    out, said = talker()
    with pytest.raises(ValueError, match="320 samples are no 20 ms at 8000"):
        out.write(np.zeros(320, np.int16), 0.0)
    with pytest.raises(ValueError, match="PCMU does not speak at 48000"):
        out.speak(PCMU, 0, 48_000)
    write(out, frames(8000, 1))
    assert len(said) == 1 and out.rate == 8000


@pytest.mark.rfc(4733, "2.5.1.4")
@pytest.mark.parametrize("ms", [20, 60])
def test_a_key_takes_the_place_of_sound_and_the_clock_goes_on(ms: int) -> None:
    out, said = talker(ptime=ms)
    write(out, frames(8000, 10))
    before = len(said)
    out.keys.press("5")
    write(out, frames(8000, 20))
    keys = [one for one in said if one.payload_type == EVENT]
    assert said[before : before + len(keys)] == keys
    assert {one.timestamp for one in keys} == {(STAMP + 10 * 160) & 0xFFFFFFFF}
    assert [one.marker for one in keys] == [True] + [False] * (len(keys) - 1)
    after = said[before + len(keys)]
    assert after.marker and after.payload_type == 0
    assert (after.timestamp - keys[0].timestamp) & 0xFFFFFFFF >= 160 * 8  # key and pause
    assert said.numbers == list(range(len(said)))


def test_what_was_said_before_a_pause_is_not_heard_behind_it() -> None:
    """Half a packet is waiting when the call is held."""
    codec, _ = counting()
    out, said = talker(codec, ptime=60)
    write(out, [np.full(160, 1, np.int16)] * 4)
    out.silent = True
    write(out, [np.full(160, 2, np.int16)] * 50)
    out.silent = False
    write(out, [np.full(160, 3, np.int16)] * 6)
    heard = np.frombuffer(b"".join(one.payload for one in said), np.int16)
    assert list(np.unique(heard, return_counts=True)[1]) == [480, 960]
    assert said.stamps == [0, 54 * 160, 57 * 160]


def test_keys_as_tones_take_the_place_of_frames() -> None:
    out, said = talker()
    write(out, frames(8000, 5))
    out.sing("58#")
    write(out, frames(8000, 40, hz=1000))
    ear, told = ToneReceiver(8000), ""
    for one in said:
        told += ear.receive(PCMU.decoder(8000).decode(one.payload)) or ""
    assert told == "58#"
    assert said.stamps == [n * 160 for n in range(45)] and {p.payload_type for p in said} == {0}
    assert out.tones is None  # and are let go of behind the last


def test_keys_as_tones_outlive_a_change_of_rate() -> None:
    out, said = talker(OPUS, 48_000)
    write(out, frames(48_000, 5))
    out.sing("12")
    write(out, frames(48_000, 4))
    out.speak(OPUS, 111, 8000)
    write(out, frames(8000, 40))
    ear, decoder, told = ToneReceiver(8000), OPUS.decoder(8000), ""
    for one in said:
        told += ear.receive(decoder.decode(one.payload)) or ""
    assert told == "12"


def test_tones_may_be_asked_for_before_it_is_known_at_which_rate() -> None:
    said: list[bytes] = []
    out = Outbound(said.append, Sender(8000, 1), sequence=1, timestamp=1)
    out.sing("7")
    out.speak(PCMU, 0, 8000)
    write(out, frames(8000, 20))
    ear, told = ToneReceiver(8000), ""
    for data in said:
        told += ear.receive(PCMU.decoder(8000).decode(data[12:])) or ""
    assert told == "7"


def test_the_encoder_spends_what_effort_allows() -> None:
    effort = Effort()
    out, _ = talker(OPUS, 8000, effort=effort)
    write(out, frames(8000, 1))
    assert out._opus is not None and out._opus.complexity == 5
    effort.complexity = 0
    write(out, frames(8000, 1))
    assert out._opus.complexity == 0
    out.speak(OPUS, 111, 48_000)
    write(out, frames(48_000, 1))
    assert out._opus.complexity == 0  # so does the next one


@pytest.mark.rfc(7587, "6.1")
def test_loss_over_there_is_met_by_error_correction_where_they_take_it() -> None:
    for fmtp, expected in (("useinbandfec=1", True), ("", False)):
        out, said = talker(OPUS, 16_000, fmtp=fmtp)
        write(out, frames(16_000, 20))
        assert not any(corrects(one.payload) for one in said)
        out.loss(10)
        write(out, frames(16_000, 40))
        assert any(corrects(one.payload) for one in said[-20:]) is expected
        out.loss(0)
        write(out, frames(16_000, 40))
        assert not any(corrects(one.payload) for one in said[-20:])


def test_what_is_lost_over_there_is_known_to_an_encoder_that_is_made_later() -> None:
    out, said = talker(OPUS, 16_000, fmtp="useinbandfec=1")
    out.loss(10)
    write(out, frames(16_000, 40))
    assert any(corrects(one.payload) for one in said[-20:])


def test_it_counts_what_a_sender_report_tells() -> None:
    out, said = talker()
    sender = out._sender
    for n, frame in enumerate(frames(8000, 3)):
        out.write(frame, 10 + n * 0.02)
    assert (sender.packets, sender.octets) == (3, 480)
    assert sender.timestamp(10.04) == said[-1].timestamp
    out.speak(OPUS, 111, 8000)
    assert sender.clock_rate == 48_000


def test_a_counting_codec_is_all_there() -> None:
    """What these tests judge by."""
    sound = frames(8000, 1)[0]
    assert np.array_equal(Counting().decode(Counting().encode(sound)), sound)


@pytest.mark.parametrize("how", ["held", "held, as tones", "no events"])
def test_a_key_that_they_cannot_hear_goes_by_and_is_not_sent_later(how: str) -> None:
    held = how != "no events"
    out, said = talker(event_type=EVENT if held else None)
    out.silent = held
    out.sing("12") if "tones" in how else out.keys.press("12")
    write(out, frames(8000, 10))
    out.carry(list(theirs(b"x" * 160)), 0.0)
    write(out, frames(8000, 9))
    assert len(said) == (0 if held else 20)  # sound goes on
    out.speak(PCMU, 0, 8000, event_type=EVENT)
    out.silent = False
    write(out, frames(8000, 10))
    assert {one.payload_type for one in said} == {0}
    quiet = PCMU.encoder(8000, "").encode(frames(8000, 1)[0])
    assert said[-10].payload == quiet or not held
