"""Two ends of a Telegram call's media on loopback, their messages handed over as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from siptg.rtp.audio import Frame
from siptg.rtp.clock import MediaClock
from siptg.rtp.sounds.goertzel import Ear
from siptg.rtp.sounds.tones import sound
from siptg.telegram.media.audio import CallAudio
from siptg.telegram.media.media import CallMedia, MediaEvents
from siptg.telegram.media.opus import OpusSettings
from siptg.telegram.media.servers import Reflector, RelayServer
from siptg.telegram.signalling.versions import VERSIONS

LOOPBACK = ("127.0.0.1",)
EAR = 0.4
"""Seconds that are listened to."""


class End:
    """`told` are the events in order; `alter` may change what this end says, or swallow it."""

    def __init__(
        self,
        *,
        caller: bool,
        hz: float,
        clock: MediaClock | None = None,
        opus: OpusSettings | None = None,
        addresses: tuple[str, ...] | None = LOOPBACK,
        version: str = "9.0.0",
        relays: Sequence[RelayServer | Reflector] = (),
    ) -> None:
        self.told: list[Any] = []
        self.said: list[bytes] = []
        self.alter: Callable[[bytes], bytes | None] = lambda text: text
        self.other: End
        self.clock: MediaClock
        self.hears = True
        """What comes by signalling."""
        self.audio = CallAudio(opus=opus)
        self.ear = Ear(self.audio.rate, EAR)
        self._tone = sound(f"tone:{hz:g}/600000", self.audio.rate)
        self.media = CallMedia(
            self.audio,
            VERSIONS[version].negotiate(caller, self.audio.ssrc),
            self._say,
            MediaEvents(
                up=lambda: self.told.append("up"),
                silent=lambda: self.told.append("silent"),
                closed=lambda: self.told.append("closed"),
                failed=lambda why: self.told.append(why),
                muted=lambda on: self.told.append(("muted", on)),
                no_sound=lambda: self.told.append("no sound"),
            ),
            caller=caller,
            addresses=addresses,
            servers=[one for one in relays if isinstance(one, RelayServer)],
            reflectors=[one for one in relays if isinstance(one, Reflector)],
            p2p=not relays,
            poller=clock.poller if clock else None,
        )

    def _say(self, text: bytes) -> None:
        self.said.append(text)
        altered = self.alter(text)
        if altered is not None:
            asyncio.get_running_loop().call_soon(self.other.hear, altered)

    def hear(self, text: bytes) -> None:
        if self.hears:
            self.media.receive(text)

    def beat(self) -> None:
        self.ear.write(self.audio.read())
        self.audio.write(self.next_frame())

    def next_frame(self) -> Frame:
        return next(self._tone)

    async def waits(self, what: Any, seconds: float = 8.0) -> None:
        """Until it was told; TimeoutError says what was."""
        await until(lambda: what in self.told, seconds, lambda: f"no {what}: {self.told}")


async def until(
    holds: Callable[[], bool], seconds: float = 8.0, why: Callable[[], str] = lambda: "in vain"
) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise TimeoutError(why()) from None


async def both_hear(a: End, b: End, seconds: float = 8.0) -> None:
    """Until each hears the tone that the other says: A 440 Hz, B 880."""

    def hears(end: End, hz: float) -> bool:
        return end.ear.full and abs(end.ear.hz() - hz) < 5

    for end in (a, b):
        end.ear = Ear(end.audio.rate, EAR)
    await until(
        lambda: hears(a, 880) and hears(b, 440),
        seconds,
        lambda: f"heard {a.ear.hz()} and {b.ear.hz()}; {a.told} {b.told}",
    )


@asynccontextmanager
async def two_ends(
    opus: OpusSettings | None = None,
    *,
    talking: bool = False,
    up: bool = True,
    addresses: tuple[str, ...] | None = LOOPBACK,
    version: str = "9.0.0",
    relays: Sequence[RelayServer | Reflector] = (),
) -> AsyncIterator[tuple[End, End]]:
    """A calls B; closed in the end. `talking`: both on one beat; with `relays`, by these alone."""
    async with MediaClock() as clock:
        given = clock if talking else None
        about: dict[str, Any] = {"clock": given, "opus": opus, "addresses": addresses}
        about["relays"] = relays
        a = End(caller=True, hz=440, version=version, **about)
        b = End(caller=False, hz=880, version=version, **about)
        a.other, b.other, a.clock, b.clock = b, a, clock, clock
        try:
            a.media.start()
            b.media.start()
            if up:
                await asyncio.gather(a.waits("up"), b.waits("up"))
            if talking:
                clock.add(a.beat)
                clock.add(b.beat)
            yield a, b
        finally:
            if talking:
                clock.remove(a.beat)
                clock.remove(b.beat)
            await a.media.close()
            await b.media.close()
