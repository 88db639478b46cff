"""Headless Chromium as the other end: a page of ours turns messages into its descriptions.

The page (`browser/`) speaks over a WebSocket on loopback. What carries messages is written out here
for Telegram Web: a counter with its low byte first, JSON padded with blanks, nothing repeated,
nothing dropped. For 10 and 11 it is ours; ntgcalls has proven that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, Request, TextMessage

from siptg.telegram.signalling.channel import Channel
from siptg.telegram.signalling.cipher import SignallingCipher
from siptg.telegram.signalling.versions import VERSIONS
from tests.world.process import need

PAGE = Path(__file__).with_name("browser") / "peer.html"
COMMAND = (
    *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    # addresses instead of names that only multicast DNS knows
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
    *("--disable-background-networking", "--disable-dev-shm-usage", "--mute-audio"),
)
STARTS_WITHIN = 30.0


class Chromium:
    """What it told: `heard` (Hz), `states`, `got` (our messages), `channel` (the data channel's),
    `errors`.
    """

    video = False
    """It offers pictures too, where the dialect lets it choose."""

    def __init__(self, on_signal: Callable[[bytes], None]) -> None:
        need("chromium", "chromium")
        self._on_signal = on_signal
        self.heard: list[float] = []
        self.states: list[str] = []
        self.got: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        self.channel: list[dict[str, Any]] = []
        self.opened: list[int] = []
        self.errors: list[str] = []
        self._wire: Channel | WebWire

    async def __aenter__(self) -> Self:
        self._stack = contextlib.AsyncExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self._page: asyncio.Future[Page] = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._stack.push_async_callback(_closed, server)
        port = server.sockets[0].getsockname()[1]
        address = f"{PAGE.as_uri()}#ws://127.0.0.1:{port}"
        command = (*COMMAND, f"--user-data-dir={folder}", address)
        browser = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        self._stack.push_async_callback(_ended, browser)
        try:
            self._to = await asyncio.wait_for(self._page, STARTS_WITHIN)
        except TimeoutError:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if hasattr(self, "_wire"):
            self._wire.close()
        await self._stack.aclose()

    def start(self, key: bytes, *, outgoing: bool, hz: float, versions: Sequence[str]) -> None:
        web = versions[0].startswith("4.")
        cipher = SignallingCipher(key, caller=outgoing)
        if web:
            self._wire = WebWire(cipher, self._on_signal, self._deliver)
        else:
            opens = VERSIONS[versions[0]].open
            self._wire = opens(cipher, outgoing, self._on_signal, self._deliver)
        dialect = "web" if web else "sdp"
        self.tell(do="start", dialect=dialect, outgoing=outgoing, hz=hz, video=self.video)

    def signal(self, packet: bytes) -> None:
        self._wire.receive(packet)

    def tell(self, **line: object) -> None:
        self._to.send(json.dumps(line))

    async def hears(self, hz: float, seconds: float = 15.0) -> None:
        await self.until(
            lambda: bool(self.heard) and abs(self.heard[-1] - hz) < 5, f"{hz} Hz", seconds
        )

    async def until(self, holds: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not holds():
                    await asyncio.sleep(0.05)
                return
        told = f"heard {self.heard[-8:]}, {self.states}, {self.errors}, got {self.got}"
        raise TimeoutError(f"no {what}: {told}")

    def _deliver(self, text: bytes) -> None:
        self.got.append(json.loads(text))
        self.tell(do="signal", message=self.got[-1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        page = Page(writer)
        try:
            while data := await reader.read(1 << 16):
                for line in page.receive(data):
                    self._take(json.loads(line), page)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _take(self, line: dict[str, Any], page: Page) -> None:
        if "ready" in line and not self._page.done():
            self._page.set_result(page)
        if "signal" in line:
            self.said.append(line["signal"])
            self._wire.post(json.dumps(line["signal"]).encode())
        for kind, kept in (
            ("heard", self.heard),
            ("state", self.states),
            ("channel", self.channel),
            ("opened", self.opened),
            ("error", self.errors),
        ):
            if kind in line:
                kept.append(line[kind])


class Page:
    """Our end of the WebSocket (RFC 6455)."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer, self._socket = writer, WSConnection(ConnectionType.SERVER)
        self._text = ""

    def receive(self, data: bytes) -> list[str]:
        """The whole texts that it brings."""
        self._socket.receive_data(data)
        found = []
        for event in self._socket.events():
            match event:
                case Request():
                    self._writer.write(self._socket.send(AcceptConnection()))
                case TextMessage():
                    self._text += event.data
                    if event.message_finished:
                        found.append(self._text)
                        self._text = ""
                case Ping() | CloseConnection():
                    self._writer.write(self._socket.send(event.response()))
        return found

    def send(self, text: str) -> None:
        if not self._writer.is_closing():
            self._writer.write(self._socket.send(TextMessage(text)))


class WebWire:
    """Telegram Web's framing, as it is read."""

    def __init__(
        self,
        cipher: SignallingCipher,
        emit: Callable[[bytes], None],
        deliver: Callable[[bytes], None],
    ) -> None:
        self._cipher, self._emit, self._deliver, self._count = cipher, emit, deliver, 0

    def post(self, text: bytes) -> None:
        self._count += 1
        text += b" " * (-len(text) % 4)
        self._emit(self._cipher.seal(struct.pack("<I", self._count) + text))

    def receive(self, packet: bytes) -> None:
        body = self._cipher.open(packet)
        if body is None:
            raise ValueError("a packet that does not decrypt")
        self._deliver(body[4:])

    def close(self) -> None:
        pass


async def _closed(server: asyncio.Server) -> None:
    server.close()


async def _ended(browser: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        browser.terminate()
    try:
        await asyncio.wait_for(browser.wait(), 5)
    except TimeoutError:
        browser.kill()
        await browser.wait()
