"""One connection: bytes to messages and back, and how long it has been at what."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from siptg.sip.errors import ProtocolError
from siptg.sip.flow import Address, Flow
from siptg.sip.transport.codec import Codec

if TYPE_CHECKING:
    from siptg.sip.transport.stream import StreamTransport


class Connection(asyncio.Protocol):
    """Made by a `StreamTransport`, which sweeps through all of them once a second."""

    def __init__(self, owner: StreamTransport, codec: Codec, *, ours: bool) -> None:
        self.owner, self.codec, self.ours = owner, codec, ours
        self.flow: Flow
        self.messages = 0
        self.last = self.begun = owner.now()
        """When something came last; when what is not complete yet began."""
        self.pinged: float | None = None
        self.waiting: list[bytes] = []
        """Messages that wait for a handshake."""
        self.transport: asyncio.Transport | None = None
        self._pongs = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        remote: Address = (str(peer[0]), int(peer[1])) if peer else ("", 0)
        ours = transport.get_extra_info("sockname") or ("", 0)
        local = self.owner.local_of(str(ours[0]), int(ours[1]))
        self.flow = Flow(self.owner.name, local, remote)
        if self.owner.admit(self):
            self._say(self.codec.outgoing())

    def data_received(self, data: bytes) -> None:
        now, owner = self.owner.now(), self.owner
        if not self.codec.busy:
            self.begun = now
        self.last = now
        try:
            messages = self.codec.feed(data)
        except ProtocolError as error:
            self._say(self.codec.outgoing())
            owner.drop(self, "garbage", error.reason)
            return
        if self.codec.pongs != self._pongs:
            self._pongs, self.pinged = self.codec.pongs, None
        self._say(self.codec.outgoing())
        if self.codec.ready and self.waiting:
            waiting, self.waiting = self.waiting, []
            for message in waiting:
                self.send(message)
        if messages:
            self.messages += len(messages)
            self.begun = now
            for message in messages:
                owner.receiver.received(message, self.flow)
            owner.receiver.flush()
        if self.codec.closed:
            owner.drop(self, "closed", "they closed it")

    def send(self, message: bytes) -> None:
        """Now, or as soon as the handshake is through."""
        limits = self.owner.limits
        if not self.codec.ready:
            if len(self.waiting) < limits.waiting:
                self.waiting.append(message)
            return
        self._say(self.codec.wrap(message))
        if self.transport and self.transport.get_write_buffer_size() > limits.unread:
            self.owner.drop(self, "unread", "they do not read what we send")

    def ping(self, now: float) -> None:
        self.last = now
        self.pinged = now if self._pongs else None
        self._say(self.codec.ping())

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner.lost(self, str(exc) if exc else "the connection was closed")

    def close(self) -> None:
        if self.transport is not None:
            if self.transport.get_write_buffer_size():
                self.transport.abort()
            else:
                self.transport.close()

    def _say(self, data: bytes) -> None:
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)
