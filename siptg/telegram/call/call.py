"""A Telegram call: the machine, the server's requests and the media, as one thing to hold."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from siptg.rtp.clock import MediaClock
from siptg.telegram.call import events
from siptg.telegram.call.api import TAKEN_ALREADY
from siptg.telegram.call.dh import Secret, SharedKey
from siptg.telegram.call.events import CallEvent, CallUpdate, Ended, Ready
from siptg.telegram.call.machine import CallMachine, Given, State
from siptg.telegram.call.requests import CallApi
from siptg.telegram.call.times import CallTimes
from siptg.telegram.media.audio import CallAudio
from siptg.telegram.media.media import CallMedia, MediaEvents
from siptg.telegram.media.opus import OpusSettings
from siptg.telegram.media.servers import RelayServer
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from siptg.telegram.signalling.channel import Channel
from siptg.telegram.signalling.cipher import SignallingCipher
from siptg.telegram.signalling.switches import read_switches
from siptg.telegram.signalling.versions import OFFERED, agreed, nothing_in_common
from siptg.timers import TimerQueue

log = logging.getLogger(__name__)

UNANSWERED = (State.IDLE, State.REQUESTING, State.WAITING, State.RINGING)
MOST_SIGNALS = 256
"""Signalling packets that wait for the server."""
MUST_AGREE = 10
"""Packets that do not decrypt before the log says in words that the keys differ."""


class TelegramCall:
    """One call with one person. Made by `Account.call` and `Account.calls`."""

    def __init__(
        self,
        api: CallApi,
        person: Person,
        secret: Callable[[], Secret],
        *,
        outgoing: bool,
        versions: tuple[str, ...] = OFFERED,
        times: CallTimes | None = None,
        addresses: tuple[str, ...] | None = None,
        clock: MediaClock | None = None,
        over: Callable[[TelegramCall], None] = lambda _: None,
        lost: Callable[[TelegramCall], None] = lambda _: None,
        opus: OpusSettings | None = None,
        relays: tuple[RelayServer, ...] = (),
        p2p: bool = True,
    ) -> None:
        """`lost` is told that the server has our request, or may have it, without an answer."""
        self.person, self.outgoing = person, outgoing
        self.audio = CallAudio(effort=clock.effort if clock else None, opus=opus)
        self.muted = False
        """She switched her microphone off."""
        self.wants_rating = False
        """Telegram would like to know how it was; `rate` says it, once the call is over."""
        self.is_asking = False
        """The server has not answered our request yet."""
        self._we_are_muted = False
        self.counters: Counter[str] = Counter()
        self._api, self._addresses, self._told_over = api, addresses, over
        self._told_lost = lost
        self._clock, self._relays, self._p2p = clock, relays, p2p
        self._versions = versions
        self._their_versions: tuple[str, ...] = ()
        self._timers = TimerQueue()
        self._machine = CallMachine(self, self._timers, secret, outgoing, times or CallTimes())
        self._channel: Channel | None = None
        self._media: CallMedia | None = None
        self._events: asyncio.Queue[CallEvent] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._signals: asyncio.Queue[bytes] = asyncio.Queue()
        self._carrying: asyncio.Task[None] | None = None
        self._commitment = b""

    @property
    def id(self) -> int:
        """Telegram's number of the call; 0 before it has one."""
        return self._machine.id

    @property
    def emoji(self) -> str:
        """Four signs of the key; empty before there is one."""
        return self._machine.emoji

    @property
    def is_over(self) -> bool:
        return self._machine.state is State.OVER

    @property
    def is_unanswered(self) -> bool:
        """Ours, and she has not taken it yet."""
        return self._machine.state in UNANSWERED

    @property
    def commitment(self) -> bytes:
        """What we promised when we asked; names our request until it has a number."""
        return self._commitment

    async def events(self) -> AsyncIterator[CallEvent]:
        """What happens from now on, `Ended` last; one reader at a time."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, Ended):
                return

    def start(self) -> None:
        """Call the person."""
        self._feed(Given.CALL)

    async def answer(self) -> None:
        self._feed(Given.ANSWER)

    async def decline(self) -> None:
        self._feed(Given.DECLINE)

    async def hangup(self) -> None:
        """As `hang_up`; legs of every kind are asked this way."""
        self.hang_up()

    def hang_up(self) -> None:
        """End it in whatever state it is; before the answer this declines or withdraws."""
        self._feed(Given.HANG_UP)

    def leave_ringing(self) -> None:
        """A call to us is over here, and nobody is told: where no other device takes it, Telegram
        will call it missed.
        """
        self._feed(Given.TAKEN)

    def mute(self, on: bool) -> None:
        """Our microphone; she sees it. It may be switched before there is media."""
        self._we_are_muted = on
        if self._media is not None:
            self._media.mute(on)

    async def rate(self, stars: int, comment: str = "") -> None:
        """Tell Telegram how the call was, 1 to 5 stars; TelegramRefused."""
        await self._api.rate(self.id, self._machine.access_hash, stars, comment)

    async def wait_over(self, seconds: float) -> None:
        """Until the discard is settled, or that many seconds."""
        deadline = time.monotonic() + seconds
        while (self._tasks or not self.is_over) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

    def update(self, update: CallUpdate) -> None:
        """News from the server, or the result of a request: they are one input."""
        match update:
            case events.Requested():
                self._their_versions = update.versions
                self._feed(Given.REQUESTED, update)
            case events.Waiting():
                self._feed(Given.RECEIVED if update.ringing else Given.WAITING, update)
            case events.Accepted():
                self._feed(Given.ACCEPTED, update)
            case events.Ready():
                self._feed(Given.READY, update)
            case events.Discarded():
                self.wants_rating |= update.wants_rating
                self._feed(Given.DISCARDED, update)
            case events.Signal(_, data):
                self._feed(Given.SIGNAL, data)

    # what the machine asks (machine.Host)

    def request(self, commitment: bytes) -> None:
        self._commitment = commitment

        async def ask() -> None:
            self.is_asking = True
            try:
                made = await self._api.request(self.person, commitment)
            except TelegramRefused as refused:
                taken = refused.text == TAKEN_ALREADY
                if taken or refused.cause is TelegramCause.SILENT:
                    self._told_lost(self)
                if not taken:
                    raise
                return
            finally:
                self.is_asking = False
            self.update(made)

        self._ask(ask())

    def received(self) -> None:
        async def say() -> None:
            try:
                await self._api.received(self.id, self._machine.access_hash)
            except TelegramRefused as refused:
                # she only does not hear that it rings; the ring's own timer goes on
                if refused.cause not in (TelegramCause.SILENT, TelegramCause.FLOOD):
                    raise

        self._ask(say())

    def accept(self, g_b: bytes) -> None:
        async def ask() -> None:
            self.update(await self._api.accept(self.id, self._machine.access_hash, g_b))

        self._ask(ask())

    def confirm(self, g_a: bytes, fingerprint: int) -> None:
        async def ask() -> None:
            made = await self._api.confirm(self.id, self._machine.access_hash, g_a, fingerprint)
            self.update(made)

        self._ask(ask())

    def discard(self, reason: str, duration: float) -> None:
        call, access_hash = self.id, self._machine.access_hash

        async def ask() -> None:
            self.wants_rating |= await self._api.discard(call, access_hash, reason, duration)
            self._feed(Given.SETTLED)

        self._ask(ask())

    def start_media(self, key: SharedKey, ready: Ready) -> None:
        version = agreed(ready.versions)
        if version is None:
            # the server chose, from lists of which ours is one
            self._feed(Given.NO_VERSION, nothing_in_common(ready.versions, self._versions))
            return
        log.info("= call %s: protocol %s, key %s", self.id, version.name, self.emoji)
        cipher = SignallingCipher(key.key, caller=self.outgoing)
        media = self._media = CallMedia(
            self.audio,
            version.negotiate(self.outgoing, self.audio.ssrc),
            self._post,
            MediaEvents(
                up=lambda: self._feed(Given.MEDIA_UP),
                silent=lambda: self._feed(Given.MEDIA_SILENT),
                closed=lambda: self._feed(Given.MEDIA_CLOSED),
                failed=lambda detail: self._feed(Given.MEDIA_FAILED, detail),
                muted=self._mute,
                no_sound=self._no_sound,
            ),
            caller=self.outgoing,
            addresses=self._addresses,
            servers=(*self._relays, *ready.servers),
            p2p=ready.p2p and self._p2p,
            reflectors=ready.reflectors,
            fixed_tags=read_switches(ready.custom).standalone_reflectors,
            poller=self._clock.poller if self._clock else None,
            muted=self._we_are_muted,
        )
        self._channel = version.open(cipher, self.outgoing, self._emit, media.receive)
        media.start()
        self._carrying = self._do(self._carry_signals())

    def signal(self, data: bytes) -> None:
        if self._channel is None:
            return
        self._channel.receive(data)
        if self._channel.counters["undecryptable"] == MUST_AGREE:
            log.error("call %s: signalling does not decrypt: the keys differ", self.id)

    def restart_media(self) -> None:
        if self._media is not None:
            self._media.restart()

    def close_media(self) -> None:
        if self._media is not None:
            self._do(self._media.close())

    def tell(self, event: CallEvent) -> None:
        if isinstance(event, Ended):
            if self._channel is not None:
                self._channel.close()
            if self._carrying is not None:
                self._carrying.cancel()
            attacked = event.cause is TelegramCause.SECURITY
            level = logging.ERROR if attacked else logging.INFO
            say = "somebody may be in between: " if attacked else ""
            log.log(level, "x call %s: %s%s %s", self.id, say, event.cause.value, event.detail)
            # first: a call of hers that waited behind ours is to be heard of before ours ends
            self._told_over(self)
        self._events.put_nowait(event)

    # plumbing

    def _feed(self, given: Given, value: Any = None) -> None:
        before = self._machine.state
        if not self._machine.feed(given, time.monotonic(), value):
            log.debug("call %s: %s in %s changes nothing", self.id, given.name, before.name)
        self._arm()

    def _arm(self) -> None:
        """One timer for the machine."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._timers.next_deadline()
        if deadline is not None:
            wait = max(0.0, deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timers.fire_due(time.monotonic())
        self._arm()

    def _post(self, text: bytes) -> None:
        if self._channel is not None:
            self._channel.post(text)

    def _emit(self, packet: bytes) -> None:
        """The framing sends again what is lost: a server that hangs must not fill our memory."""
        if self._signals.qsize() >= MOST_SIGNALS:
            self._signals.get_nowait()
            self.counters["signal_dropped"] += 1
        self._signals.put_nowait(packet)

    async def _carry_signals(self) -> None:
        """One after another, so that they leave in order; the framing repeats what is lost."""
        while not self.is_over:
            data = await self._signals.get()
            try:
                taken = await self._api.signal(self.id, self._machine.access_hash, data)
            except TelegramRefused as refused:
                self.counters["signal_refused"] += 1
                log.debug("call %s: a signalling packet was refused: %s", self.id, refused)
                taken = _given(refused) is not Given.GONE
            if not taken:
                self._feed(Given.GONE)

    def _mute(self, muted: bool) -> None:
        if muted == self.muted:
            return
        self.muted = muted
        log.info("< call %s: she is %s", self.id, "muted" if muted else "to be heard")
        self.tell(events.Muted(muted))

    def _no_sound(self) -> None:
        log.warning("call %s: no sound of hers has come, and she is not muted", self.id)
        self.tell(events.NoSound())

    def _ask(self, work: Coroutine[Any, Any, None]) -> None:
        async def ask() -> None:
            try:
                await work
            except TelegramRefused as refused:
                given = _given(refused)
                if given is Given.TAKEN and self.outgoing:
                    given = Given.GONE
                if refused.cause is TelegramCause.OLD_CLIENT:
                    why = nothing_in_common(self._their_versions, self._versions)
                    log.warning("! call %s: %s (%s)", self.id, why, refused.text)
                    refused = TelegramRefused(refused.cause, why)
                self._feed(given, refused)

        self._do(ask())

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("call %s: a task broke", self.id, exc_info=error)
            self._feed(Given.MEDIA_FAILED, str(error))


def _given(refused: TelegramRefused) -> Given:
    """What a refusal is to the machine."""
    match refused.cause:
        case TelegramCause.ELSEWHERE:
            return Given.TAKEN
        case TelegramCause.HANGUP:
            return Given.GONE
    return Given.REFUSED
