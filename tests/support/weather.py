"""A bad network between two ends: loss, jitter, packets out of order.

    with bad_weather(monkeypatch, ours=1) as how: …         how is "netem" or "wires"

By the kernel's netem where it has one and we may use it (in a network namespace), else by wires of
ours that drop and delay. Where both ends are ours, what comes in at each; else what goes out as
well.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from siptg.rtp.wire import Address, Receive, Wire
from siptg.telegram.media import ports

EACH, JITTER = 20, 0.05
"""Of so many packets in a row one is lost, any of them; seconds to both sides of as much delay."""
NETEM = ("delay", "50ms", "50ms", "loss", "5%")


class BadWire(Wire):
    """What comes in is dropped or late; later packets overtake."""

    chance = random.Random(5)

    def __init__(self, sock: socket.socket, receive: Receive) -> None:
        def late(data: bytes, source: Address, arrived: float) -> None:
            self.perhaps(lambda now: receive(data, source, now))

        super().__init__(sock, late)
        self._seen = self._lost = 0

    def perhaps(self, act: Callable[[float], None]) -> None:
        if self._seen % EACH == 0:
            self._lost = self._seen + self.chance.randrange(EACH)
        self._seen += 1
        if self._seen - 1 == self._lost:
            return
        loop = asyncio.get_running_loop()

        def do() -> None:
            if self.fileno() >= 0:
                act(loop.time())

        loop.call_later(self.chance.uniform(0, 2 * JITTER), do)


class WorseWire(BadWire):
    """And what goes out as well."""

    def send(self, data: bytes, address: Address) -> None:
        self.perhaps(lambda now: Wire.send(self, data, address))


@contextmanager
def bad_weather(monkeypatch: pytest.MonkeyPatch, *, ours: int) -> Iterator[str]:
    add = ("tc", "qdisc", "add", "dev", "lo", "root", "netem", *NETEM)
    inside = "SIPTG_INSIDE_NETNS" in os.environ
    if inside and not subprocess.run(add, capture_output=True).returncode:
        try:
            yield "netem"
        finally:
            subprocess.run(("tc", "qdisc", "del", "dev", "lo", "root"), check=True)
        return
    with monkeypatch.context() as patch:
        patch.setattr(ports, "Wire", BadWire if ours == 2 else WorseWire)
        yield "wires"


def share_of_tone(samples: NDArray[np.int16], rate: int, hz: float) -> float:
    """Of the frames of 20 ms, those in which the tone is at least two thirds of the power."""
    size = rate // 50
    turns = np.exp(-2j * np.pi * hz * np.arange(size) / rate)
    parts = samples[: len(samples) // size * size].reshape(-1, size) / 32_768
    power = np.mean(parts**2, axis=1)
    tone = 2 * np.abs(parts @ turns / size) ** 2
    return float(np.mean((power > 1e-5) & (tone > 0.66 * power)))
