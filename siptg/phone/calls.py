"""Calls as types: `Incoming`, `Outgoing` and the `Call` that both become."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import attrs

from siptg.rtp.audio import Frame, silence
from siptg.rtp.clock import MediaClock
from siptg.rtp.stream import MediaStream
from siptg.rtp.tones import Sound, sound
from siptg.sip.events import Answered, Ended, Ringing
from siptg.sip.session import Session
from siptg.sip.uri import NameAddr

T = TypeVar("T")

MAX_EVENTS = 1000
"""Events kept for a reader that is slow; digits beyond are dropped, never the end of the call."""


@attrs.frozen
class Digit:
    """The other end pressed a key (RFC 4733)."""

    symbol: str


@attrs.frozen
class Held:
    """The other end put us on hold, or took us back (RFC 3264 §8.4)."""

    on: bool


PhoneEvent = Ringing | Answered | Digit | Held | Ended


class CallFailed(Exception):
    """The call we made ended before it was answered; `ended` says why."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(f"{ended.status} {ended.reason}")
        self.ended = ended


class Handle:
    """What Incoming, Outgoing and Call share: one session, its media, and what happened so far."""

    def __init__(self, session: Session, stream: MediaStream, clock: MediaClock) -> None:
        self.session, self.stream, self.clock = session, stream, clock
        loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[PhoneEvent] = asyncio.Queue()
        self.ringing: asyncio.Future[Ringing] = loop.create_future()
        self.answered: asyncio.Future[Answered] = loop.create_future()
        self.ended: asyncio.Future[Ended] = loop.create_future()
        self.call: Call | None = None
        stream.on_digit = lambda symbol: self._tell(Digit(symbol))
        stream.on_hold = lambda on: self._tell(Held(on))
        self.task = asyncio.create_task(self._watch(), name=f"phone {session.id}")

    async def _watch(self) -> None:
        try:
            async for event in self.session.events():
                if isinstance(event, Ringing) and not self.ringing.done():
                    self.ringing.set_result(event)
                if isinstance(event, Answered) and not self.answered.done():
                    self.answered.set_result(event)
                if isinstance(event, Ringing | Answered):
                    self._tell(event)
                if isinstance(event, Ended):
                    self._end(event)
        finally:
            self._end(Ended(status=500, reason="the phone was closed", by_remote=False))

    def _tell(self, event: PhoneEvent) -> None:
        if self.queue.qsize() < MAX_EVENTS or isinstance(event, Ended):
            self.queue.put_nowait(event)

    def _end(self, event: Ended) -> None:
        if self.ended.done():
            return
        self.ended.set_result(event)
        self._tell(event)
        if self.call is not None:
            self.call.put_down()
        self.stream.close()

    async def events(self) -> AsyncIterator[PhoneEvent]:
        """What happens from now on, `Ended` last."""
        while True:
            event = await self.queue.get()
            yield event
            if isinstance(event, Ended):
                return

    def talk(self) -> Call:
        if self.call is None:
            self.call = Call(self)
        return self.call


