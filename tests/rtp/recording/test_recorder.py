"""Recordings: sides, formats, rates, pauses, limits, parts, the thread, and who waits for it."""

from __future__ import annotations

import asyncio
import gc
import os
import stat
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from siptg.rtp.audio import Samples
from siptg.rtp.recording import recorder as module
from siptg.rtp.recording.plan import Pauses, Plan, Recording, Sides
from siptg.rtp.recording.recorder import Recorder
from siptg.rtp.sounds.background import Background
from siptg.rtp.sounds.goertzel import level
from siptg.rtp.sounds.tones import sound
from tests.support.background import ByHand, open_files
from tests.support.sides import FORMATS, decoded, finished, heard, seconds_of, tags, talk, written


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_both_sides_are_kept_apart_in_every_format_and_at_every_rate(
    form: str, rate: int, tmp_path: Path, hand: ByHand
) -> None:
    recorder = Recorder(tmp_path / f"call.{form}", Plan(rate=rate, title="12:03 · +49 30 · Büro"))
    written(recorder, hand, 3, left=rate)
    done = finished(recorder, hand)
    (left, right) = heard(done.path)
    assert left[0] == pytest.approx(-20, abs=0.6) and left[1] < -55
    assert right[1] == pytest.approx(-20, abs=0.6) and right[0] < -55
    # an MP3 file is a whole number of frames of 72 ms at 8 kHz, and begins with silence
    assert seconds_of(done.path) == pytest.approx(3, abs=0.2 if form == "mp3" else 0.01)
    assert done.seconds == 3
    assert (done.error, done.limit, done.sides) == (None, None, Sides.STEREO)
    assert done.bytes == done.path.stat().st_size
    assert tags(done.path)["title"] == done.title == "12:03 · +49 30 · Büro"
    assert os.listdir(tmp_path) == [f"call.{form}"]
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o600  # nobody else's business


def test_both_sides_are_mixed_into_one_channel_and_saturate(tmp_path: Path, hand: ByHand) -> None:
    recorder = Recorder(tmp_path / "call.wav", Plan(sides=Sides.MIXED, comment="a note"))
    written(recorder, hand, 1, left=8000, right=48_000)
    loud = sound("tone:500@-1", 16_000)
    for _ in range(50):
        frame = next(loud)
        recorder.feed(frame, frame)
    done = finished(recorder, hand)
    ((left, right),) = heard(done.path, until=0.9)
    assert left == pytest.approx(-20, abs=0.2) and right == pytest.approx(-20, abs=0.2)
    samples = decoded(done.path)[0][16_100:, 0].astype(int)
    assert samples.max() == 32_767 and np.abs(np.diff(samples)).max() < 30_000
    assert tags(done.path)["comment"] == "a note"


def test_a_call_that_changes_its_rate_goes_on_in_the_same_file(
    tmp_path: Path, hand: ByHand
) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    for one, other in [(8000, 8000), (48_000, 8000), (48_000, 48_000), (16_000, 8000)]:
        written(recorder, hand, 1, left=one, right=other)
    done = finished(recorder, hand)
    assert len(done.parts) == 1 and seconds_of(done.path) == 4
    for second in range(4):
        left, right = heard(done.path, second + 0.1, second + 0.9)
        assert left[0] == pytest.approx(-20, abs=0.3) and left[1] < -60
        assert right[1] == pytest.approx(-20, abs=0.3) and right[0] < -60


def test_a_frame_of_no_rate_is_silence_and_nothing_breaks(tmp_path: Path, hand: ByHand) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    for size in (0, 1, 161, 441):
        recorder.feed(np.ones(size, np.int16), np.ones(320, np.int16))
    done = finished(recorder, hand)
    samples, _ = decoded(done.path)
    assert done.error is None and samples.shape == (1280, 2)
    assert not samples[:, 0].any() and samples[:, 1].all()


