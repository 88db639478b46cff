"""Bridged calls in one process: a G.711 leg and an Opus leg over DTLS-SRTP each, as siptg bridges.

    python -m bench.calls CALLS WINDOWS SECONDS       prints {"calls_per_core": […]}

The far ends (a phone and a Telegram engine a call) are siptg's own and run in a second process, so
that their work is not counted. CPU is user + system of the process under test.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import time
from multiprocessing.connection import Connection
from typing import Any, cast

import attrs

from siptg.app.bridge import Bridge
from siptg.rtp.audio import AudioPort
from siptg.rtp.clock import MediaClock
from siptg.rtp.stream import MediaStream
from siptg.rtp.tones import sound
from siptg.telegram.audio import CallAudio
from siptg.telegram.media import CallMedia, MediaEvents

LOOPBACK = "127.0.0.1"
WARM_UP = 2.0
ALIVE = 0.9
"""Share of the packets due that must have come, or the figure is of no use."""


@attrs.frozen
class Party:
    """As much of a leg as a bridge's beat needs."""

    audio: AudioPort


class Engine:
    """One end of a Telegram call's media; signalling goes through the pipe, numbered."""

    def __init__(self, pipe: Connection, number: int, *, caller: bool) -> None:
        self.audio, self.up = CallAudio(), asyncio.Event()
        events = MediaEvents(
            up=self.up.set,
            silent=lambda: None,
            closed=lambda: None,
            failed=lambda why: sys.exit(f"no media: {why}"),
            muted=lambda _: None,
        )
        self.media = CallMedia(
            self.audio,
            lambda text: pipe.send((number, text)),
            events,
            caller=caller,
            addresses=(LOOPBACK,),
            servers=(),
            p2p=True,
        )
        self.media.start()


class Far:
    """The other process: answers what it is offered, says a tone, hears what comes."""

    def __init__(self, pipe: Connection, clock: MediaClock) -> None:
        self.pipe, self.clock = pipe, clock
        self.engines: dict[int, Engine] = {}
        self.phones: list[MediaStream] = []

    async def take(self, number: int, text: bytes) -> None:
        if text.startswith(b"v=0"):
            phone = await MediaStream.open(LOOPBACK, codecs=["PCMU"])
            self.phones.append(phone)
            self.pipe.send((number, phone.answer(text)))
            self.speak(phone, "tone:440/3600000")
            return
        if number not in self.engines:
            self.engines[number] = Engine(self.pipe, number, caller=False)
            self.speak(self.engines[number].audio, "tone:880/3600000")
        self.engines[number].media.receive(text)

    def speak(self, port: AudioPort, what: str) -> None:
        said = sound(what, port.rate)

        def beat() -> None:
            port.read()
            port.write(next(said))

        self.clock.add(beat)


async def far_end(pipe: Connection) -> None:
    async with MediaClock() as clock:
        far = Far(pipe, clock)
        while True:
            await far.take(*await asyncio.to_thread(pipe.recv))


def serve(pipe: Connection) -> None:
    asyncio.run(far_end(pipe))


async def measure(pipe: Connection, calls: int, windows: int, seconds: float) -> list[float]:
    phones: dict[int, MediaStream] = {}
    engines: dict[int, Engine] = {}

    def hear() -> None:
        number, text = pipe.recv()
        if text.startswith(b"v=0"):
            phones[number].accept(text)
        else:
            engines[number].media.receive(text)

    asyncio.get_running_loop().add_reader(pipe.fileno(), hear)
    async with MediaClock() as clock:
        for number in range(calls):
            phones[number] = phone = await MediaStream.open(LOOPBACK, codecs=["PCMU"])
            engines[number] = engine = Engine(pipe, number, caller=True)
            pipe.send((number, phone.offer()))
            await asyncio.wait_for(engine.up.wait(), 20)
            legs = cast(Any, Party(engine.audio)), cast(Any, Party(phone))
            clock.add(Bridge(*legs).tick)
        await asyncio.sleep(WARM_UP)
        found = []
        for _ in range(windows):
            before = packets(phones, engines)
            begun, cpu = time.monotonic(), time.process_time()
            await asyncio.sleep(seconds)
            took, cpu = time.monotonic() - begun, time.process_time() - cpu
            share = (packets(phones, engines) - before) / (calls * 200 * took)
            if share < ALIVE:
                sys.exit(f"only {share:.0%} of the packets came: {calls} calls are too many")
            found.append(calls / (cpu / took))
        return found


def packets(phones: dict[int, MediaStream], engines: dict[int, Engine]) -> int:
    """All that came and all that was sent, on both legs."""
    plain = sum(p.stats.packets_received + p.stats.packets_sent for p in phones.values())
    return plain + sum(e.audio.packets_received + e.audio.packets_sent for e in engines.values())


def loop_runner() -> Any:
    """uvloop where it is installed, as `siptg run` does."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


def main() -> None:
    calls, windows, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    process.daemon = True
    process.start()
    found = loop_runner()(measure(ours, calls, windows, seconds))
    print(json.dumps({"calls_per_core": found}))
    sys.stdout.flush()
    process.kill()
    os._exit(0)  # closing dozens of connections in order takes longer than measuring them


if __name__ == "__main__":
    main()
