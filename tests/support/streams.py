"""Media streams on real sockets of loopback, their time by hand: nobody waits for 20 ms to go by.

What is sent on loopback has arrived when `send` returns. So a beat fetches, reads and writes, and
the clock that streams and wires look at goes on by 20 ms.
"""

from __future__ import annotations

import asyncio
import socket
import time as real
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import numpy as np
import pytest

from siptg.rtp import path, stream, wire
from siptg.rtp.audio import Frame, Samples
from siptg.rtp.clock import TURNS, MediaClock
from siptg.rtp.codecs import PCMU, Codec
from siptg.rtp.offer import MediaTerms, Policy
from siptg.rtp.packet import RtpPacket
from siptg.rtp.sdp.fingerprint import Fingerprint
from siptg.rtp.sounds.tones import tone
from siptg.rtp.stream import MediaStream
from siptg.rtp.wire import Address
from siptg.telegram.media import audio
from tests.support.joined import Windows, windows

LOOPBACK = "127.0.0.1"


@attrs.define(eq=False)
class Time:
    """In the place of the module `time` for those who carry media."""

    now: float = 5000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        """The kernel's own stamps are of this clock: what came just now came now."""
        return real.time()


def by_hand(patch: pytest.MonkeyPatch) -> Time:
    """For all who look at it."""
    made = Time()
    for module in (wire, path, stream, audio):
        patch.setattr(module, "time", made)
    return made


@attrs.define(eq=False)
class Ends:
    """Two streams that can hear each other."""

    a: MediaStream
    b: MediaStream
    clock: MediaClock
    hours: Time
    said: dict[MediaStream, Iterator[Frame]] = attrs.field(factory=dict)
    heard: dict[MediaStream, list[Frame]] = attrs.field(factory=dict)

    def agree(self, offerer: MediaStream | None = None) -> None:
        """One offers, `a` where nothing is said, the other answers."""
        one = offerer or self.a
        other = self.b if one is self.a else self.a
        one.accept(other.answer(one.offer()))

    def talk(self, beats: int = 1, *speakers: MediaStream) -> None:
        """Each says its tone, a 440 and b 880 Hz, and is heard."""
        for _ in range(beats):
            self.hours.now += 0.02
            for _ in range(TURNS):
                self.clock.poller.fetch()
            for one, hz in ((self.a, 440.0), (self.b, 880.0)):
                self.heard.setdefault(one, []).append(one.read())
                if speakers and one not in speakers:
                    continue
                said = self.said.get(one)
                if said is None or len(frame := next(said)) != one.rate // 50:
                    said = self.said[one] = tone([hz], one.rate, -20.0)
                    frame = next(said)
                one.write(frame)

    async def shake(self, seconds: float = 5.0) -> None:
        """Let the loop work until both have keys, or one failed."""
        async with asyncio.timeout(seconds):
            while not all(one._path.shield.ready for one in (self.a, self.b)):
                if any(one._path.shield.failed for one in (self.a, self.b)):
                    return
                await asyncio.sleep(0.001)
                self.hours.now += 0.001

    def sound(self, of: MediaStream, beats: int) -> Samples:
        """What that one heard in the last beats."""
        return np.concatenate(self.heard[of][-beats:])

    def tone_in(self, of: MediaStream, beats: int) -> Windows:
        hz = 880.0 if of is self.a else 440.0
        return windows(self.sound(of, beats), of.rate, hz)

    def close(self) -> None:
        self.a.close()
        self.b.close()
        self.clock.poller.close()


@asynccontextmanager
async def ends(
    hours: Time, a: Any = None, b: Any = None, *, host: str = LOOPBACK, seed: int = 1
) -> AsyncIterator[Ends]:
    """Terms of each side; nothing is agreed yet."""
    clock = MediaClock()
    made = [
        await MediaStream.open(host, terms=terms or wants(), clock=clock, seed=2 * seed + number)
        for number, terms in enumerate((a, b))
    ]
    pair = Ends(made[0], made[1], clock, hours)
    try:
        yield pair
    finally:
        pair.close()
        await asyncio.sleep(0)


def wants(*codecs: Codec, **more: Any) -> MediaTerms:
    """Terms; with a policy of DTLS the certificate's fingerprint comes by itself."""
    if "dtls" in getattr(more.get("security", Policy.PLAIN), "value", ""):
        more.setdefault("fingerprint", fingerprint())
    return MediaTerms(codecs or (PCMU,), **more)


def fingerprint() -> Fingerprint:
    """Of the certificate that all streams of this process have."""
    return Fingerprint(*path.certificate().fingerprint)


def answer(port: int, *lines: str, host: str = LOOPBACK, formats: str = "0") -> bytes:
    """A description of an end that is not ours."""
    family = "IP6" if ":" in host else "IP4"
    head = f"v=0\no=- 1 1 IN {family} {host}\ns=-\nc=IN {family} {host}\nt=0 0\n"
    media = f"m=audio {port} RTP/AVP {formats}\n" + "".join(f"a={line}\n" for line in lines)
    return (head + media).replace("\n", "\r\n").encode()


def plain_socket(host: str = LOOPBACK) -> socket.socket:
    """Somebody else's, on a port of its own."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.setblocking(False)
    return made


def received(sock: socket.socket) -> list[bytes]:
    """All that has come."""
    found = []
    while True:
        try:
            found.append(sock.recv(4096))
        except BlockingIOError:
            return found


def spray(
    sock: socket.socket,
    to: Address,
    count: int,
    *,
    first: int = 1,
    ssrc: int = 0xBAD,
    type_: int = 0,
) -> None:
    """Plausible RTP, loud: in order, of the payload type that is agreed."""
    for n in range(count):
        number = first + n
        payload = np.full(160, 0x00, np.uint8).tobytes()
        data = RtpPacket(type_, number & 0xFFFF, number * 160 & 0xFFFFFFFF, ssrc, payload)
        sock.sendto(bytes(data), to)


def loud(samples: Samples) -> float:
    return float(np.abs(samples.astype(np.int32)).max(initial=0))
