"""Keys as tones: sent to Q.23, heard within Q.24's limits, and not heard in voices and music."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from siptg.rtp.audio import Samples
from siptg.rtp.digits import tonepair
from siptg.rtp.digits import tones as inband
from siptg.rtp.digits.keypad import Key
from siptg.rtp.digits.tones import ToneReceiver, ToneSender
from tests.support import voices
from tests.support.tonepairs import HZ, KEYS, Line, companded, frames, keys_in, listen, strength

RATES = [8000, 16_000, 48_000]


def dialled(sender: ToneSender) -> Samples:
    out = []
    while (frame := sender.next()) is not None:
        out.append(frame)
    assert {len(frame) for frame in out} == {sender.rate // 50}
    return np.concatenate(out)


def steepest(key: str, rate: int) -> float:
    """How far the two tones step from one sample to the next, and an edge shall not step more."""
    levels = zip(HZ[key], (-9, -7), strict=True)
    return sum(2 * math.pi * hz / rate * strength(dbm0) for hz, dbm0 in levels)


# what is sent


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_sounds_at_its_two_frequencies_and_levels_and_nowhere_else(
    key: str, rate: int
) -> None:
    sender = ToneSender(rate)
    sender.press(key, 1200)
    second = dialled(sender)[rate // 10 : rate // 10 + rate]
    spectrum = np.abs(np.fft.rfft(second)) * 2 / rate  # a line for each Hz
    for hz, dbm0 in zip(HZ[key], (-9, -7), strict=True):
        assert spectrum[hz] == pytest.approx(strength(dbm0), rel=0.001)
        spectrum[hz] = 0
    assert spectrum.max() < 1


@pytest.mark.parametrize("rate", RATES)
def test_it_swells_and_fades_within_two_milliseconds(rate: int) -> None:
    sender = ToneSender(rate)
    sender.press("1", 50)
    wave = np.abs(dialled(sender).astype(np.int32))
    assert wave[0] == 0 and wave[rate * 53 // 1000 :].max() == 0
    assert np.abs(np.diff(wave)).max() <= steepest("1", rate)
    assert wave[: rate // 2000].max() < 0.3 * wave.max()


def test_keys_sound_100_ms_with_60_of_silence_between_them_and_are_heard_again() -> None:
    sender = ToneSender()
    sender.press("159D*0#")
    told, ended = listen(np.concatenate([dialled(sender), np.zeros(800, np.int16)]))
    assert told == "159D*0#"
    assert [key.symbol for key in ended] == list(told)
    assert all(abs(key.milliseconds - 100) <= 4 for key in ended)
    assert sender.next() is None and not sender.busy


def test_a_held_key_sounds_without_a_break_until_it_is_let_go_and_fades() -> None:
    sender = ToneSender()
    sender.start("8")
    wave = [sender.next() for _ in range(50)]
    sender.stop()
    made = np.concatenate([frame for frame in wave if frame is not None] + [dialled(sender)])
    assert np.abs(np.diff(made.astype(np.int32))).max() <= steepest("8", 8000)
    told, ended = listen(made)
    assert told == "8" and abs(ended[0].milliseconds - 1000) <= 4


def test_the_hook_has_no_tone() -> None:
    with pytest.raises(ValueError, match="flash has no tone"):
        ToneSender().press("1!")
    with pytest.raises(ValueError, match="not a key"):
        ToneSender().press("x")


# what is heard


@pytest.mark.parametrize("law", ["", "μ", "A"], ids=["plain", "PCMU", "PCMA"])
@pytest.mark.parametrize("level", [0, -3, -6, -9, -12, -15, -18, -21, -24, -25])
def test_every_key_of_40_ms_is_heard_once_at_every_level_through_noise_15_db_below(
    level: int, law: str
) -> None:
    line = Line(level, level, chance=np.random.default_rng(level + 100))
    keys = "".join(line.chance.permutation(list(KEYS * 12)))
    for key in keys:  # each begins anywhere in a frame, in any phase
        line.dial(key, 40, 40 + line.chance.uniform(0, 0.5))
    sound = line.heard(15)
    assert keys_in(companded(sound, law) if law else sound) == keys


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_every_key_is_heard_wherever_in_a_frame_it_begins(rate: int) -> None:
    line, keys = Line(rate=rate), KEYS * 20
    for n, key in enumerate(keys):
        line.dial(key, 40, 40 + n % 16 * 20 / 16 + 1 / 16)
    assert keys_in(line.heard(15), rate) == keys


@pytest.mark.parametrize("off", list(product([-0.015, 0, 0.015], repeat=2)))
@pytest.mark.parametrize("levels", [(-10, -10), (-10, -18), (-14, -10)])
def test_frequencies_1_5_percent_off_and_twists_of_8_and_4_db_are_heard(
    levels: tuple[float, float], off: tuple[float, float]
) -> None:
    line = Line(*levels, off=off)
    assert keys_in(line.dial(KEYS * 3).heard(15)) == KEYS * 3


@pytest.mark.parametrize("off", [o for o in product([-0.035, 0, 0.035], repeat=2) if o != (0, 0)])
@pytest.mark.parametrize("further", [1.0, 1.2, 1.4])
@pytest.mark.parametrize("noise", [15, None])
def test_frequencies_3_5_percent_off_are_not(
    off: tuple[float, float], further: float, noise: float | None
) -> None:
    line = Line(off=(off[0] * further, off[1] * further))
    assert keys_in(line.dial(KEYS, 100, 60).heard(noise)) == ""


@pytest.mark.parametrize("levels", [(-10, -21), (-17, -10), (-10, -40), (-40, -10)])
def test_greater_twists_and_single_tones_are_not(levels: tuple[float, float]) -> None:
    assert keys_in(Line(*levels).dial(KEYS, 100, 60).heard(15)) == ""


def test_what_is_quieter_than_36_dbm0_is_not() -> None:
    assert keys_in(Line(-36, -36).dial(KEYS, 100, 60).heard(15)) == ""
    assert keys_in(Line(-36, -36).dial(KEYS, 100, 60).heard(None)) == ""


@pytest.mark.parametrize("length", [5, 10, 15, 20, 22, 23])
@pytest.mark.parametrize("noise", [15, None])
def test_what_is_shorter_than_24_ms_is_not(length: float, noise: float | None) -> None:
    line = Line()
    for key in KEYS * 6:
        line.anywhere().tone(key, length)
    assert keys_in(line.heard(noise)) == ""


@pytest.mark.parametrize("gap", [1, 2, 5, 8, 10])
def test_a_break_of_10_ms_does_not_part_a_key(gap: float) -> None:
    line = Line(off=(0.015, -0.015))
    for key in KEYS * 6:
        line.anywhere().tone(key, 60).silence(gap).tone(key, 60)
    told, ended = listen(line.heard(15))
    assert told == KEYS * 6
    assert all(abs(key.milliseconds - 120 - gap) <= 8 for key in ended)


def test_a_packet_that_was_lost_does_not_part_a_key() -> None:
    line = Line()
    for key in KEYS:
        line.anywhere().tone(key, 60).silence(20).tone(key, 60)
    assert keys_in(line.heard(15)) == KEYS


def test_a_pause_of_40_ms_parts_equal_keys() -> None:
    line = Line()
    for key in KEYS:
        for n in range(12):
            line.dial(key, 50, 40 + n / 16)
        line.anywhere()
    assert keys_in(line.heard(15)) == "".join(key * 12 for key in KEYS)


def test_different_keys_are_heard_without_a_pause_between_them() -> None:
    line = Line()
    for key in KEYS:
        line.tone(key, 80)
    assert keys_in(line.heard(15)) == KEYS


def test_begin_and_end_are_told_when_they_are_known() -> None:
    ear = ToneReceiver()
    sound = frames(Line().silence(100).tone("6", 200).silence(200).heard())
    assert [ear.receive(frame) for frame in sound[:5]] == [None] * 5
    assert [ear.receive(frame) for frame in sound[5:7]] == [None, "6"]
    assert ear.held == "6"
    assert [ear.receive(frame) for frame in sound[7:17]] == [None] * 10
    assert ear.held is None
    assert ear.ended() == [Key("6", 200)] and ear.ended() == ()


def test_a_call_may_change_its_rate() -> None:
    ear, told = ToneReceiver(), ""
    for rate in (8000, 48_000, 16_000):
        sound = Line(rate=rate).silence(50).tone("3", 90).silence(60).heard()
        told += "".join(ear.receive(frame) or "" for frame in frames(sound, rate))
    assert told == "333"


@pytest.mark.parametrize("length", [40, 70, 100, 333])
def test_frames_said_to_hold_tones_leave_no_key_behind_when_they_are_silenced(
    length: float,
) -> None:
    line, ear = Line(), ToneReceiver()
    for key in KEYS * 4:
        line.anywhere().tone(key, length)
    sound, left = frames(line.heard(30)), list[Samples]()
    for frame in sound:
        ear.receive(frame)
        left.append(frame * 0 if ear.tone else frame)
    assert keys_in(np.concatenate(left)) == ""
    loud = sum(float(np.abs(frame).max()) > 3000 for frame in left)
    assert loud <= 2 * len(KEYS * 4), "no more than the frames where it begins and ends"


def test_silence_and_speech_are_not_said_to_hold_tones() -> None:
    ear = ToneReceiver()
    for piece in voices.minutes(0.5, seed=5):
        for frame in frames(piece):
            ear.receive(frame)
            assert not ear.tone
    ear.receive(np.zeros(160, np.int16))
    assert not ear.tone and ear.held is None


@given(
    st.lists(arrays.arrays(np.int16, 160) | st.just(np.full(160, -32_768, np.int16)), max_size=20)
)
def test_any_samples_are_taken(sound: list[Samples]) -> None:
    ear = ToneReceiver()
    for frame in sound:
        ear.receive(frame)
    assert len(ear.ended()) <= len(sound)


# what must not be heard


def false_keys(minutes: float, seed: int) -> str:
    ear, told = ToneReceiver(), ""
    for piece in voices.minutes(minutes, seed):
        told += "".join(ear.receive(frame) or "" for frame in frames(piece))
    return told


def test_ten_minutes_of_speech_and_music_are_no_key() -> None:
    assert false_keys(10, seed=4733) == ""


def test_a_looser_ear_would_hear_keys_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are hard enough to show what the limits are for."""
    monkeypatch.setattr(tonepair, "REST", 0.5)
    monkeypatch.setattr(tonepair, "HARMONIC", 9.0)
    monkeypatch.setattr(inband, "SHORTEST_MS", 20)
    assert len(false_keys(10, seed=4733)) >= 3


