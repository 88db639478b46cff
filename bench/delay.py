"""How much later than it was said a sound leaves us: two telephones bridged, decoded and encoded.

    python -m bench.delay calm|rough SECONDS      prints {"delay_ms": …, "bursts": …}

A far end in another process says a burst of tone each half second and notes when; it hears what
comes out of the bridge and finds where each burst begins. `rough` holds each packet back by up to
30 ms and drops one of fifty: what counts is from when it would have left without that.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import statistics
import sys
import time
from multiprocessing.connection import Connection
from typing import Any, cast

import numpy as np

from bench.calls import LOOPBACK, Party
from bench.foreign import loop_runner
from siptg.app.bridge import Bridge
from siptg.rtp.audio import AudioPort
from siptg.rtp.clock import MediaClock
from siptg.rtp.codecs import PCMU
from siptg.rtp.packet import HEADER
from siptg.rtp.sdp import SessionDescription
from siptg.rtp.stream import MediaStream
from siptg.rtp.wire import Address, Wire, open_socket

JITTER, LOSS = 0.03, 0.02
EVERY, LASTS = 25, 10
"""Frames from burst to burst, and of a burst."""
WARM_UP = 4.0
LOUD = 2000
FRAME = 0.02


class Telephones:
    """Both far ends: one speaks, the other listens."""

    def __init__(self, rough: bool) -> None:
        self.rough = rough
        self.said: list[float] = []
        self.heard: list[float] = []
        self._chance = random.Random(7)
        self._silent_since = float("-inf")
        self.speaker = Wire(open_socket((LOOPBACK, 0)), lambda *_: None)
        self.listener = Wire(open_socket((LOOPBACK, 0)), self.listen)

    async def speak(self, to: Address, until: float) -> None:
        encoder, tone = PCMU.encoder(8000, ""), np.sin(2 * np.pi * 500 * np.arange(160) / 8000)
        quiet = encoder.encode(np.zeros(160, np.int16))
        loud = encoder.encode((10_000 * tone + 3000).astype(np.int16))
        begun, number, loop = time.monotonic(), 0, asyncio.get_running_loop()
        while time.monotonic() < until:
            at = begun + number * FRAME
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            in_burst = number % EVERY < LASTS
            if number % EVERY == 0:
                self.said.append(at - FRAME)  # its first sample: the packet was full then
            head = HEADER.pack(0x80, 0, number & 0xFFFF, number * 160, 9)
            data, number = head + (loud if in_burst else quiet), number + 1
            if not self.rough:
                self.speaker.send(data, to)
            elif self._chance.random() >= LOSS:
                loop.call_later(self._chance.random() * JITTER, self.speaker.send, data, to)

    def listen(self, data: bytes, source: Address, arrived: float) -> None:
        if 191 < data[1] < 224:
            return
        samples = np.abs(PCMU.decoder(8000).decode(data[12:]))
        loud = np.flatnonzero(samples > LOUD)
        if len(loud):
            first = arrived - (len(samples) - int(loud[0])) / 8000
            if first - self._silent_since > 0.1:
                self.heard.append(first)
            self._silent_since = arrived

    def delays(self, begun: float) -> list[float]:
        """Of each burst that was heard, once all has settled."""
        found = []
        for at in self.said:
            after = [heard - at for heard in self.heard if 0 < heard - at < 0.3]
            if at > begun + WARM_UP and after:
                found.append(after[0])
        return found


async def far_end(pipe: Connection, rough: bool, seconds: float) -> None:
    phones = Telephones(rough)
    pipe.send((phones.speaker.address, phones.listener.address))
    to = await asyncio.to_thread(pipe.recv)
    begun = time.monotonic()
    await phones.speak(to, begun + WARM_UP + seconds)
    pipe.send(phones.delays(begun))


def serve(pipe: Connection, rough: bool, seconds: float) -> None:
    loop_runner()(far_end(pipe, rough, seconds))


class Decoded:
    """A port whose packets are not carried as they are."""

    def __init__(self, port: AudioPort) -> None:
        self.rate, self.read, self.write = port.rate, port.read, port.write


def description(address: Address) -> bytes:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
        f"m=audio {address[1]} RTP/AVP 0\r\na=sendrecv\r\n"
    ).encode()


async def measure(pipe: Connection) -> list[float]:
    speaker, listener = await asyncio.to_thread(pipe.recv)
    async with MediaClock() as clock:
        legs = []
        for address in (speaker, listener):
            stream = await MediaStream.open(LOOPBACK, codecs=["pcmu"], clock=clock)
            offer = stream.offer()
            stream.accept(description(address))
            legs.append((stream, SessionDescription.parse(offer).media[0].port))
        parties = [cast(Any, Party(Decoded(stream))) for stream, _ in legs]
        bridge = Bridge(*parties)
        clock.add(bridge.tick)
        pipe.send((LOOPBACK, legs[0][1]))
        return cast(list[float], await asyncio.to_thread(pipe.recv))


def main() -> None:
    rough, seconds = sys.argv[1] == "rough", float(sys.argv[2])
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=serve, args=(theirs, rough, seconds), daemon=True)
    process.start()
    found = loop_runner()(measure(ours))
    if len(found) < seconds:
        sys.exit(f"only {len(found)} bursts were heard")
    print(json.dumps({"delay_ms": statistics.median(found) * 1000, "bursts": len(found)}))


if __name__ == "__main__":
    main()
