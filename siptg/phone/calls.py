"""Calls as types: `Incoming`, `Outgoing` and the `Call` that both become."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote as percent_encoded

import attrs

from siptg.phone.events import CallFailed, Digit, PhoneEvent
from siptg.phone.handle import Handle
from siptg.rtp.audio import Frame, silence
from siptg.rtp.digits.ways import Way
from siptg.rtp.recording.plan import Plan
from siptg.rtp.recording.recorder import Recorder
from siptg.rtp.sounds.tones import Sound, sound
from siptg.rtp.stream import MediaStream
from siptg.sip.events import Ended, Ringing, TransferProgress
from siptg.sip.identity import Caller, Diverted, caller_of, diversions
from siptg.sip.session import Session
from siptg.sip.uri import NameAddr

T = TypeVar("T")


class Call:
    """A conversation: speak into it, press its keys, hold it, hang it up."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._listeners: list[Callable[[Frame], None]] = []
        self._saying: tuple[Sound, asyncio.Future[None]] | None = None
        self._recorders: list[Recorder] = []
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
        """Play `tone:440/2000`, `busy:us/3000`, a sound file and their like (`rtp.tones`) to the
        end, or until the call ends.

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

    def record(self, path: Path | str, plan: Plan | None = None) -> Recorder:
        """Record from now on until it is stopped, or the call ends: left what we say, right what
        they say. ValueError for a name that ends in no format of ours; what the disk does is told
        by the recorder and never disturbs the call.
        """
        recorder = Recorder(path, plan)
        self._recorders.append(recorder)
        self._lift()
        return recorder

    async def press(self, digits: str, *, info: bool = False) -> None:
        """Send DTMF, 100 ms a digit, by the first of the phone's ways that they take, or as INFO.
        ValueError for what is not a key, LocalError where they take none of the ways.
        """
        if self._handle.press(digits, info=info) is not Way.INFO:
            self._lift()

    async def transfer(self, to: str | Call) -> TransferProgress:
        """Let them talk to somebody else: an address or number, or whom another call of ours has
        (attended, RFC 5589 §7). The last word of how that went; after 200 this call is theirs to
        end.
        """
        handle = self._handle
        if isinstance(to, Call):
            other = to._handle.session
            uri = attrs.evolve(other.target, headers=f"Replaces={percent_encoded(other.replaces)}")
            target = NameAddr(uri)
        else:
            target = NameAddr(handle.resolve(to))
        handle.transfer = asyncio.get_running_loop().create_future()
        handle.session.refer(target)
        return await asyncio.shield(handle.transfer)

    async def follow(self) -> Outgoing:
        """Make the call that the other end asked for by `TransferAsked`, and tell it how that goes.
        LookupError where nothing was asked for.
        """
        handle = self._handle
        asked, handle.asked = handle.asked, None
        if asked is None:
            raise LookupError("nobody asked for a transfer")
        more = [("Referred-By", str(asked.by))] if asked.by is not None else []
        if asked.replaces is not None:
            more.append(("Replaces", asked.replaces))
        handle.session.accept_refer()
        outgoing = await handle.dial(asked.target.uri.without_headers(), more)
        outgoing.report_to(handle.session)
        return outgoing

    async def refuse(self, status: int = 603) -> None:
        """Of a `TransferAsked`: no."""
        self._handle.asked = None
        self._handle.session.refuse_refer(status)

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

    async def renew_keys(self) -> None:
        """Encrypt by new keys from now on, by a re-INVITE (RFC 4568 §7.1.4). Under DTLS, and where
        nothing is encrypted, it only says again what was said.
        """
        self.audio.renew_keys()
        self._handle.session.reoffer()

    async def hangup(self) -> None:
        """Say BYE. `ended` tells when it was answered or given up."""
        self._handle.session.hangup()

    async def ended(self) -> Ended:
        """How the call ended, once it has."""
        return await asyncio.shield(self._handle.ended)

    def put_down(self) -> None:
        """Off the beat: the call is over, or somebody else moves its audio."""
        for recorder in self._recorders:
            recorder.stop()
        self._recorders.clear()
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
            said = silence(self.audio.rate)
        for recorder in self._recorders:
            recorder.feed(said, heard)
        self.audio.write(said)


def _talk(handle: Handle) -> Call:
    if handle.call is None:
        handle.call = Call(handle)
    return handle.call


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
        return self.identity.name_addr

    @property
    def identity(self) -> Caller:
        """Who calls, whether the network vouches for it, and whether they want it withheld."""
        return caller_of(self._handle.session.request)

    @property
    def diverted(self) -> list[Diverted]:
        """By whom the call came to us, the latest step first (RFC 5806)."""
        return diversions(self._handle.session.request)

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
        return _talk(self._handle)

    async def press(self, digits: str) -> None:
        """As `Call.press`, for whoever moves the call's audio."""
        self._handle.press(digits)

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
        return _talk(self._handle)

    async def press(self, digits: str) -> None:
        """As `Call.press`, for whoever moves the call's audio; also before the answer."""
        self._handle.press(digits)

    async def cancel(self) -> None:
        """Give up: CANCEL, or BYE where the answer crossed it."""
        self._handle.session.hangup()

    def events(self) -> AsyncIterator[PhoneEvent]:
        return self._handle.events()

    async def ended(self) -> Ended:
        return await asyncio.shield(self._handle.ended)

    def report_to(self, session: Session) -> None:
        """Tell a transferor how this call goes (RFC 3515 §2.4.5)."""

        async def report() -> None:
            handle = self._handle
            either: set[asyncio.Future[Any]] = {handle.ringing, handle.answered, handle.ended}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if handle.ringing.done() and not handle.answered.done():
                session.tell_refer(handle.ringing.result().status)
                either.discard(handle.ringing)
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            answered = handle.answered.done()
            session.tell_refer(200 if answered else max(300, handle.ended.result().status))

        self._handle.also(report())

    async def _first(self, what: asyncio.Future[T]) -> T:
        ended = self._handle.ended
        either: set[asyncio.Future[Any]] = {what, ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not what.done():
            raise CallFailed(ended.result())
        return what.result()
