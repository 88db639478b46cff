"""Bridged calls in one process: a SIP leg over plain RTP, a Telegram leg over ICE and DTLS-SRTP.

    python -m bench.calls CALLS SECONDS [through] [--workers N]      prints one line of JSON

The far ends (a telephone and a Telegram engine a call) run in a second process, on another core:
they send packets that were encoded beforehand, one each 20 ms, and count what comes. CPU is user +
system of the process under test, lateness that of its beat. With `through` the telephone speaks
Opus as well, and payloads are carried instead of decoded. With workers so many processes carry
CALLS each, on a core of their own as long as there are cores; figures are then of all together.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import attrs

from bench.foreign import loop_runner, on_core
from siptg.app.bridge import Bridge
from siptg.app.collector import calm
from siptg.rtp.audio import AudioPort
from siptg.rtp.clock import MediaClock
from siptg.rtp.codecs import CODECS
from siptg.rtp.packet import HEADER
from siptg.rtp.sdp import SessionDescription
from siptg.rtp.sounds.tones import sound
from siptg.rtp.stream import MediaStream
from siptg.rtp.wire import Address, Wire, open_socket
from siptg.telegram.media.audio import CallAudio
from siptg.telegram.media.media import CallMedia, MediaEvents
from siptg.telegram.signalling.messages import OPUS_TYPE
from siptg.telegram.signalling.versions import VERSIONS

LOOPBACK = "127.0.0.1"
WARM_UP = 3.0
LATE_MS = 10.0
"""What the 99th percentile of the beat's lateness may be at most."""
LOST = 0.0005
"""Share of frames that may be missing: a machine that is shared stumbles now and then."""
BEFOREHAND = 100
"""Packets of a tone, said again and again."""


@attrs.frozen
class Party:
    """As much of a leg as a bridge's beat needs."""

    audio: AudioPort


def engine(audio: Any, send: Callable[[bytes], None], up: Callable[[], None], **more: Any) -> Any:
    """One end of a Telegram call's media."""
    events = MediaEvents(
        up=up,
        silent=lambda: None,
        closed=lambda: None,
        failed=lambda why: sys.exit(f"no media: {why}"),
        muted=lambda _: None,
    )
    talk = VERSIONS["9.0.0"].negotiate(more["caller"], audio.ssrc)
    return CallMedia(audio, talk, send, events, addresses=(LOOPBACK,), servers=(), p2p=True, **more)


class Told:
    """A far end that says what was encoded beforehand and counts what it hears."""

    def __init__(self, codec: str, payload_type: int, ssrc: int) -> None:
        made = CODECS[codec]
        rate = 8000 if 8000 in made.rates else made.rates[0]
        encoder, said = made.encoder(rate, ""), sound("tone:440", rate)
        self.payloads = [encoder.encode(next(said)) for _ in range(BEFOREHAND)]
        self.ticks, self.payload_type, self.ssrc = made.clock_rate // 50, payload_type, ssrc
        self.sent = self.heard = 0
        self.send: Callable[[bytes], None] | None = None

    def tick(self) -> None:
        if self.send is not None:
            n = self.sent
            self.sent = n + 1
            head = HEADER.pack(0x80, self.payload_type, n & 0xFFFF, n * self.ticks, self.ssrc)
            self.send(head + self.payloads[n % BEFOREHAND])

    # as much of CallAudio as CallMedia wants

    @property
    def packets_received(self) -> int:
        return self.heard

    def mute(self, on: bool) -> None:
        pass

    def agree(self, send_type: int, receive_type: int) -> None:
        pass

    def attach(self, send: Any, send_rtcp: Any) -> None:
        self.send = send

    def receive(self, data: bytes, arrived: float) -> None:
        self.heard += 1

    def receive_rtcp(self, data: bytes, arrived: float) -> None:
        pass


class Far:
    """The other process."""

    def __init__(self, pipe: Connection, clock: MediaClock, codec: str) -> None:
        self.pipe, self.clock, self.codec = pipe, clock, codec
        self.engines: dict[int, CallMedia] = {}
        self.ends: list[Told] = []

    def told(self, number: int, text: bytes) -> None:
        if text == b"count":
            self.pipe.send(
                (number, (sum(e.sent for e in self.ends), sum(e.heard for e in self.ends)))
            )
        elif text.startswith(b"v=0"):
            self.pipe.send((number, self.telephone(text, number)))
        else:
            if number not in self.engines:
                end = self.end("opus", OPUS_TYPE, number)
                self.engines[number] = engine(
                    end,
                    lambda said: self.pipe.send((number, said)),
                    lambda: None,
                    caller=False,
                    poller=self.clock.poller,
                )
                self.engines[number].start()
            self.engines[number].receive(text)

    def end(self, codec: str, payload_type: int, number: int) -> Told:
        made = Told(codec, payload_type, number + 1)
        self.ends.append(made)
        self.clock.add(made.tick)
        return made

    def telephone(self, offer: bytes, number: int) -> bytes:
        """Takes the first codec that was offered, whatever its number."""
        section = SessionDescription.parse(offer).media[0]
        there = LOOPBACK, section.port
        end = self.end(self.codec, int(section.formats[0]), number + 50_000)

        def take(data: bytes, source: Address, arrived: float) -> None:
            end.heard += not 191 < data[1] < 224

        wire = Wire(open_socket((LOOPBACK, 0)), take)
        wire.give_to(self.clock.poller)
        end.send = lambda data: wire.send(data, there)
        codec = CODECS[self.codec]
        return (
            f"v=0\r\no=- 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
            f"m=audio {wire.address[1]} RTP/AVP {section.formats[0]}\r\n"
            f"a=rtpmap:{section.formats[0]} {codec.rtpmap}\r\na=ptime:20\r\na=sendrecv\r\n"
        ).encode()


