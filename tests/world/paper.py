"""The server and the other user in one: a call of ours against any engine, without a lab.

async with talking(Engine, "9.0.0", outgoing=True) as (call, olga, told, ear):
    await asyncio.gather(we_hear_her(ear), olga.engine.hears(440))
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Generic, Protocol, Self, TypeVar

from siptg.rtp.clock import MediaClock
from siptg.rtp.sounds.goertzel import Ear
from siptg.rtp.sounds.tones import sound
from siptg.telegram.call import events
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.call.dh import Group, Secret
from siptg.telegram.call.events import Answered, Ringing
from siptg.telegram.media.opus import OpusSettings
from siptg.telegram.people import Person
from tests.support.signals import LossyLink

# RFC 3526 §3, the group of 2,048 bits
P = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
OLGA = Person(2, 2, "Olga")
WORD = 20.0
"""Seconds for anything that must happen."""
E = TypeVar("E")


class AnEngine(Protocol):
    """Plays her end of a call; made with what takes its signalling packets."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...
    def start(self, key: bytes, *, outgoing: bool, hz: float, versions: Sequence[str]) -> None: ...
    def signal(self, packet: bytes) -> None: ...
    async def hears(self, hz: float, seconds: float = 10.0) -> None: ...


N = TypeVar("N", bound=AnEngine)


class PaperTelegram(Generic[N]):
    """The server and Olga in one: her half of the key here, her sound in an engine. `link` carries
    signalling both ways, as badly as it likes.
    """

    def __init__(
        self,
        engine: Callable[[Callable[[bytes], None]], N],
        version: str,
        link: LossyLink | None = None,
    ) -> None:
        self.version, self.engine, self.discarded = version, engine(self._signal), ""
        self._link = link or LossyLink()
        self._secret = int.from_bytes(os.urandom(256), "big") % P
        self.public = pow(2, self._secret, P).to_bytes(256, "big")
        self.call: TelegramCall

    def _signal(self, packet: bytes) -> None:
        self._link.carry(packet, lambda packet: self.call.update(events.Signal(1, packet)))

    def _talk(self, theirs: bytes, *, outgoing: bool) -> events.Ready:
        """Olga has the key and her engine begins; what the server then says to us."""
        key = pow(int.from_bytes(theirs, "big"), self._secret, P).to_bytes(256, "big")
        self.engine.start(key, outgoing=outgoing, hz=880, versions=[self.version])
        print_ = int.from_bytes(hashlib.sha1(key).digest()[12:20], "little", signed=True)
        return events.Ready(1, 1, self.public, print_, (self.version,), (), (), True, "")

    def _later(self, update: events.CallUpdate) -> None:
        asyncio.get_running_loop().call_later(0.01, self.call.update, update)

    def ring_us(self) -> None:
        committed = hashlib.sha256(self.public).digest()
        now = datetime.now(UTC)
        self.call.update(events.Requested(1, 1, OLGA.id, committed, (self.version,), now))

    async def request(self, person: Person, commitment: bytes) -> events.CallUpdate:
        self._later(events.Waiting(1, 1, True))
        self._later(events.Accepted(1, 1, self.public))
        return events.Waiting(1, 1, False)

    async def received(self, id: int, access_hash: int) -> None:
        pass

    async def accept(self, id: int, access_hash: int, g_b: bytes) -> events.CallUpdate:
        self._later(self._talk(g_b, outgoing=True))
        return events.Waiting(1, 1, False)

    async def confirm(
        self, id: int, access_hash: int, g_a: bytes, fingerprint: int
    ) -> events.CallUpdate:
        ready = self._talk(g_a, outgoing=False)
        assert ready.fingerprint == fingerprint
        return ready

    async def discard(self, id: int, access_hash: int, reason: str, duration: float) -> bool:
        self.discarded = reason
        return False

    async def rate(self, id: int, access_hash: int, stars: int, comment: str) -> None: ...

    async def signal(self, id: int, access_hash: int, data: bytes) -> bool:
        self._link.carry(data, self.engine.signal)
        return True


async def until(told: AsyncIterator[events.CallEvent], kind: type[E]) -> E:
    async with asyncio.timeout(WORD):
        async for event in told:
            if isinstance(event, kind):
                return event
    raise LookupError(f"the call ended without {kind.__name__}")


@contextlib.asynccontextmanager
async def talking(
    engine: Callable[[Callable[[bytes], None]], N],
    version: str,
    *,
    outgoing: bool,
    link: LossyLink | None = None,
    opus: OpusSettings | None = None,
) -> AsyncIterator[tuple[TelegramCall, PaperTelegram[N], AsyncIterator[events.CallEvent], Ear]]:
    """A call that is up, we say 440 Hz on the beat, Olga 880."""
    olga = PaperTelegram(engine, version, link)
    async with olga.engine, MediaClock() as clock:
        secret: Callable[[], Secret] = lambda: Secret.draw(Group(P, 2), os.urandom)  # noqa: E731
        call = olga.call = TelegramCall(olga, OLGA, secret, outgoing=outgoing, opus=opus)
        told = call.events()
        if outgoing:
            call.start()
            await until(told, Ringing)
        else:
            olga.ring_us()
            await until(told, Ringing)
            await call.answer()
        assert len((await until(told, Answered)).emoji.split()) == 4
        tone, ear = sound("tone:440/600000", call.audio.rate), Ear(call.audio.rate)

        def beat() -> None:
            ear.write(call.audio.read())
            call.audio.write(next(tone))

        clock.add(beat)
        yield call, olga, told, ear
        clock.remove(beat)
        await call.hangup()
        await call.wait_over(5.0)


async def we_hear_her(ear: Ear) -> None:
    async with asyncio.timeout(WORD):
        while not (ear.full and abs(ear.hz() - 880) < 3):
            await asyncio.sleep(0.05)
