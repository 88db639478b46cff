"""ffmpeg reads what our recorder writes, whole or torn off."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from siptg.rtp.recording.plan import Plan
from siptg.rtp.recording.recorder import Recorder
from siptg.rtp.sounds.tones import sound
from tests.world.process import need
from tests.world.sounds import loudest, strength

pytestmark = pytest.mark.world
FORMATS = {".ogg": ("ogg", "opus"), ".wav": ("wav", "pcm_s16le"), ".mp3": ("mp3", "mp3")}


def probed(path: Path) -> dict[str, Any]:
    asked = ("ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path))
    ran = subprocess.run(asked, capture_output=True, text=True, timeout=10)
    assert (ran.returncode, ran.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def decoded(path: Path, rate: int, says: str = "error") -> NDArray[np.int16]:
    """Rows of left and right."""
    how = ("-f", "s16le", "-ac", "2", "-ar", str(rate), "-")
    asked = ("ffmpeg", "-v", says, "-nostdin", "-i", str(path), *how)
    ran = subprocess.run(asked, capture_output=True, timeout=10)
    assert (ran.returncode, ran.stderr) == (0, b"")
    return np.frombuffer(ran.stdout, "<i2").reshape(-1, 2)


def fed(recorder: Recorder, seconds: float) -> None:
    """As a beat would, but faster: we say 440 Hz, they 880."""
    said, heard = sound("tone:440@-20", 8000), sound("tone:880@-20", 16_000)
    for n in range(round(seconds * 50)):
        recorder.feed(next(said), next(heard))
        if n % 50 == 0:
            time.sleep(0.01)  # its thread is to keep up


@pytest.mark.parametrize("form", FORMATS)
async def test_both_sides_and_the_title_are_in_the_file(form: str, tmp_path: Path) -> None:
    need("ffmpeg", "ffmpeg")
    recorder = Recorder(tmp_path / f"call{form}", Plan(title="12:03 · Büro"))
    fed(recorder, 3)
    done = await asyncio.wrap_future(recorder.stop())
    assert done.error is None
    found = probed(done.path)
    kept, stream = found["format"], found["streams"][0]
    assert (kept["format_name"], stream["codec_name"], stream["channels"]) == (*FORMATS[form], 2)
    assert float(kept["duration"]) == pytest.approx(3, abs=0.1)
    assert {**kept.get("tags", {}), **stream.get("tags", {})}["title"] == "12:03 · Büro"
    samples = decoded(done.path, 16_000)[8000:40_000]
    assert len(samples) == 32_000
    for side, hz in enumerate((440, 880)):
        assert loudest(samples[:, side], 16_000) == pytest.approx(hz, rel=0.02)
        assert strength(samples[:, side]) == pytest.approx(-20, abs=1.0)


@pytest.mark.parametrize("form", FORMATS)
async def test_a_file_that_was_never_ended_is_read_too(form: str, tmp_path: Path) -> None:
    need("ffmpeg", "ffmpeg")
    recorder = Recorder(tmp_path / f"call{form}")
    fed(recorder, 6)
    async with asyncio.timeout(5):
        while recorder.seconds < 6:
            await asyncio.sleep(0.01)
    (part,) = tmp_path.glob("*.part")
    torn = tmp_path / f"torn{form}"
    shutil.copy(part, torn)  # as it lies on the disk where the power goes now
    await asyncio.wrap_future(recorder.stop())
    samples = decoded(torn, 16_000, says="fatal")
    assert len(samples) / 16_000 >= 4  # two seconds may be gone
    assert loudest(samples[8000:32_000, 1], 16_000) == pytest.approx(880, rel=0.02)
