"""Media of one call: ICE, DTLS-SRTP, and the negotiation of channels over the call's signalling."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from aiortc import RTCCertificate, RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport

from siptg.rtp.keys.dtls import exported_keys
from siptg.rtp.keys.srtp import SrtpError, SrtpSession
from siptg.rtp.wire import Poller
from siptg.telegram.media.audio import CallAudio
from siptg.telegram.media.ice import CallIce, IcePath, Media
from siptg.telegram.media.servers import Reflector, RelayServer
from siptg.telegram.signalling.negotiation import (
    Agreed,
    Candidates,
    Fingerprint,
    Malformed,
    Muted,
    Negotiation,
    News,
    Restart,
    Setup,
)

log = logging.getLogger(__name__)

SILENT_AFTER = 8.0
"""Seconds without any packet. A peer that is muted sends no sound, but asks for consent: ours every
six seconds at the latest."""
WATCH_EVERY = 1.0
ANSWER_WITHIN = 10.0
"""Seconds for the answer to an ICE restart of ours."""
MOST_NEWS = 256
MOST_EARLY = 100
"""Candidates kept until the credentials come."""

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


class _RawDtls(RTCDtlsTransport):
    """Hands RTP and RTCP over as bytes instead of routing them to aiortc's receivers. Only what
    comes by a relay, or before the keys were there, takes this way.
    """

    on_rtp: Callable[[bytes, float], object]
    on_rtcp: Callable[[bytes, float], object]

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self.on_rtp(data, time.monotonic())

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self.on_rtcp(data, time.monotonic())


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
        reflectors: Sequence[Reflector] = (),
        fixed_tags: bool = False,
    ) -> None:
        """`send` takes messages for the other end's engine; `poller` is the beat's: it empties
        the call's sockets once the call stands.
        """
        self.counters: Counter[str] = Counter()
        self._poller = poller
        self._audio, self._send, self._events = audio, send, events
        self._caller, self._addresses, self._servers, self._p2p = caller, addresses, servers, p2p
        self._reflectors, self._fixed_tags = reflectors, fixed_tags
        self._path = IcePath(self._new_ice())
        self._dtls = _RawDtls(self._path, [certificate()])  # type: ignore[arg-type]
        self._dtls.on_rtp, self._dtls.on_rtcp = audio.receive, audio.receive_rtcp
        self._negotiation = negotiation
        self._up = self._closing = False
        self._setup: asyncio.Future[Setup] = asyncio.get_running_loop().create_future()
        self._remote: Setup | None = None
        self._answer: asyncio.Future[Setup] | None = None
        """To an ICE restart of ours, where the dialect has one."""
        self._lines: list[str] = []
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self._sctp: RTCSctpTransport | None = None
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

    def restart(self) -> None:
        """A new path under the same keys: ICE again, with new credentials of ours."""
        self._do(self._restart(theirs=False), "ICE restart")

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._audio.attach(None, None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._sctp is not None and self._dtls.state == "connected":
            with contextlib.suppress(ConnectionError):
                await self._sctp.stop()
        await self._dtls.stop()
        await self._path.connection.close()

    # the way up

    async def _run(self) -> None:
        ice = self._path.connection
        try:
            await ice.gather_candidates()
            if self._caller:
                self._introduce(ice)
            remote = await self._setup
            if not self._caller:
                self._introduce(ice)
            await self._join(ice, remote)
            theirs = remote.fingerprints[0].setup
            client = self._negotiation.manners.is_client(theirs, caller=self._caller)
            self._dtls._set_role("client" if client else "server")
            prints = [RTCDtlsFingerprint(f.hash, f.value) for f in remote.fingerprints]
            await self._dtls.start(RTCDtlsParameters(fingerprints=prints))
        except ConnectionError as error:
            self._events.failed(f"no path: {error}; {self._told(ice)}")
            return
        if self._dtls.state != "connected":
            self._events.failed("security: DTLS failed, or a false certificate")
            return
        self._take_over(ice)
        self._up = True
        self._do(self._watch(), "media watch")
        self._do(self._open_channel(), "data channel")
        self._events.up()

    async def _join(self, ice: CallIce, remote: Setup) -> None:
        ice.remote_username, ice.remote_password = remote.ufrag, remote.pwd
        for line in self._lines:
            await ice.add_line(line)
        await ice.connect()

    def _introduce(self, ice: CallIce) -> None:
        own = next(
            f for f in self._dtls.getLocalParameters().fingerprints if f.algorithm == "sha-256"
        )
        prints = (Fingerprint("sha-256", self._negotiation.manners.setup, own.value),)
        about = Setup(ice.local_username, ice.local_password, prints)
        for message in self._negotiation.introduce(about, ice.lines()):
            self._send(message)

    def _take_over(self, ice: CallIce) -> None:
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
            path.heard = arrived

        def send(data: bytes) -> None:
            path.connection.send_now(protect(data))

        def send_rtcp(data: bytes) -> None:
            path.connection.send_now(protect_rtcp(data))

        self._decrypt = take
        self._use(ice)
        audio.attach(send, send_rtcp)

    def _use(self, ice: CallIce) -> None:
        ice.media = self._decrypt
        if self._poller is not None:
            ice.give_to(self._poller)

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
                self._take_setup(news)
            case Candidates(lines):
                for line in lines:
                    if len(self._lines) < MOST_EARLY:
                        self._lines.append(line)
                    if self._remote is not None and not await self._path.connection.add_line(line):
                        self.counters["candidate_skipped"] += 1
            case Muted(muted):
                self._events.muted(muted)
            case Agreed(send_type, receive_type):
                self._audio.agree(send_type, receive_type)

    def _take_setup(self, setup: Setup) -> None:
        before, self._remote = self._remote, setup
        if not self._setup.done():
            self._setup.set_result(setup)
        elif before is not None and before.ufrag != setup.ufrag and self._up:
            self._lines.clear()  # of the old credentials
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(setup)
            else:
                self._do(self._restart(theirs=True), "ICE restart")

    # while it stands

    async def _watch(self) -> None:
        """Silence is told once a SILENT_AFTER; a DTLS that was closed is told at once."""
        told = time.monotonic()
        while True:
            await asyncio.sleep(WATCH_EVERY if self._dtls.state == "connected" else 0)
            if self._dtls.state in ("closed", "failed"):
                self._events.closed()
                return
            now, was = time.monotonic(), told
            heard = max(self._path.heard, self._path.connection.heard)
            if now - heard >= SILENT_AFTER and now - was >= SILENT_AFTER:
                told = now
                self._events.silent()
            elif heard > was and now - heard < WATCH_EVERY:
                self._events.up()

    async def _open_channel(self) -> None:
        """The data channel that carries MediaState; the caller opens it."""
        sctp = self._sctp = RTCSctpTransport(self._dtls)

        def use(channel: RTCDataChannel) -> None:
            channel.on("message", self._channel_message)

        sctp.on("datachannel", use)
        announced = self._negotiation.manners.channel_announced
        if self._caller or not announced:
            about = RTCDataChannelParameters(label="data", id=0, negotiated=not announced)
            use(RTCDataChannel(sctp, about))
        await sctp.start(RTCSctpCapabilities(maxMessageSize=262_144), 5000)

    def _channel_message(self, text: str | bytes) -> None:
        self.receive(text.encode() if isinstance(text, str) else text)

    async def _restart(self, *, theirs: bool) -> None:
        """`theirs`: they began it, with credentials that we have."""
        remote, old = self._remote, self._path.connection
        way = Restart.FREE if theirs else self._negotiation.manners.restart
        if remote is None or self._closing or way is Restart.NEVER:
            return
        ice = self._new_ice()
        try:
            await ice.gather_candidates()
            if way is Restart.ANSWERED:
                self._answer = asyncio.get_running_loop().create_future()
            self._introduce(ice)
            if way is Restart.ANSWERED and self._answer is not None:
                remote = await asyncio.wait_for(self._answer, ANSWER_WITHIN)
            await self._join(ice, remote)
        except (ConnectionError, OSError) as error:  # TimeoutError is one
            log.info("! no new path: %s", error)
            await ice.close()
            return
        self._path.connection = ice
        self._use(ice)
        await old.close()
        log.info("= a new path stands")
        self._events.up()

    def _told(self, ice: CallIce) -> str:
        ours = ", ".join(sorted({c.type for c in ice.local_candidates})) or "none"
        theirs = ", ".join(sorted({c.type for c in ice.remote_candidates})) or "none"
        direct = "allowed" if self._p2p else "forbidden"
        return f"our candidates: {ours}; theirs: {theirs}; direct paths {direct}"

    def _do(self, work: Any, name: str) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("%s broke", name, exc_info=error)
                self._events.failed(f"{name} broke: {error}")

        task.add_done_callback(done)
