"""Sound files: every format at every rate, read ahead, and never in the beat's way."""

from __future__ import annotations

import gc
import os
import threading
import wave
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from siptg.rtp.audio import Samples
from siptg.rtp.sounds import player as module
from siptg.rtp.sounds.background import Background
from siptg.rtp.sounds.goertzel import level, loudest
from siptg.rtp.sounds.player import AHEAD, AT_ONCE, Player
from siptg.rtp.sounds.tones import sound
from tests.support.background import ByHand, open_files

KINDS = {  # name: codec, rate, layout
    "16.wav": ("pcm_s16le", 44_100, "stereo"),
    "24.wav": ("pcm_s24le", 48_000, "stereo"),
    "float.wav": ("pcm_f32le", 44_100, "mono"),
    "8.wav": ("pcm_u8", 11_025, "mono"),
    "alaw.wav": ("pcm_alaw", 8000, "mono"),
    "mulaw.wav": ("pcm_mulaw", 8000, "stereo"),
    "six.wav": ("pcm_s16le", 48_000, "5.1"),
    "opus.ogg": ("libopus", 48_000, "stereo"),
    "music.mp3": ("libmp3lame", 44_100, "stereo"),
    "music.flac": ("flac", 44_100, "stereo"),
    "note.m4a": ("aac", 44_100, "mono"),
}


