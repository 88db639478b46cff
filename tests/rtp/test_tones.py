"""Sounds, the ear that measures them, packets, and the beat."""

from __future__ import annotations

import asyncio
import wave
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.audio import join_rates
from siptg.rtp.clock import MediaClock
from siptg.rtp.goertzel import FLOOR, Ear, level, loudest
from siptg.rtp.packet import RtpPacket
from siptg.rtp.sequence import Unwrapped, ahead
from siptg.rtp.tones import COUNTRIES, sound


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
@pytest.mark.parametrize("kind", ["ringback", "busy", "congestion"])
def test_call_progress_tones_have_their_countrys_pitch_and_pauses(country: str, kind: str) -> None:
    frequencies, cadence = COUNTRIES[country][kind]
    period = sum(on + off for on, off in cadence)
    frames = list(islice(sound(f"{kind}:{country}", 8000), round(period * 50)))
    loud = [bool(np.abs(f).max() > 500) for f in frames]
    assert sum(loud) == pytest.approx(50 * sum(on for on, _ in cadence), abs=2)
    first = np.concatenate(frames[: round(cadence[0][0] * 50)])
    assert any(abs(loudest(first, 8000)[0] - f) < 8 for f in frequencies)


def test_a_file_is_played_at_any_rate(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.concatenate(list(sound("tone:440/1000", 8000))).tobytes())
    for rate in (8000, 48_000):
        heard = np.concatenate(list(sound(str(path), rate)))
        assert len(heard) == rate and loudest(heard, rate)[0] == pytest.approx(440, abs=2)


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("tone:x", "a number from 1 to 4000 expected, not 'x'"),
        ("tone:9000", "from 1 to 4000"),
        ("silence:", "a number"),
        ("nowhere.wav", "cannot be played: .*No such file"),
    ],
)
def test_what_cannot_be_played_says_why(what: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        next(sound(what, 8000))


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