class Call:
    """A conversation: speak into it, press its keys, hold it, hang it up."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._listeners: list[Callable[[Frame], None]] = []
        self._saying: tuple[Sound, asyncio.Future[None]] | None = None
        self._lifted = False

    @property
    def remote(self) -> NameAddr:
        """Whom we talk to, as far as they said."""
        return self._handle.session.remote

    @property
    def audio(self) -> MediaStream:
        """Their mouth and ear, for whoever bridges the call; `play` and `listen` use it as well."""
        return self._handle.stream

    async def play(self, what: str) -> None:
        """Play `tone:440/2000`, `silence:500` or a WAV file to the end, or until the call ends.

        A new sound takes the place of the one being played. ValueError names what cannot be played.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hush()
        self._saying = sound(what, self.audio.rate), done
        self._lift()
        either: set[asyncio.Future[Any]] = {done, self._handle.ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)

    def listen(self, ear: Callable[[Frame], None]) -> None:
        """Give every 20 ms that the other end says to `ear`, until the call ends."""
        self._listeners.append(ear)
        self._lift()

    async def press(self, digits: str) -> None:
        """Send DTMF (RFC 4733), 100 ms a digit; ValueError for what is not a key."""
        self.audio.press(digits)
        self._lift()

    async def digits(self) -> AsyncIterator[str]:
        """The keys that the other end presses, as they come."""
        async for event in self._handle.events():
            if isinstance(event, Digit):
                yield event.symbol

    def events(self) -> AsyncIterator[PhoneEvent]:
        """Everything that happens from now on; one reader."""
        return self._handle.events()

    async def hold(self, on: bool = True) -> None:
        """Hold the other end, or take it back, by a re-INVITE (RFC 3264 §8.4)."""
        self.audio.hold(on)
        self._handle.session.reoffer()

    async def hangup(self) -> None:
        """Say BYE. `ended` tells when it was answered or given up."""
        self._handle.session.hangup()

    async def ended(self) -> Ended:
        """How the call ended, once it has."""
        return await asyncio.shield(self._handle.ended)

    def put_down(self) -> None:
        """Off the beat: the call is over, or somebody else moves its audio."""
        if self._lifted:
            self._handle.clock.remove(self._beat)
            self._lifted = False
        self._hush()

    def _lift(self) -> None:
        if not self._lifted and not self._handle.ended.done():
            self._lifted = True
            self._handle.clock.add(self._beat)

    def _hush(self) -> None:
        if self._saying is not None and not self._saying[1].done():
            self._saying[1].set_result(None)
        self._saying = None

    def _beat(self) -> None:
        heard = self.audio.read()
        for ear in self._listeners:
            ear(heard)
        said = next(self._saying[0], None) if self._saying else None
        if said is None:
            self._hush()
        self.audio.write(silence(self.audio.rate) if said is None else said)


class Incoming:
    """Somebody calls. Ring as long as you like, then answer or decline."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @property
    def id(self) -> str:
        """The Call-ID."""
        return self._handle.session.id

    @property
    def caller(self) -> NameAddr:
        """Who calls: the asserted identity where the PBX gives one (RFC 3325 §9.1), else From."""
        asserted = self._handle.session.request.headers.get("P-Asserted-Identity")
        if asserted is not None:
            with contextlib.suppress(Exception):  # a malformed one is as good as none
                return NameAddr.parse_many(asserted)[0]
        return self._handle.session.remote

    @property
    def number(self) -> str:
        """Whom they want: the user part of the Request-URI."""
        return self._handle.session.request.uri.user or ""

    @property
    def audio(self) -> MediaStream:
        return self._handle.stream

    async def ring(self) -> None:
        """Say 180."""
        self._handle.session.ring()

    async def answer(self) -> Call:
        """Say 200 with our SDP. `events` tells Answered once the ACK is there."""
        self._handle.session.answer()
        return self._handle.talk()

    async def decline(self, status: int = 603, reason: str | None = None) -> None:
        self._handle.session.reject(status, reason)

    def events(self) -> AsyncIterator[PhoneEvent]:
        return self._handle.events()

    async def ended(self) -> Ended:
        return await asyncio.shield(self._handle.ended)


class Outgoing:
    """We call. Wait for the answer, or give up."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @property
    def id(self) -> str:
        """The Call-ID."""
        return self._handle.session.id

    @property
    def callee(self) -> NameAddr:
        return self._handle.session.remote

    @property
    def audio(self) -> MediaStream:
        """Early media is heard here before the answer."""
        return self._handle.stream

    async def ringing(self) -> Ringing:
        """The first 18x; CallFailed where the call ends before."""
        return await self._first(self._handle.ringing)

    async def answered(self) -> Call:
        """The call, once the other end has answered; CallFailed with status and reason else."""
        await self._first(self._handle.answered)
        return self._handle.talk()

    async def cancel(self) -> None:
        """Give up: CANCEL, or BYE where the answer crossed it."""
        self._handle.session.hangup()

    def events(self) -> AsyncIterator[PhoneEvent]:
        return self._handle.events()

    async def ended(self) -> Ended:
        return await asyncio.shield(self._handle.ended)

    async def _first(self, what: asyncio.Future[T]) -> T:
        ended = self._handle.ended
        either: set[asyncio.Future[Any]] = {what, ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not what.done():
            raise CallFailed(ended.result())
        return what.result()
