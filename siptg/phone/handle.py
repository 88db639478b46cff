"""One session with its media: what Incoming, Outgoing and Call share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from siptg.phone.events import Digit, Held, PhoneEvent, Silent, TransferAsked
from siptg.rtp.clock import MediaClock
from siptg.rtp.digits.ways import Way, way
from siptg.rtp.stream import MediaStream
from siptg.sip.bodies import dtmf_info
from siptg.sip.errors import LocalError
from siptg.sip.events import Answered, Ended, InfoReceived, Referred, Ringing, TransferProgress
from siptg.sip.session import Session
from siptg.sip.uri import Uri

if TYPE_CHECKING:
    from siptg.phone.calls import Call, Outgoing

MAX_EVENTS = 1000
"""Events kept for a reader that is slow; digits beyond are dropped, never the end of the call."""


class Maker(Protocol):
    """The phone, as its calls see it."""

    @property
    def ways(self) -> tuple[Way, ...]:
        """How keys may go, the most wanted first."""
        ...

    def resolve(self, to: str) -> Uri:
        """A number or address, as an address; ValueError where that cannot be."""
        ...

    async def dial_uri(self, to: Uri, more: Iterable[tuple[str, str]] = ()) -> Outgoing: ...


class Handle:
    """What Incoming, Outgoing and Call share: one session, its media, and what happened so far."""

    def __init__(
        self, session: Session, stream: MediaStream, clock: MediaClock, maker: Maker
    ) -> None:
        self.session, self.stream, self.clock = session, stream, clock
        self.resolve, self.dial = maker.resolve, maker.dial_uri
        self._ways = maker.ways
        self._tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[PhoneEvent] = asyncio.Queue()
        self.ringing: asyncio.Future[Ringing] = loop.create_future()
        self.answered: asyncio.Future[Answered] = loop.create_future()
        self.ended: asyncio.Future[Ended] = loop.create_future()
        self.call: Call | None = None
        self.asked: Referred | None = None
        """The transfer that they want and nobody has decided on yet."""
        self.transfer: asyncio.Future[TransferProgress] | None = None
        """How the transfer that we asked for ends."""
        stream.on_digit = lambda symbol: self._tell(Digit(symbol))
        stream.on_hold = lambda on: self._tell(Held(on))
        stream.on_failure = self._failed
        stream.on_silent = lambda seconds: self._tell(Silent(seconds))
        stream.listen_for_tones(Way.INBAND in self._ways)
        self._failure = ""
        self.task = asyncio.create_task(self._watch(), name=f"phone {session.id}")

    def also(self, work: Coroutine[Any, Any, None]) -> None:
        """Something to do beside the call, as long as the phone is there."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self) -> None:
        try:
            async for event in self.session.events():
                if isinstance(event, Ringing) and not self.ringing.done():
                    self.ringing.set_result(event)
                if isinstance(event, Answered) and not self.answered.done():
                    self.answered.set_result(event)
                if isinstance(event, Ringing | Answered | TransferProgress):
                    self._tell(event)
                if isinstance(event, TransferProgress) and event.over:
                    self.transferred(event)
                if isinstance(event, Referred):
                    self.asked = event
                    self._tell(TransferAsked(event.target, event.by))
                if isinstance(event, InfoReceived):
                    key = dtmf_info.key_of(event.content_type, event.body)
                    if key is not None:  # perhaps told already: many send it by both ways
                        self.stream.pressed(key, Way.INFO)
                if isinstance(event, Ended):
                    self._end(event)
        finally:
            self._end(Ended(status=500, reason="the phone was closed", by_remote=False))

    def press(self, digits: str, *, info: bool = False) -> Way:
        """Keys, by INFO or by the first way that the phone wants and they take; says by which.
        ValueError for what is no key, LocalError where they take none of the ways.
        """
        chosen: Way | None = Way.INFO
        if not info:
            chosen = way(self._ways, self.stream.takes_events, self.session.takes("INFO"))
        if chosen is None:
            raise LocalError(f"they take no keys by {' or '.join(self._ways) or 'any way'}")
        if chosen is Way.INFO:
            for body in [dtmf_info.relay(digit) for digit in digits]:
                self.session.send_info(dtmf_info.RELAY, body)
        else:
            self.stream.press(digits, chosen)
        return chosen

    def transferred(self, event: TransferProgress) -> None:
        if self.transfer is not None and not self.transfer.done():
            self.transfer.set_result(event)

    def _failed(self, why: str) -> None:
        # it may be told in the middle of an answer that signalling is taking
        asyncio.get_running_loop().call_soon(self._fail, why)

    def _fail(self, why: str) -> None:
        """There are no keys for the sound, and so there is no call."""
        if not self.ended.done():
            self._failure = f"no encryption: {why}"
            self.session.hangup(488, self._failure)

    def _tell(self, event: PhoneEvent) -> None:
        if self.queue.qsize() < MAX_EVENTS or isinstance(event, Ended):
            self.queue.put_nowait(event)

    def _end(self, event: Ended) -> None:
        if self.ended.done():
            return
        if self._failure and not event.by_remote:  # else a CANCEL would hide it
            event = Ended(488, self._failure, by_remote=False)
        self.ended.set_result(event)
        self.transferred(TransferProgress(487, "the call ended before", over=True))
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
