"""Crashes: a process that is killed loses two seconds at most, and what it left is made whole."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from siptg.rtp.recording import track
from siptg.rtp.recording.plan import Plan, Sides
from siptg.rtp.recording.recorder import Recorder
from siptg.rtp.recording.salvage import recover
from tests.machines import ROOT
from tests.support.background import ByHand, open_files
from tests.support.sides import FORMATS, heard, seconds_of, tags, written

CHILD = [sys.executable, "-m", "tests.support.recording_child"]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A folder in which somebody recorded, by the beat, until `kill -9`; and how many seconds."""
    folder, fed = tmp_path_factory.mktemp("killed"), 0
    with subprocess.Popen([*CHILD, "beat", str(folder)], cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for line in child.stdout:
            fed = int(line)
            if fed == 175:
                child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    return folder, fed / 50


@pytest.mark.parametrize("form", FORMATS)
def test_kill_9_loses_two_seconds_at_most_and_the_file_is_read_as_it_is(
    form: str, killed: tuple[Path, float]
) -> None:
    folder, fed = killed
    path = folder / f"call.{form}.part"
    assert fed - 2 <= seconds_of(path) <= fed + 0.2
    (left, right) = heard(path)
    assert left[0] == pytest.approx(-20, abs=0.6) and left[1] < -55
    assert right[1] == pytest.approx(-20, abs=0.6) and right[0] < -55


def test_what_a_crash_left_is_made_whole(killed: tuple[Path, float]) -> None:
    folder, fed = killed
    saved = recover(folder)
    assert [one.path.name for one in saved] == ["call.mp3", "call.ogg", "call.wav"]
    for one in saved:
        assert (one.error, one.sides, one.title) == (None, Sides.STEREO, "cut off")
        assert fed - 2 <= one.seconds <= fed + 0.2
        assert seconds_of(one.path) == pytest.approx(one.seconds, abs=0.1)
        assert one.bytes == one.path.stat().st_size and tags(one.path)["title"] == "cut off"
        (left, right) = heard(one.path)
        assert left[0] == pytest.approx(-20, abs=0.6) and right[1] == pytest.approx(-20, abs=0.6)
    assert sorted(os.listdir(folder)) == ["call.mp3", "call.ogg", "call.wav"]
    assert recover(folder) == []


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_may_not_grow_further_ends_the_recording_and_is_read(
    form: str, tmp_path: Path
) -> None:
    path = tmp_path / f"call.{form}"
    child = subprocess.run(
        [*CHILD, "fill", str(path), "150000"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert child.stderr.splitlines()[1:] == [], child.stderr
    seconds, size, error = child.stdout.splitlines()
    assert (
        error == f"{path} may not grow further: raise the limit (ulimit -f), or make shorter parts"
    )
    assert path.stat().st_size == int(size) <= 150_000
    assert float(seconds) - 2 < seconds_of(path) < float(seconds) + 1.1
    assert os.listdir(tmp_path) == [path.name]


def left_behind(folder: Path, hand: ByHand, name: str = "call.ogg", seconds: int = 3) -> Path:
    """As a crash leaves it: the lock is gone, the name is not."""
    recorder = Recorder(folder / name, Plan(title="left", sides=Sides.MIXED))
    hand.look()
    written(recorder, hand, seconds)
    part = folder / f"{name}.part"
    data = part.read_bytes()
    recorder.stop()
    while hand.look():
        pass
    (folder / name).unlink(missing_ok=True)
    part.write_bytes(data)
    return part


def test_what_is_being_written_is_left_alone(tmp_path: Path, hand: ByHand) -> None:
    recorder = Recorder(tmp_path / "call.ogg")
    written(recorder, hand, 2)
    assert recover(tmp_path) == []
    recorder.stop()
    while hand.look():
        pass
    assert os.listdir(tmp_path) == ["call.ogg"] and seconds_of(tmp_path / "call.ogg") == 2


@pytest.mark.parametrize("form", FORMATS)
def test_another_file_of_that_name_is_not_overwritten(
    form: str, tmp_path: Path, hand: ByHand
) -> None:
    left_behind(tmp_path, hand, f"call.{form}")
    (tmp_path / f"call.{form}").write_bytes(b"another's")
    (saved,) = recover(tmp_path)
    assert saved.path.name == f"call.2.{form}" and saved.sides is Sides.MIXED
    assert (tmp_path / f"call.{form}").read_bytes() == b"another's"
    assert sorted(os.listdir(tmp_path)) == [f"call.2.{form}", f"call.{form}"]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("call.ogg.part", b"", "cannot be made whole"),
        ("call.ogg.part", b"OggS" + bytes(40), "cannot be made whole"),
        ("call.wav.part", b"RIFF\0\0\0\0WAVEfmt ", "cannot be made whole: its header is torn"),
        ("call.wav.part", bytes(9000), "cannot be made whole: its header is torn"),
        ("call.mp3.part", b"ID3", "cannot be made whole"),
        ("notes.txt.part", b"words", "none of our recordings"),
    ],
)
def test_what_cannot_be_made_whole_is_told_of_once_and_kept(
    name: str, data: bytes, why: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    (told,) = recover(tmp_path)
    kept = tmp_path / name.replace(".part", ".broken")
    assert why in str(told.error) and str(kept) in str(told.error) and told.parts == ()
    assert kept.read_bytes() == data and os.listdir(tmp_path) == [kept.name]
    assert recover(tmp_path) == []


def test_a_header_alone_is_no_recording(tmp_path: Path, hand: ByHand) -> None:
    for form in FORMATS:
        part = left_behind(tmp_path, hand, f"call.{form}", seconds=0)
        assert part.stat().st_size < 500
        (told,) = recover(tmp_path)
        assert "cannot be made whole" in str(told.error)


def test_a_full_disk_is_told_of_and_the_next_try_succeeds(
    tmp_path: Path, hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = left_behind(tmp_path, hand)

    def full(self: object, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(track.Out, "_write", full)
        (told,) = recover(tmp_path)
    assert told.error == f"the disk of {tmp_path} is full: make room, or record to another"
    assert os.listdir(tmp_path) == [part.name]
    (saved,) = recover(tmp_path)
    assert saved.error is None and seconds_of(saved.path) > 1
    assert not any(path.is_relative_to(tmp_path) for path in open_files())


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert recover(tmp_path / "gone") == []
