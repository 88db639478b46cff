"""Audio: what one 20 ms frame costs to encode and decode."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import numpy as np

from bench.figure import Measure, rate
from bench.foreign import Peers
from siptg.rtp.audio import Samples
from siptg.rtp.codecs import CODECS

PITCH = 140.0
"""Hz of the voice that is measured with; silence or one sine would be too easy for Opus."""


def voice(hz: int, seconds: float = 1.0) -> Samples:
    """A vowel that swells and fades four times a second, over a little noise."""
    at = np.arange(int(hz * seconds)) / hz
    tones = sum(np.sin(2 * np.pi * PITCH * n * at + n * n) / n for n in range(1, 20))
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * at)
    noise = np.random.default_rng(1).normal(0, 60, len(at))
    return np.asarray(tones * swell * 4000 + noise).astype(np.int16)


def frame_us(name: str, hz: int) -> float:
    """Microseconds to encode one frame and decode it again."""
    codec, said = CODECS[name], voice(hz)
    encoder, decoder = codec.encoder(hz, ""), codec.decoder(hz)
    frames = itertools.cycle(np.split(said, 50))
    return 1e6 / rate(lambda: decoder.decode(encoder.encode(next(frames))))


def peers_us(peers: Peers, folder: Path, name: str, hz: int, *who: str) -> dict[str, Measure]:
    file = folder / f"voice{hz}"
    file.write_bytes(voice(hz).astype("<i2").tobytes())
    return {
        peer: functools.partial(peers.ask, "codecs.py", peer, name, str(file), str(hz))
        for peer in who
    }