@pytest.mark.parametrize(
    "kind",
    [voices.talk, voices.song, voices.organ, voices.strings, voices.stacks, voices.sweeps],
)
def test_no_kind_of_voice_or_music_is_a_key(
    kind: Callable[[np.random.Generator], voices.Floats],
) -> None:
    ear, chance, told = ToneReceiver(), np.random.default_rng(1), ""
    for _ in range(4):
        piece = kind(chance)
        loud = (piece * (9000 / np.abs(piece).max())).astype(np.int16)
        told += "".join(ear.receive(frame) or "" for frame in frames(loud))
    assert told == ""


def test_an_octave_of_a_voice_is_no_key() -> None:
    """682 and 1364 Hz lie within the tolerance of the key 2."""
    t = np.arange(8000) / 8000
    for note in np.arange(670, 700, 1.0):
        wave = 5000 * (np.sin(2 * math.pi * note * t) + np.sin(4 * math.pi * note * t + 1))
        assert keys_in(wave.astype(np.int16)) == ""


def test_tones_with_overtones_are_a_flute_s_and_no_key() -> None:
    t = np.arange(8000) / 8000
    for key, low in product(KEYS, (True, False)):
        hz = HZ[key]
        pair = sum(np.sin(2 * math.pi * f * t) for f in hz)
        over = np.sin(4 * math.pi * hz[0 if low else 1] * t + 1)
        assert keys_in(np.asarray(5000 * (pair + 0.25 * over)).astype(np.int16)) == ""
        assert keys_in(np.asarray(5000 * (pair + 0.06 * over)).astype(np.int16)) == key
