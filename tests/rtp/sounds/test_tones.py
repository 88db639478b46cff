"""Sounds, the ear that measures them, packets, and the beat."""

from __future__ import annotations

import asyncio
import re
import wave
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.audio import Samples, join_rates
from siptg.rtp.clock import MediaClock
from siptg.rtp.packet import RtpPacket
from siptg.rtp.sequence import Unwrapped, ahead
from siptg.rtp.sounds.countries import COUNTRIES, KINDS
from siptg.rtp.sounds.goertzel import FLOOR, Ear, level, loudest
from siptg.rtp.sounds.tones import sound


def played(what: str, rate: int, milliseconds: int) -> Samples:
    """The beginning of a sound."""
    return np.concatenate(list(islice(sound(what, rate), milliseconds // 20)))


def saved(path: Path, hz: int) -> Path:
    """A second of a tone, as a file."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(played(f"tone:{hz}/1000", 8000, 1000).tobytes())
    return path


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@pytest.mark.parametrize("hz", [440.0, 880.0, 697.5])
def test_a_tone_is_measured_as_what_it_is(rate: int, hz: float) -> None:
    samples = np.concatenate(list(sound(f"tone:{hz}/1000", rate)))
    assert len(samples) == rate
    assert loudest(samples, rate)[0] == pytest.approx(hz, abs=1)
    assert level(samples, hz, rate) > -11 and level(samples, hz * 1.5, rate) < -40


def test_silence_has_no_frequency() -> None:
    assert loudest(np.zeros(8000, np.int16), 8000) == (0.0, FLOOR)
    assert loudest(np.zeros(0, np.int16), 8000) == (0.0, FLOOR)
    assert len(list(sound("silence:500", 8000))) == 25


@pytest.mark.parametrize("country", COUNTRIES)
@pytest.mark.parametrize("kind", KINDS)
def test_call_progress_tones_have_their_countrys_pitch_and_pauses(country: str, kind: str) -> None:
    steps = COUNTRIES[country][kind]
    whole = sum(seconds for _, seconds in steps)
    heard = played(f"{kind}:{country}", 8000, round(whole * 1000 / 20) * 20)
    at = 0
    for frequencies, seconds in steps:
        step = heard[at : at + round(seconds * 8000)]
        at += len(step)
        inside = step[200:-200]  # without the edges
        if len(inside) > 200:
            assert (np.abs(inside).max() > 100) == bool(frequencies)
            for hz in frequencies if len(inside) > 400 else ():
                assert level(inside, hz, 8000) > level(inside, hz * 1.2, 8000) + 6


def test_a_country_that_is_not_listed_sounds_like_germany() -> None:
    assert np.array_equal(played("busy:zz", 8000, 2000), played("busy:DE", 8000, 2000))
    assert np.array_equal(played("busy", 8000, 2000), played("busy:de", 8000, 2000))


def test_the_limit_is_heard_once_and_the_other_kinds_until_they_are_stopped() -> None:
    assert len(list(sound("limit", 8000))) == 30
    assert len(list(sound("ringback:gb/7000", 8000))) == 350
    assert len(list(islice(sound("record", 8000), 2000))) == 2000


def test_two_pitches_are_as_loud_as_asked() -> None:
    heard = played("tone:440+480@-20/2000", 8000, 2000)
    for hz in (440, 480):
        assert level(heard[800:8800], hz, 8000) == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize(
    ("what", "hz"),
    [
        ("(tone:440/205,silence:100)*", 440),
        ("busy:gb", 400),
        ("unknown:us", 1800),
        ("(tone:300/33,silence:9)*", 300),
    ],
)
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_nothing_clicks(what: str, hz: int, rate: int) -> None:
    heard = played(what, rate, 3000).astype(int)
    # from one sample to the next a sine of that pitch goes no further; a click does
    assert np.abs(np.diff(heard)).max() < 10_000 * 2 * np.sin(np.pi * hz / rate) * 1.05
    assert abs(heard[0]) < 200


def test_a_tone_goes_on_without_a_jump_for_an_hour() -> None:
    frames = sound("tone:441.7+620", 8000)
    first = [next(frames) for _ in range(500)]
    at = np.arange(500 * 160 + 160) % 80_000  # tenths of a hertz repeat after ten seconds
    waves = sum(5000 * np.sin(2 * np.pi * f * at / 8000) for f in (441.7, 620.0))
    later = [next(frames) for _ in range(179_500)][-500:]
    want = np.rint(waves)[: 500 * 160]
    assert np.abs(np.concatenate(first)[160:] - want[160:]).max() <= 1
    assert np.abs(np.concatenate(later) - want).max() <= 1


def test_sequences_repetitions_and_what_is_cut_to_the_millisecond() -> None:
    heard = played("(tone:440/205,silence:795)*3,tone:880/1000", 8000, 5000)
    assert len(heard) == 4 * 8000
    for second in range(3):
        on, off = np.split(heard[second * 8000 : (second + 1) * 8000], [1640])
        assert level(on, 440, 8000) > -11 and not off.any()
    assert level(heard[24_000:], 880, 8000) > -11
    assert len(list(sound("silence:10*4", 8000))) == 2
    assert len(list(islice(sound("silence:500,(tone:440/20)*", 8000), 500))) == 500


def test_frames_of_a_sound_cannot_be_written_to_where_they_are_shared() -> None:
    frames = sound("tone:440", 8000)
    next(frames)
    with pytest.raises(ValueError, match="read-only"):
        next(frames)[0] = 1


def test_a_file_is_played_at_any_rate(tmp_path: Path) -> None:
    path = saved(tmp_path / "a, b*.wav", 440)
    for rate in (8000, 48_000):
        heard = np.concatenate(list(sound(str(path), rate, ahead=False)))
        assert len(heard) == rate and loudest(heard, rate)[0] == pytest.approx(440, abs=2)


def test_files_stand_in_sequences_and_are_repeated(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", 440)
    assert len(list(sound(f"file:{path}*3", 8000, ahead=False))) == 150
    heard = list(sound(f"(file:{path},tone:880/1000)*2,silence:1000", 8000, ahead=False))
    pitches = [loudest(np.concatenate(heard[at : at + 50]), 8000)[0] for at in range(0, 250, 50)]
    assert pitches == pytest.approx([440, 880, 440, 880, 0], abs=2)


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("tone:x", "a number from 1 to 4000 expected, not 'x'"),
        ("tone:9000", "from 1 to 4000"),
        ("tone:440@3/100", "a number from -90 to 0 expected, not '3'"),
        ("tone:440+480@0", "-6 dBFS at most expected for 2 pitches"),
        ("tone:440/0", "from 1 to 86400000"),
        ("silence:", "a number"),
        ("silence:0*", "from 1"),
        ("nowhere.wav", "nowhere.wav cannot be played: .*No such file.*tone:440"),
        ("ringbak:de", "cannot be played: No such file.*ringback:de"),
        ("tone:440,silence:10", "tone:440 never ends, so nothing can follow it: tone:440/1000"),
        ("tone:440/10,", "'' is no sound: tone:440"),
        ("tone:440/10,beep.wav", "'beep.wav' is no sound"),
        ("(tone:440/10", "one pair of brackets expected"),
        ("((tone:440/10))*2", "one pair of brackets expected"),
        ("(busy:de)*2", "busy:de never ends, so it cannot be repeated"),
        ("busy*2", "never ends"),
        ("(tone:440/10)*x", "a number from 1 to 1000 expected, not 'x'"),
        ("tone:" + "440+" * 400, "at most 1000 characters"),
    ],
)
def test_what_cannot_be_played_says_why(what: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.compile(why, re.DOTALL)):
        sound(what, 8000)


@given(st.text("tonesilcfribgk:,()*/+@-.0123456789 ", max_size=40))
def test_any_text_is_a_sound_or_a_value_error(text: str) -> None:
    try:
        frames = list(islice(sound(text, 8000, ahead=False), 50))
    except ValueError:
        return
    assert all(len(frame) == 160 and frame.dtype == np.int16 for frame in frames)


def test_an_ear_forgets_what_it_heard_at_another_rate() -> None:
    ear = Ear(8000, 0.1)
    for frame in islice(sound("tone:440", 8000), 5):
        ear.write(frame)
    assert ear.full
    ear.write(next(sound("tone:440", 48_000)))
    assert (ear.rate, ear.full, len(ear.samples)) == (48_000, False, 960)


class Port:
    def __init__(self, *rates: int) -> None:
        self.rate, self._rates = rates[0], rates

    def read(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
        return np.zeros(self.rate // 50, np.int16)

    def write(self, frame: object) -> None:
        return

    def tune(self, rate: int) -> None:
        if rate not in self._rates:
            raise ValueError("cannot")
        self.rate = rate


def test_rates_are_joined_downwards_where_it_can_be_and_upwards_else() -> None:
    assert join_rates(Port(8000), Port(48_000, 8000)) == 8000
    assert join_rates(Port(8000, 48_000), Port(48_000)) == 48_000
    with pytest.raises(ValueError, match="cannot join audio at 8000 and 16000"):
        join_rates(Port(8000), Port(16_000))


def test_a_packet_is_read_as_it_was_written_and_extras_are_taken_off() -> None:
    packet = RtpPacket(8, 65_535, 2**32 - 1, 7, b"sound", marker=True)
    assert RtpPacket.parse(bytes(packet)) == packet
    full = bytes([0x80 | 0x20 | 0x10 | 1, 0x88, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]) + b"csrc"
    full += b"\xbe\xde\x00\x01extn" + b"sound" + b"\x00\x00\x03"
    assert RtpPacket.parse(full) == RtpPacket(8, 1, 2, 3, b"sound", marker=True)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_a_value_error(data: bytes) -> None:
    try:
        assert isinstance(RtpPacket.parse(data).payload, bytes)
    except ValueError:
        return


@given(st.integers(0, 2**40), st.integers(-1000, 1000))
def test_wrapped_numbers_go_on(start: int, step: int) -> None:
    unwrap = Unwrapped(16)
    first = unwrap(start & 0xFFFF)
    assert unwrap((start + step) & 0xFFFF) - first == step
    assert ahead((start + step) & 0xFFFF, start & 0xFFFF) == step


async def test_a_tick_that_breaks_is_taken_off_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, ticks = MediaClock(), list[int]()

    def broken() -> None:
        raise RuntimeError("planted")

    clock.add(broken)
    clock.add(lambda: ticks.append(1))
    clock.beat()
    clock.beat()
    assert (len(ticks), clock.failures) == (2, 1) and "planted" in caplog.text


@pytest.mark.looptime
async def test_an_idle_clock_does_not_beat() -> None:
    async with MediaClock(asyncio.get_running_loop().time) as clock:
        await asyncio.sleep(10)
        assert clock.beats == 0

        def tick() -> None:
            return

        clock.add(tick)
        await asyncio.sleep(10.01)
        assert clock.beats == pytest.approx(500, abs=2) and clock.skipped == 0
        clock.remove(tick)
        await asyncio.sleep(10)
        assert clock.beats <= 503