async def far_end(pipe: Connection, codec: str) -> None:
    loop = asyncio.get_running_loop()
    async with MediaClock() as clock:
        far = Far(pipe, clock, codec)
        loop.add_reader(pipe.fileno(), lambda: far.told(*pipe.recv()))
        await asyncio.Event().wait()


def serve(pipe: Connection, codec: str, core: int) -> None:
    on_core(core)
    loop_runner()(far_end(pipe, codec))


@attrs.frozen
class Found:
    """What so many calls cost."""

    calls: int
    cpu: float
    """Of a core."""
    late_ms: float
    """The 99th percentile."""
    missing: float
    """Share of the packets that should have come to the far ends and did not."""
    concealed: int
    skipped: int
    complexity: int
    """Of Opus, at the end."""
    kilobytes: float
    """Memory that one call took."""

    @property
    def good(self) -> bool:
        return (
            self.late_ms < LATE_MS
            and self.missing <= LOST
            and self.concealed <= LOST * self.calls * 2000
            and not self.skipped
        )


def resident() -> float:
    text = Path("/proc/self/status").read_text()
    return float(next(int(x.split()[1]) for x in text.splitlines() if "RssAnon" in x))


async def measure(pipe: Connection, calls: int, seconds: float, codec: str) -> Found:
    phones: dict[int, MediaStream] = {}
    engines: dict[int, CallMedia] = {}
    counted: asyncio.Queue[tuple[int, int]] = asyncio.Queue()

    def hear() -> None:
        number, text = pipe.recv()
        if isinstance(text, tuple):
            counted.put_nowait(text)
        elif text.startswith(b"v=0"):
            phones[number].accept(text)
        else:
            engines[number].receive(text)

    asyncio.get_running_loop().add_reader(pipe.fileno(), hear)
    calm()  # as `siptg run` does, before there are calls
    async with MediaClock() as clock:
        before = 0.0
        for number in range(calls):
            if number == 1:  # what the first one loads belongs to all
                gc.collect()
                before = resident()
            await set_up(pipe, number, phones, engines, clock, codec)
        gc.collect()
        kilobytes = (resident() - before) / max(1, calls - 1)
        await asyncio.sleep(WARM_UP)
        clock.forget_lateness()
        clock.effort.begin()
        pipe.send((-1, b"count"))
        sent, heard = await counted.get()
        concealed = sum(concealed_of(p) for p in phones.values())
        skipped, begun, cpu = clock.skipped, time.monotonic(), time.process_time()
        await asyncio.sleep(seconds)
        took, cpu = time.monotonic() - begun, time.process_time() - cpu
        pipe.send((-1, b"count"))
        sent2, heard2 = await counted.get()
        return Found(
            calls,
            cpu / took,
            clock.lateness() * 1000,
            1 - (heard2 - heard) / (sent2 - sent),
            sum(concealed_of(p) for p in phones.values()) - concealed,
            clock.skipped - skipped,
            clock.effort.complexity,
            kilobytes,
        )


async def set_up(
    pipe: Connection,
    number: int,
    phones: dict[int, MediaStream],
    engines: dict[int, CallMedia],
    clock: MediaClock,
    codec: str,
) -> None:
    up = asyncio.Event()
    phones[number] = phone = await MediaStream.open(LOOPBACK, codecs=[codec], clock=clock)
    audio = CallAudio(effort=clock.effort)
    engines[number] = engine(
        audio,
        lambda text: pipe.send((number, text)),
        up.set,
        caller=True,
        poller=clock.poller,
    )
    engines[number].start()
    pipe.send((number, phone.offer()))
    await asyncio.wait_for(up.wait(), 20)
    legs = cast(Any, Party(audio)), cast(Any, Party(phone))
    clock.add(Bridge(*legs).tick)


def concealed_of(phone: MediaStream) -> int:
    return phone.stats.concealed


def carry(worker: int, calls: int, seconds: float, codec: str, told: Connection) -> None:
    """One worker with the far ends of its calls."""
    cores = os.cpu_count() or 1
    ours, theirs = multiprocessing.Pipe()
    arguments = theirs, codec, (worker + 1) % cores
    process = multiprocessing.get_context("spawn").Process(target=serve, args=arguments)
    process.start()
    on_core(worker % cores)
    told.send(attrs.asdict(loop_runner()(measure(ours, calls, seconds, codec))))
    process.kill()
    os._exit(0)  # closing a hundred connections in order takes longer than measuring them


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.calls", description=__doc__)
    options.add_argument("calls", type=int)
    options.add_argument("seconds", type=float)
    options.add_argument("codec", nargs="?", choices=["through"])
    options.add_argument("--workers", type=int, default=1)
    given = options.parse_args()
    codec = "opus" if given.codec else "pcmu"
    ends: list[Connection] = []
    for worker in range(given.workers):
        ours, theirs = multiprocessing.Pipe()
        arguments = worker, given.calls, given.seconds, codec, theirs
        multiprocessing.get_context("spawn").Process(target=carry, args=arguments).start()
        theirs.close()
        ends.append(ours)
    found = [Found(**end.recv()) for end in ends]
    all_of_them = Found(
        calls=sum(one.calls for one in found),
        cpu=sum(one.cpu for one in found),
        late_ms=max(one.late_ms for one in found),
        missing=max(one.missing for one in found),
        concealed=sum(one.concealed for one in found),
        skipped=sum(one.skipped for one in found),
        complexity=min(one.complexity for one in found),
        kilobytes=max(one.kilobytes for one in found),
    )
    print(json.dumps(attrs.asdict(all_of_them) | {"good": all_of_them.good}))


if __name__ == "__main__":
    main()