def test_a_frame_may_be_used_again_as_soon_as_it_was_fed(tmp_path: Path, hand: ByHand) -> None:
    recorder, frame = Recorder(tmp_path / "call.wav"), np.zeros(320, np.int16)
    for value in range(1, 4):
        frame.fill(value)
        recorder.feed(frame, frame)
    frame.fill(99)
    samples, _ = decoded(finished(recorder, hand).path)
    assert [int(samples[at, 0]) for at in (0, 320, 640)] == [1, 2, 3]


@pytest.mark.parametrize(("pauses", "seconds"), [(Pauses.SILENCE, 6), (Pauses.CUT, 4)])
def test_a_pause_is_silence_or_cut_out(
    pauses: Pauses, seconds: int, tmp_path: Path, hand: ByHand
) -> None:
    recorder = Recorder(tmp_path / "call.wav", Plan(pauses=pauses))
    written(recorder, hand, 2)
    recorder.pause()
    written(recorder, hand, 2)
    recorder.resume()
    written(recorder, hand, 2)
    done = finished(recorder, hand)
    samples, rate = decoded(done.path)
    assert done.seconds == len(samples) / rate == seconds
    quiet = [not samples[at * rate : (at + 1) * rate].any() for at in range(seconds)]
    assert quiet == ([False] * 2 + [True] * 2 + [False] * 2 if seconds == 6 else [False] * 4)


def test_a_limit_of_length_ends_it_to_the_frame(tmp_path: Path, hand: ByHand) -> None:
    recorder = Recorder(tmp_path / "call.wav", Plan(most_seconds=2.5))
    written(recorder, hand, 4)
    assert not recorder.live and recorder.finished.done()
    done = recorder.finished.result(0)
    assert (done.limit, done.error, done.seconds) == ("seconds", None, 2.5)
    assert seconds_of(done.path) == 2.5 and recorder.seconds == 2.5


@pytest.mark.parametrize("form", FORMATS)
def test_a_limit_of_size_is_not_exceeded(form: str, tmp_path: Path, hand: ByHand) -> None:
    recorder = Recorder(tmp_path / f"call.{form}", Plan(most_bytes=300_000))
    written(recorder, hand, 90)
    done = recorder.finished.result(0)
    assert (done.limit, done.error) == ("bytes", None)
    assert 100_000 < done.bytes <= 300_000
    assert seconds_of(done.path) == pytest.approx(done.seconds, abs=0.2)


def test_parts_follow_one_another_without_a_gap(tmp_path: Path, hand: ByHand) -> None:
    (tmp_path / "call.2.wav").write_bytes(b"another's")
    recorder = Recorder(tmp_path / "call.wav", Plan(part_seconds=1.5))
    for value in range(200):
        frame = np.full(320, value + 1, np.int16)
        recorder.feed(frame, frame)
    done = finished(recorder, hand)
    assert [part.seconds for part in done.parts] == [1.5, 1.5, 1.0] and done.seconds == 4
    names = [part.path.name for part in done.parts]
    assert names == ["call.wav", "call.3.wav", "call.4.wav"]
    samples = np.concatenate([decoded(part.path)[0] for part in done.parts])
    assert np.array_equal(samples[::320, 0], np.arange(1, 201))


@pytest.mark.parametrize("form", FORMATS)
def test_no_part_is_larger_than_asked(form: str, tmp_path: Path, hand: ByHand) -> None:
    recorder = Recorder(tmp_path / f"call.{form}", Plan(part_bytes=200_000))
    written(recorder, hand, 60)
    done = finished(recorder, hand)
    assert len(done.parts) > 1 and max(part.bytes for part in done.parts) <= 200_000
    assert sum(seconds_of(part.path) for part in done.parts) == pytest.approx(60, abs=0.5)


