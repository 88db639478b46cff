"""Media of one call: ICE, DTLS-SRTP, and the negotiation of channels over the call's signalling."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from siptg.rtp.keys.dtls import exported_keys
from siptg.rtp.keys.srtp import SrtpError, SrtpSession
from siptg.rtp.wire import Poller
from siptg.telegram.media.audio import CallAudio
from siptg.telegram.media.ice import CallIce, Media
from siptg.telegram.media.path import CallPath
from siptg.telegram.media.servers import Reflector, RelayServer
from siptg.telegram.media.state_channel import StateChannel
from siptg.telegram.media.watch import Told, Watch
from siptg.telegram.signalling.messages import MediaState, write
from siptg.telegram.signalling.negotiation import (
    Agreed,
    Candidates,
    Fingerprint,
    Malformed,
    Muted,
    Negotiation,
    News,
    Setup,
)
from siptg.telegram.signalling.sctp import run

log = logging.getLogger(__name__)

WATCH_EVERY = 1.0
MOST_NEWS = 256
MOST_BROKEN = 1000
"""Datagrams that aiortc breaks over, after which the call is given up."""

_certificate: RTCCertificate | None = None


def certificate() -> RTCCertificate:
    """One self-signed certificate a process."""
    global _certificate
    if _certificate is None:
        _certificate = RTCCertificate.generateCertificate()
    return _certificate


@attrs.frozen
class MediaEvents:
    """What the call wants to hear of its media."""

    up: Callable[[], None]
    silent: Callable[[], None]
    closed: Callable[[], None]
    failed: Callable[[str], None]
    muted: Callable[[bool], None]
    no_sound: Callable[[], None] = lambda: None
    """The path stands, she is not muted, and no sound ever came."""


class _RawDtls(RTCDtlsTransport):
    """Hands RTP and RTCP over as bytes instead of routing them to aiortc's receivers. Only what
    comes by a relay, or before the keys were there, takes this way.
    """

    on_rtp: Callable[[bytes, float], object]
    on_rtcp: Callable[[bytes, float], object]
    broken = 0

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self.on_rtp(data, time.monotonic())

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self.on_rtcp(data, time.monotonic())

    async def _recv_next(self) -> None:
        try:
            await super()._recv_next()
        except ConnectionError:
            raise
        except Exception as error:
            # a datagram that aiortc, or OpenSSL below, did not think of: it is left out
            self.broken += 1
            log.debug("! a datagram that cannot be used: %r", error)
            if self.broken >= MOST_BROKEN:
                raise ConnectionError("too many broken datagrams") from error


class CallMedia:
    """`start()` once, `receive` each message; `close()` in the end."""

    def __init__(
        self,
        audio: CallAudio,
        negotiation: Negotiation,
        send: Callable[[bytes], None],
        events: MediaEvents,
        *,
        caller: bool,
        addresses: tuple[str, ...] | None,
        servers: Sequence[RelayServer],
        p2p: bool,
        poller: Poller | None = None,
        muted: bool = False,
        reflectors: Sequence[Reflector] = (),
        fixed_tags: bool = False,
    ) -> None:
        """`send` takes messages for the other end's engine; `poller` is the beat's: it empties
        the call's sockets once the call stands. `muted`: so it begins.
        """
        self.counters: Counter[str] = Counter()
        self._poller = poller
        self._audio, self._send, self._events = audio, send, events
        self._caller, self._addresses, self._servers, self._p2p = caller, addresses, servers, p2p
        self._reflectors, self._fixed_tags = reflectors, fixed_tags
        self._path = CallPath(
            self._new_ice, self._introduce, self.counters, negotiation.manners.restart
        )
        self._path.changed = self._changed
        self._dtls = _RawDtls(self._path, [certificate()])  # type: ignore[arg-type]
        self._dtls.on_rtp, self._dtls.on_rtcp = audio.receive, audio.receive_rtcp
        self._negotiation = negotiation
        self._up = self._closing = self._she_is_muted = False
        self._muted = muted
        audio.mute(muted)
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self._channel: StateChannel | None = None
        self._decrypt: Media | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def _new_ice(self) -> CallIce:
        return CallIce(
            caller=self._caller,
            addresses=self._addresses,
            servers=self._servers,
            p2p=self._p2p,
            reflectors=self._reflectors,
            fixed_tags=self._fixed_tags,
            late=self._trickle,
        )

    def _trickle(self, ice: CallIce, lines: tuple[str, ...]) -> None:
        for message in self._negotiation.trickle(lines):
            self._send(message)

    def start(self) -> None:
        self._do(self._run(), "media")
        self._do(self._read(), "media messages")

    def receive(self, text: bytes) -> None:
        """A message of the other end's engine; what is malformed is counted."""
        outcome = self._negotiation.receive(text)
        for reply in outcome.replies:
            self._send(reply)
        for news in outcome.news:
            if isinstance(news, Malformed):
                self.counters["malformed"] += 1
            elif self._news.qsize() < MOST_NEWS:
                self._news.put_nowait(news)

    def mute(self, on: bool) -> None:
        """Say nothing from now on, and tell her so; or speak again."""
        if on != self._muted:
            self._muted = on
            self._audio.mute(on)
            if self._up:
                self._tell_state()

    def restart(self) -> None:
        """A new path under the same keys: ICE again, with new credentials of ours."""
        self._path.restart()

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._audio.attach(None, None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._channel is not None:
            self._channel.close()
        pump = self._dtls._task
        await self._dtls.stop()
        await self._path.close()
        if pump is not None:
            await asyncio.gather(pump, return_exceptions=True)

    # the way up

    async def _run(self) -> None:
        path, negotiation = self._path, self._negotiation
        try:
            await path.connect(first=self._caller)
            remote = await path.remote()
            theirs = remote.fingerprints[0].setup
            client = negotiation.manners.is_client(theirs, caller=self._caller)
            self._dtls._set_role("client" if client else "server")
            secure = await self._shake_hands(remote)
        except ConnectionError as error:
            direct = "allowed" if self._p2p else "forbidden"
            self._events.failed(f"no path: {error}; {path}; direct paths {direct}")
            return
        if not secure:
            self._events.failed("security: DTLS failed, or a false certificate")
            return
        self._take_over()
        self._up = True
        self._do(self._watch(), "media watch")
        self._do(path.keep(), "ICE restarts")
        self._open_channel(client)
        self._events.up()

    async def _shake_hands(self, remote: Setup) -> bool:
        prints = [RTCDtlsFingerprint(f.hash, f.value) for f in remote.fingerprints]
        try:
            await self._dtls.start(RTCDtlsParameters(fingerprints=prints))
        except ConnectionError:
            raise
        except Exception as error:
            # certificates that cannot be read, and what else a peer may think of
            log.debug("! DTLS broke: %r", error)
            return False
        return bool(self._dtls.state == "connected")

    def _introduce(self, ice: CallIce) -> None:
        own = next(
            f for f in self._dtls.getLocalParameters().fingerprints if f.algorithm == "sha-256"
        )
        prints = (Fingerprint("sha-256", self._negotiation.manners.setup, own.value),)
        about = Setup(ice.local_username, ice.local_password, prints)
        for message in self._negotiation.introduce(about, ice.lines()):
            self._send(message)

    def _take_over(self) -> None:
        """There are keys: packets go straight between the socket and SRTP."""
        # a session of our own under the same keys: it costs half of what aiortc's does
        handshake: Any = self._dtls._ssl
        keys = exported_keys(handshake, client=self._dtls._role == "client")
        if keys is None:  # aiortc would not have called it connected
            raise ConnectionError("no profile of SRTP")
        srtp, path, audio = SrtpSession(*keys), self._path, self._audio
        unprotect, unprotect_rtcp = srtp.unprotect, srtp.unprotect_rtcp
        protect, protect_rtcp = srtp.protect, srtp.protect_rtcp
        receive, receive_rtcp = audio.receive, audio.receive_rtcp

        def take(data: bytes, arrived: float) -> None:
            try:
                if 191 < data[1] < 224:
                    receive_rtcp(unprotect_rtcp(data), arrived)
                else:
                    receive(unprotect(data), arrived)
            except (SrtpError, IndexError):
                self.counters["not_authentic"] += 1
                return
            path.media_at = arrived

        def send(data: bytes) -> None:
            path.connection.send_now(protect(data))

        def send_rtcp(data: bytes) -> None:
            path.connection.send_now(protect_rtcp(data))

        self._decrypt = take
        self._use(path.connection)
        audio.attach(send, send_rtcp)

    def _use(self, ice: CallIce) -> None:
        ice.media = self._decrypt
        if self._poller is not None:
            ice.give_to(self._poller)

    def _changed(self, ice: CallIce) -> None:
        self._use(ice)
        log.info("= a new path stands")

    # messages

    async def _read(self) -> None:
        while True:
            news = await self._news.get()
            try:
                await self._take(news)
            except (ConnectionError, ValueError, OSError) as error:
                self.counters["unusable"] += 1
                log.debug("! a message of the peer could not be used: %s", error)

    async def _take(self, news: News) -> None:
        match news:
            case Setup():
                self._path.take_setup(news)
            case Candidates(lines):
                for line in lines:
                    await self._path.take_line(line)
            case Muted(muted):
                if muted != self._she_is_muted:
                    self._she_is_muted = muted
                    self._events.muted(muted)
            case Agreed(send_type, receive_type):
                self._audio.agree(send_type, receive_type)

    # while it stands

    async def _watch(self) -> None:
        """What becomes of the path, told within a second; a DTLS that was closed, at once."""
        watch, closed = Watch(time.monotonic()), asyncio.Event()
        self._dtls.on("statechange", closed.set)
        while self._dtls.state == "connected":
            try:
                async with asyncio.timeout(WATCH_EVERY):
                    await closed.wait()
            except TimeoutError:
                self._look(watch)
        self._events.closed()

    def _look(self, watch: Watch) -> None:
        path, sounds = self._path, self._audio.packets_received
        match watch.look(time.monotonic(), path.heard, sounds, self._she_is_muted):
            case Told.SILENT:
                self._events.silent()
            case Told.BACK:
                self._events.up()
            case Told.NO_SOUND:
                self._events.no_sound()
        if path.is_cut_off():
            path.restart()

    def _open_channel(self, client: bool) -> None:
        """The data channel that carries MediaState; the caller opens it."""
        channel = self._channel = StateChannel(
            caller=self._caller,
            client=client,
            announced=self._negotiation.manners.channel_announced,
            send=self._send_sctp,
            counters=self.counters,
        )
        channel.on_open, channel.on_text = self._tell_state, self.receive
        self._dtls._register_data_receiver(channel)
        channel.start()

    def _send_sctp(self, packet: bytes) -> None:
        try:
            run(self._dtls._send_data(packet))
        except Exception as error:
            # closed just now, or OpenSSL would not: SCTP repeats it, or it is over
            log.debug("! data could not be sent: %r", error)

    def _tell_state(self) -> None:
        for message in self._negotiation.mute(self._muted):
            self._send(message)
        if self._channel is not None:
            self._channel.say(write(MediaState(self._muted)))

    def _do(self, work: Any, name: str) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("%s broke", name, exc_info=error)
                self._events.failed(f"{name} broke: {error}")

        task.add_done_callback(done)