def make(path: Path, seconds: float = 1.0, hz: float = 440) -> Path:
    """A tone of −12 dBFS, as a file of the kind that its name says."""
    codec, rate, layout = KINDS[path.name]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = layout
        channels = stream.codec_context.channels
        at = np.arange(round(rate * seconds)) / rate
        wave = np.rint(8231 * np.sin(2 * np.pi * hz * at)).astype(np.int16)
        for start in range(0, len(wave), rate // 10):
            block = np.repeat(wave[start : start + rate // 10], channels).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, "s16", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def all_of(player: Player) -> Samples:
    return np.concatenate(list(player))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_every_kind_of_file_is_played_at_every_rate(name: str, rate: int, tmp_path: Path) -> None:
    player = Player(make(tmp_path / name), rate, ahead=False)
    assert player.seconds == pytest.approx(1, abs=0.08)
    heard = all_of(player)
    assert len(heard) / rate == pytest.approx(1, abs=0.1) and player.error is None
    middle = heard[rate // 4 : -rate // 4]
    assert loudest(middle, rate)[0] == pytest.approx(440, abs=2)
    # six channels are brought into one more softly, so that they do not overload it
    assert level(middle, 440, rate) == pytest.approx(-12, abs=9 if name == "six.wav" else 1)


def test_nothing_of_a_high_pitch_comes_back_as_an_alias(tmp_path: Path) -> None:
    heard = all_of(Player(make(tmp_path / "16.wav", hz=5000), 8000, ahead=False))
    assert np.sqrt(np.mean(heard[1000:-1000].astype(float) ** 2)) < 5820 * 10 ** (-50 / 20)


def test_gain_and_repetition(tmp_path: Path) -> None:
    path = make(tmp_path / "alaw.wav", 0.5)
    assert len(all_of(Player(path, 8000, times=3, ahead=False))) == pytest.approx(12_000, abs=160)
    assert len(list(islice(Player(path, 8000, times=None, ahead=False), 1000))) == 1000
    soft = all_of(Player(path, 8000, gain=-20, ahead=False))
    assert level(soft[800:3200], 440, 8000) == pytest.approx(-32, abs=0.5)
    loud = all_of(Player(path, 8000, gain=20, ahead=False))
    assert loud.max() == 32_767 and np.abs(np.diff(loud.astype(int))).max() < 40_000
    with pytest.raises(ValueError, match="a gain from -60 to 40 dB expected, not 99"):
        Player(path, 8000, gain=99)


def test_an_hour_of_sound_does_not_sit_in_memory(tmp_path: Path, hand: ByHand) -> None:
    player = Player(make(tmp_path / "mulaw.wav", 20), 8000)
    frames = player._reader.frames
    assert AT_ONCE <= len(frames) < AT_ONCE + 30
    for _ in range(9):
        hand.look()
    assert AHEAD <= len(frames) < AHEAD + 30
    for _ in range(50):
        next(player)
    hand.look()
    assert AHEAD <= len(frames) < AHEAD + 30 and player.late == 0


def test_a_disk_that_does_not_keep_up_is_heard_as_silence_and_the_rest_follows(
    tmp_path: Path, hand: ByHand
) -> None:
    player = Player(make(tmp_path / "16.wav", 3), 8000)
    begun = [next(player) for _ in range(len(player._reader.frames))]
    stalled = [next(player) for _ in range(10)]
    assert not any(frame.any() for frame in stalled) and player.late == 10
    hand.look()
    hand.look()
    rest = []
    for frame in player:
        rest.append(frame)
        hand.look()
    assert len(begun) + len(rest) == 150 and all(frame.any() for frame in begun + rest)
    assert player.late == 10 and list(player) == []


def test_the_beat_does_not_wait_while_a_file_is_being_read(tmp_path: Path, hand: ByHand) -> None:
    player = Player(make(tmp_path / "16.wav", 3), 8000)
    with player._reader._lock:  # the disk has it
        for _ in range(100):
            next(player)
        assert player.late > 0
        player.close()
    assert hand.look() is False


def test_the_thread_reads_ahead_and_ends_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = Background("test files", 0.001)
    monkeypatch.setattr(module, "READERS", readers)
    player = Player(make(tmp_path / "16.wav", 2), 8000)
    thread = readers.thread
    assert thread is not None
    taken = 0
    while player._reader.frames or not player._reader.over:
        if player._reader.frames:
            assert next(player).any()
            taken += 1
    assert taken == 100 and list(player) == []
    thread.join(10)
    assert readers.thread is None and not thread.is_alive()


def test_a_player_is_rewound(tmp_path: Path, hand: ByHand) -> None:
    path = make(tmp_path / "16.wav", 0.2)
    player = Player(path, 8000)
    for _ in range(3):
        assert [bool(frame.any()) for frame in player] == [True] * 10
        player.rewind()
        assert not next(player).any()  # until it is read
        assert hand.look() is False
    path.unlink()
    list(player)
    player.rewind()
    hand.look()
    assert list(player) == [] and "No such file" in str(player.error)


@pytest.mark.parametrize(
    ("seconds", "done"),
    [(0.4, list), (9, Player.close), (9, next)],
    ids=["at its end", "closed", "dropped"],
)
def test_no_file_stays_open(
    seconds: float, done: Callable[[Player], object], tmp_path: Path, hand: ByHand
) -> None:
    path = make(tmp_path / "16.wav", seconds)
    player = Player(path, 8000)
    done(player)
    del player
    gc.collect()
    assert hand.look() is False
    assert path not in open_files()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing.wav", "missing.wav cannot be played: No such file or directory"),
        (".", "cannot be played: Is a directory"),
        ("text.wav", "text.wav cannot be played: it is no WAV, Ogg, MP3, FLAC or M4A file"),
        ("empty.wav", "empty.wav cannot be played: it is no WAV"),
        ("headonly.wav", "headonly.wav cannot be played: it is empty"),
        ("list.m3u8", "list.m3u8 cannot be played: it is no WAV"),
    ],
)
def test_what_is_no_sound_file_says_so(name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("These are words.\n" * 100)
    (tmp_path / "empty.wav").touch()
    make(tmp_path / "16.wav")
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n16.wav\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.m3u8").write_text(playlist)  # it must not lead to other files
    with wave.open(str(tmp_path / "headonly.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
    with pytest.raises(ValueError, match=why):
        Player(tmp_path / name, 8000)


def test_an_address_of_the_network_is_not_fetched() -> None:
    with pytest.raises(ValueError, match="No such file"):
        Player("http://127.0.0.1:9/a.wav", 8000)


def test_a_torn_file_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    for name in ("16.wav", "music.mp3", "opus.ogg", "music.flac"):
        path = make(tmp_path / name, 3)
        data = bytearray(path.read_bytes()[: path.stat().st_size * 2 // 3])
        data[len(data) // 2 : len(data) // 2 + 40] = os.urandom(40)
        path.write_bytes(data)
        assert len(all_of(Player(path, 8000, ahead=False))) > 3000


def test_a_thread_of_its_own_is_not_started_for_a_short_file(tmp_path: Path) -> None:
    before = threading.active_count()
    frames = list(sound(str(make(tmp_path / "alaw.wav", 0.3)), 8000))
    assert len(frames) == 15 and threading.active_count() == before