def test_a_wav_file_that_would_outgrow_its_header_goes_on_in_a_second(
    tmp_path: Path, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAV", 400_000)
    recorder = Recorder(tmp_path / "call.wav")
    written(recorder, hand, 10)
    done = finished(recorder, hand)
    assert len(done.parts) == 2 and max(part.bytes for part in done.parts) <= 400_000
    assert sum(seconds_of(part.path) for part in done.parts) == 10


def speech(seed: int, seconds: int, rate: int, turn: float) -> Samples:
    """Like speech: a voice of changing pitch, in syllables, with hisses, in turns."""
    lots, at = np.random.default_rng(seed), np.arange(rate * seconds) / rate
    phase = 2 * np.pi * np.cumsum(120 + 40 * seed + 30 * np.sin(4.4 * at)) / rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 25)) * np.clip(
        np.sin(25 * at) + 0.3, 0, None
    )
    hiss = lots.normal(0, 1, len(at)) * np.clip(np.sin(19.5 * at), 0, None) ** 4
    talks = np.sin(0.8 * at + turn) > -0.2
    said = talks * (4000 * voice + 1500 * hiss) + lots.normal(0, 30, len(at))
    words: Samples = said.clip(-32_768, 32_767).astype(np.int16)
    return words


@pytest.mark.parametrize(("sides", "most"), [(Sides.STEREO, 25e6), (Sides.MIXED, 15e6)])
def test_an_hour_of_two_voices_costs_less_than_25_megabytes(
    sides: Sides, most: float, tmp_path: Path, hand: ByHand
) -> None:
    recorder = Recorder(tmp_path / "call.ogg", Plan(sides=sides))
    left, right = speech(1, 60, 16_000, 0.0), speech(2, 60, 16_000, np.pi)
    for at in range(0, len(left), 320):
        recorder.feed(left[at : at + 320], right[at : at + 320])
        if at % 16_000 == 0:
            hand.look()
    done = finished(recorder, hand)
    assert done.seconds == 60 and done.bytes * 60 < most


def test_the_thread_writes_by_itself_and_ends_with_the_last_recorder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers = Background("test recordings", 0.001)
    monkeypatch.setattr(module, "WRITERS", writers)
    recorders = [Recorder(tmp_path / f"{n}.ogg") for n in range(5)]
    thread = writers.thread
    assert thread is not None
    for recorder in recorders:
        talk(recorder, 100)
    for recorder in recorders:
        done = recorder.stop().result(30)
        assert done.error is None and done.seconds == 2
    thread.join(30)
    assert writers.thread is None and not thread.is_alive()
    assert not any(path.is_relative_to(tmp_path) for path in open_files())
    again = Recorder(tmp_path / "again.ogg")
    assert again.stop().result(30).parts == ()  # and a new one, for the next


async def test_stop_can_be_awaited_and_giving_up_does_not_undo_it(
    tmp_path: Path, hand: ByHand
) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    talk(recorder, 50)
    waiting = asyncio.ensure_future(asyncio.wrap_future(recorder.stop()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    while hand.look():
        pass
    assert (await asyncio.wrap_future(recorder.stop())).seconds == 1


def test_who_asked_is_told_when_it_ends_by_itself(tmp_path: Path, hand: ByHand) -> None:
    told: list[Future[Recording]] = []
    recorder = Recorder(tmp_path / "call.wav", Plan(most_seconds=1))
    recorder.finished.add_done_callback(told.append)
    written(recorder, hand, 2)
    assert [future.result(0).limit for future in told] == ["seconds"]


def test_a_recorder_that_is_forgotten_ends_its_file(tmp_path: Path, hand: ByHand) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    talk(recorder, 50)
    del recorder
    gc.collect()
    while hand.look():
        pass
    assert seconds_of(tmp_path / "call.wav") == 1


def test_a_recording_without_a_word_leaves_no_file(tmp_path: Path, hand: ByHand) -> None:
    done = finished(Recorder(tmp_path / "call.ogg"), hand)
    assert (done.parts, done.error, done.seconds) == ((), None, 0)
    assert os.listdir(tmp_path) == []


def test_levels_are_those_of_the_call(tmp_path: Path, hand: ByHand) -> None:
    for form in FORMATS:
        recorder = Recorder(tmp_path / f"call.{form}")
        one, none = sound("tone:1000@-20", 8000), np.zeros(160, np.int16)
        for _ in range(150):
            recorder.feed(none, next(one))
        samples, rate = decoded(finished(recorder, hand).path)
        part = samples[rate : 2 * rate, 1].copy()
        assert level(part, 1000, rate) == pytest.approx(-20, abs=0.5)
