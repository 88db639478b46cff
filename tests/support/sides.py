"""The two sides of a recorded call: what is fed, and what a file holds."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np

from siptg.rtp.audio import Samples
from siptg.rtp.recording.plan import Recording
from siptg.rtp.recording.recorder import Recorder
from siptg.rtp.sounds.goertzel import level
from siptg.rtp.sounds.tones import sound
from tests.support.background import ByHand

FORMATS = ["ogg", "wav", "mp3"]
LEFT, RIGHT = 440, 880


def talk(recorder: Recorder, frames: int, left: int = 16_000, right: int | None = None) -> None:
    """440 Hz left and 880 Hz right of −20 dBFS, at a rate each."""
    a, b = sound(f"tone:{LEFT}@-20", left), sound(f"tone:{RIGHT}@-20", right or left)
    for one, other in itertools.islice(zip(a, b, strict=True), frames):
        recorder.feed(one, other)


def written(recorder: Recorder, hand: ByHand, seconds: float, **rates: int) -> None:
    """Feed and write, a second at a time."""
    for _ in range(round(seconds)):
        talk(recorder, 50, **rates)
        hand.look()


def finished(recorder: Recorder, hand: ByHand) -> Recording:
    """Stop it, and let it write what is waiting."""
    future = recorder.stop()
    while hand.look():
        pass
    return future.result(0)


def decoded(path: Path) -> tuple[Samples, int]:
    """All of a file (a row a sample, a column a channel), and its rate, as PyAV reads it."""
    with av.open(f"file:{path}", "r") as container:
        stream = container.streams.audio[0]
        channels = stream.codec_context.channels
        layout = "stereo" if channels == 2 else "mono"
        resampler = av.AudioResampler("s16", layout, stream.codec_context.sample_rate)
        blocks = [
            out.to_ndarray().reshape(-1, channels)
            for frame in (*container.decode(stream), None)
            for out in resampler.resample(frame)
        ]
        rate = stream.codec_context.sample_rate
    samples: Samples = np.concatenate(blocks or [np.zeros((0, channels))]).astype(np.int16)
    return samples, rate


def seconds_of(path: Path) -> float:
    samples, rate = decoded(path)
    return len(samples) / rate


def heard(path: Path, since: float = 0.2, until: float = -0.2) -> list[tuple[float, float]]:
    """For each channel how loud the left and the right voice are in it."""
    samples, rate = decoded(path)
    part = samples[round(since * rate) : round(until * rate)]
    return [
        (level(part[:, n].copy(), LEFT, rate), level(part[:, n].copy(), RIGHT, rate))
        for n in range(part.shape[1])
    ]


def tags(path: Path) -> dict[str, str]:
    with av.open(f"file:{path}", "r") as container:
        return {**container.streams.audio[0].metadata, **container.metadata}
