"""Where the time of a bridged call goes: µs of each station for 20 ms of a G.711 and an Opus leg.

    python -m bench.stations

Each station is run alone with what it would be given, so the sum is a little less than a call's
whole cost, in which caches are colder.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import Callable

import attrs
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.figure import rounded
from siptg.rtp.audio import Frame
from siptg.rtp.codecs import OPUS, PCMU, Codec
from siptg.rtp.keys.srtp import SUITES, SrtpSession
from siptg.rtp.packet import HEADER
from siptg.rtp.session import Hearing, RtpSession
from siptg.rtp.sounds.tones import sound
from siptg.rtp.wire import Poller, Wire, open_socket

BEATS, ROUNDS = 2000, 5
SUITE = "AES_CM_128_HMAC_SHA1_80"


@attrs.frozen
class Station:
    name: str
    per_call: int
    """How many times it is passed in 20 ms of one call."""
    run: Callable[[int], object]
    """One passing, given its number."""


def timed(station: Station) -> float:
    """The best of the rounds: what disturbs only adds."""
    best = float("inf")
    for round_ in range(ROUNDS):
        begun = time.perf_counter()
        for n in range(round_ * BEATS, (round_ + 1) * BEATS):
            station.run(n)
        best = min(best, (time.perf_counter() - begun) / BEATS)
    return best * 1e6


def packets(codec: Codec, payload_type: int) -> list[bytes]:
    encoder, said = codec.encoder(8000, ""), sound("tone:440", 8000)
    ticks, count = codec.clock_rate // 50, BEATS * ROUNDS + 10
    payloads = [encoder.encode(next(said)) for _ in range(100)]
    return [
        HEADER.pack(0x80, payload_type, n & 0xFFFF, n * ticks, 7) + payloads[n % 100]
        for n in range(count)
    ]


def session(codec: Codec, payload_type: int) -> RtpSession:
    made = RtpSession(lambda data: None, lambda data: None, random.Random(1), 0.0)
    made.hear(Hearing({payload_type: codec}), 8000)
    made.outbound.speak(codec, payload_type, 8000)
    return made


def hearing(codec: Codec, payload_type: int, name: str) -> list[Station]:
    """Receive and read share a jitter buffer, so each is timed less the other."""
    came, one = packets(codec, payload_type), session(codec, payload_type)
    only_received = session(codec, payload_type)

    def both(n: int) -> None:
        one.receive(came[n], n * 0.02)
        one.read(n * 0.02 + 0.03)

    def receive(n: int) -> None:
        only_received.receive(came[n], n * 0.02)

    return [
        Station(f"{name}: RTP received, counted, put in order", 1, receive),
        Station(f"{name}: the same and read at its time, decoded", 1, both),
    ]


def saying(codec: Codec, payload_type: int, name: str, frame: Frame) -> Station:
    one = session(codec, payload_type)
    return Station(f"{name}: encoded, packed", 1, lambda n: one.write(frame, n * 0.02))


def sockets() -> tuple[list[Station], Callable[[], None]]:
    poller = Poller()
    wire = Wire(open_socket(("127.0.0.1", 0)), lambda data, source, arrived: None)
    wire.give_to(poller)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind(("127.0.0.1", 0))
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    there, data = sink.getsockname(), b"x" * 172

    def fetch(n: int) -> None:
        sender.sendto(data, wire.address)
        wire.read(0.0)

    def close() -> None:
        for one in (sender, sink):
            one.close()
        wire.close()
        poller.close()

    return [
        Station("a datagram sent", 2, lambda n: wire.send(data, there)),
        Station("a datagram sent and fetched", 0, fetch),
    ], close


def keys() -> list[Station]:
    length = SUITES[SUITE].length
    ours, theirs = os.urandom(length), os.urandom(length)
    here, there = SrtpSession(SUITE, ours, theirs), SrtpSession(SUITE, theirs, ours)
    came = [there.protect(data) for data in packets(OPUS, 111)]
    going = packets(OPUS, 111)
    return [
        Station("SRTP opened", 1, lambda n: here.unprotect(came[n])),
        Station("SRTP sealed", 1, lambda n: here.protect(going[n])),
    ]


async def table() -> Table:
    frame = (8000 * np.sin(2 * np.pi * 440 * np.arange(160) / 8000)).astype(np.int16)
    wires, close = sockets()
    found = {
        station.name: (timed(station), station.per_call)
        for station in [
            *wires,
            *keys(),
            *hearing(PCMU, 0, "G.711"),
            *hearing(OPUS, 111, "Opus"),
            saying(PCMU, 0, "G.711", frame),
            saying(OPUS, 111, "Opus", frame),
        ]
    }
    close()
    sent, _ = found["a datagram sent"]
    both, _ = found.pop("a datagram sent and fetched")
    rows = [("two datagrams fetched, with their times", 2 * (both - sent))]
    rows.append(("two datagrams sent", 2 * sent))
    rows += [(name, found[name][0]) for name in ("SRTP opened", "SRTP sealed")]
    for name in ("G.711", "Opus"):
        received, _ = found[f"{name}: RTP received, counted, put in order"]
        read, _ = found[f"{name}: the same and read at its time, decoded"]
        rows.append((f"{name}: RTP received, counted, put in order", received))
        rows.append((f"{name}: read at its time, decoded", read - received))
        rows.append((f"{name}: encoded, packed", found[f"{name}: encoded, packed"][0]))
    made = Table("station", "µs")
    for name, microseconds in rows:
        made.add_row(name, f"{rounded(microseconds):g}")
    made.add_section()
    made.add_row("a bridged call, 20 ms", f"{rounded(sum(us for _, us in rows)):g}")
    return made


def main() -> None:
    Console().print(asyncio.run(table()))


if __name__ == "__main__":
    main()
