"""What goes wrong with a recording ends it with a message, and never the call."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

import pytest

from siptg.rtp.recording import track
from siptg.rtp.recording.plan import Plan
from siptg.rtp.recording.recorder import MOST_WAITING, Recorder
from tests.support.background import ByHand
from tests.support.sides import FORMATS, heard, seconds_of, tags, talk, written


def test_a_name_of_no_format_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"call.aiff: a name that ends in \.ogg, .* expected"):
        Recorder(tmp_path / "call.aiff")
    with pytest.raises(ValueError, match="rate"):
        Plan(rate=44_100)


def test_a_missing_folder_ends_it_with_a_message(tmp_path: Path, hand: ByHand) -> None:
    recorder = Recorder(tmp_path / "gone" / "call.ogg")
    written(recorder, hand, 1)
    done = recorder.finished.result(0)
    assert done.parts == () and not recorder.live
    assert (
        recorder.error
        == done.error
        == (f"the folder {tmp_path / 'gone'} is missing: make it, or record to another")
    )


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.EACCES, "may not be written to: change its rights, or record to another folder"),
        (errno.EROFS, "may not be written to"),
        (errno.ENOSPC, "the disk of .* is full: make room, or record to another"),
        (errno.EDQUOT, "the disk of .* is full"),
        (errno.EIO, "call.ogg cannot be written: Input/output error"),
    ],
)
def test_a_file_that_cannot_be_made_ends_it_with_a_message(
    number: int, why: str, tmp_path: Path, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, flags: int, mode: int) -> int:
        raise OSError(number, os.strerror(number))

    recorder = Recorder(tmp_path / "call.ogg")
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        written(recorder, hand, 1)
    assert re.search(why, str(recorder.finished.result(0).error))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("form", FORMATS)
def test_a_disk_that_fills_up_ends_it_and_what_was_written_stays_readable(
    form: str, tmp_path: Path, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, room = os.write, 100_000

    def write(fd: int, data: memoryview) -> int:
        """A disk with room for so many bytes, which takes half of the last piece."""
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = real(fd, data[:room])
        room -= done
        return done

    recorder = Recorder(tmp_path / f"call.{form}", Plan(title="to the last"))
    monkeypatch.setattr(os, "write", write)
    written(recorder, hand, 30)
    done = recorder.finished.result(0)
    assert done.error == f"the disk of {tmp_path} is full: make room, or record to another"
    assert not recorder.live and os.listdir(tmp_path) == [f"call.{form}"]
    assert done.bytes == done.path.stat().st_size <= 100_000
    # what the encoder held back and the last page are lost; the rest is there, and is right
    assert done.seconds - 2 < seconds_of(done.path) <= done.seconds + 1
    (left, right) = heard(done.path)
    assert left[0] == pytest.approx(-20, abs=1) and right[1] == pytest.approx(-20, abs=1)
    assert tags(done.path)["title"] == "to the last"
    talk(recorder, 10)
    assert hand.look() is False


def test_a_disk_with_little_room_is_left_alone(
    tmp_path: Path, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [10**9]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("usage", (), {"free": free[0]})())
    recorder = Recorder(tmp_path / "call.wav", Plan(least_free=10**8))
    written(recorder, hand, 5)
    assert recorder.live
    free[0] = 10**8 - 1
    written(recorder, hand, 5)
    done = recorder.finished.result(0)
    assert "is full: make room" in str(done.error) and 5 <= done.seconds <= 8
    assert seconds_of(done.path) == done.seconds


def test_an_encoder_that_fails_ends_it_with_a_message(
    tmp_path: Path, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "call.ogg")
    written(recorder, hand, 3)

    def fail(self: object, block: object) -> None:
        raise ValueError("libopus failed: Internal bug")

    monkeypatch.setattr(track._Encoded, "write", fail)
    written(recorder, hand, 1)
    done = recorder.finished.result(0)
    assert done.error == (
        f"{done.path}: libopus failed: Internal bug; another format (.ogg, .mp3, .wav) may do"
    )
    assert seconds_of(done.path) > 1


def test_whatever_breaks_in_the_thread_is_told_and_not_raised(
    tmp_path: Path, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    written(recorder, hand, 1)

    def fail(self: object, block: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(track._Wav, "write", fail)
    written(recorder, hand, 1)
    assert "ZeroDivisionError('planted')" in str(recorder.finished.result(0).error)


def test_a_disk_that_takes_nothing_for_ten_seconds_ends_it_and_memory_is_bounded(
    tmp_path: Path, hand: ByHand
) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    hand.look()
    talk(recorder, MOST_WAITING + 300)  # the thread hangs in a write meanwhile
    assert not recorder.live and len(recorder._waiting) == MOST_WAITING
    assert recorder.error == f"{tmp_path} took nothing for 10 s: see what its disk does"
    while hand.look():
        pass
    done = recorder.finished.result(0)  # the disk is back: what was waiting is not lost
    assert done.error == recorder.error and done.seconds == seconds_of(done.path) == 10
